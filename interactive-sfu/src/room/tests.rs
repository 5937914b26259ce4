//! Rooms of a running SFU, as clients of LiveKit's protocol without media meet them.

mod joining;
mod listing;
mod publishing;
mod refusals;
mod resuming;

use std::collections::VecDeque;
use std::time::Duration;

use livekit_protocol as proto;
use livekit_protocol::participant_info::State as Presence;
use livekit_protocol::request_response::Reason;
use livekit_protocol::signal_request::Message as Request;
use livekit_protocol::signal_response::Message;
use prost::Message as _;

use crate::control::{NoSeat, SeatLimits};
use crate::room::now::Now;
use crate::signalling::livekit::Frame;
use crate::signalling::sdp::RemoteDescription;
use crate::{Client, Config, ConnectRequest, Connection, Sfu, SfuError};
use access::{Grants, Keys, nobody};

const OFFER: &str = "v=0\r\no=- 46 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
    m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-mux\r\na=sendonly\r\na=msid:s mic\r\n\
    a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=setup:actpass\r\n\
    a=fingerprint:sha-256 AB:CD:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:FF\r\n";

/// A moment so many seconds from now.
fn later(seconds: u64) -> Now {
    let (now, wait) = (Now::read(), Duration::from_secs(seconds));
    Now { instant: now.instant + wait, utc: now.utc + wait }
}

fn sfu() -> Sfu {
    let config = Config {
        addresses: vec!["127.0.0.1".parse().unwrap()],
        port: 0,
        shards: 1,
        tracks_per_participant_max: 2,
        participants_per_room_max: 3,
        ..Config::default()
    };
    Sfu::start(config, Keys::new("k", "s")).unwrap()
}

fn grants(identity: &str) -> Grants {
    Grants {
        identity: identity.parse().ok(),
        name: identity.to_uppercase(),
        room: Some("r".into()),
        room_join: true,
        can_publish: true,
        can_subscribe: true,
        can_publish_data: true,
        ..nobody()
    }
}

fn request(grants: Grants) -> ConnectRequest {
    ConnectRequest {
        room: "r".parse().unwrap(),
        identity: grants.identity.clone().unwrap(),
        grants,
        about: proto::Room { name: "r".into(), ..Default::default() },
        seats: SeatLimits::default(),
        ice_servers: vec![],
        local: true,
        resume: None,
        client: Client { auto_subscribe: true, single_connection: false, sdk: "test".into(), protocol: 16 },
        requests: vec![],
    }
}

/// A client without media: what it is told, and what it says.
struct Participant {
    connection: Connection,
    /// Frames that came with the last one.
    ready: VecDeque<Frame>,
    sid: String,
}

impl Participant {
    fn of(connection: Connection) -> Self {
        Self { connection, ready: VecDeque::new(), sid: String::new() }
    }

    async fn join(sfu: &Sfu, grants: Grants) -> Self {
        let mut participant = Self::of(sfu.connect(request(grants)).await.unwrap());
        let Message::Join(join) = participant.next().await.unwrap() else { panic!("join comes first") };
        participant.sid = join.participant.unwrap().sid;
        participant
    }

    async fn next(&mut self) -> Option<Message> {
        if self.ready.is_empty() {
            let ready = tokio::time::timeout(Duration::from_secs(5), self.connection.ready()).await;
            self.ready = ready.expect("a message").into();
        }
        let Frame::Binary(bytes) = self.ready.pop_front()? else { panic!("text to a binary client") };
        proto::SignalResponse::decode(bytes).unwrap().message
    }

    /// The next message that is of interest.
    async fn find<T>(&mut self, mut is: impl FnMut(Message) -> Option<T>) -> T {
        loop {
            let message = self.next().await.expect("the connection ended");
            if let Some(found) = is(message) {
                return found;
            }
        }
    }

    async fn update_of(&mut self, identity: &str) -> proto::ParticipantInfo {
        self.find(|message| match message {
            Message::Update(update) => update.participants.into_iter().find(|one| one.identity == identity),
            _ => None,
        })
        .await
    }

    /// Why it was told to leave; nothing follows.
    async fn left(&mut self) -> (proto::DisconnectReason, proto::leave_request::Action) {
        let leave = self.find(|message| if let Message::Leave(leave) = message { Some(leave) } else { None }).await;
        assert_eq!(self.next().await, None, "nothing follows");
        (leave.reason(), leave.action())
    }

    fn say(&mut self, request: Request) {
        let request = proto::SignalRequest { message: Some(request) };
        self.connection.receive(Frame::Binary(request.encode_to_vec().into())).unwrap();
    }

    /// Announces a microphone, and tells what is answered.
    async fn announce(&mut self, cid: &str) -> Result<proto::TrackInfo, Reason> {
        self.say(Request::AddTrack(proto::AddTrackRequest {
            cid: cid.into(),
            source: proto::TrackSource::Microphone.into(),
            ..Default::default()
        }));
        self.find(|message| match message {
            Message::TrackPublished(published) => Some(Ok(published.track.unwrap())),
            Message::RequestResponse(response) => Some(Err(response.reason())),
            _ => None,
        })
        .await
    }

    fn offer(&mut self, sdp: &str) {
        let offer = proto::SessionDescription { r#type: "offer".into(), sdp: sdp.into(), id: 7, ..Default::default() };
        self.say(Request::Offer(offer));
    }
}
