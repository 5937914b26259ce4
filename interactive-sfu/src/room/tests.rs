mod listing;

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

#[tokio::test]
async fn who_joins_is_told_of_the_others_and_they_of_them_and_data_is_offered_at_once() {
    let sfu = sfu();
    let mut ann = Participant::join(&sfu, grants("ann")).await;
    let offer = ann.find(|message| if let Message::Offer(offer) = message { Some(offer) } else { None }).await;
    let described = RemoteDescription::parse(&offer.sdp).unwrap();
    assert_eq!((offer.id, described.sections.len(), described.sections[0].data), (1, 1, true));

    let mut connection = sfu.connect(request(grants("ben"))).await.unwrap();
    let Frame::Binary(first) = connection.ready().await.swap_remove(0) else { panic!() };
    let Some(Message::Join(join)) = proto::SignalResponse::decode(first).unwrap().message else { panic!() };
    assert_eq!((join.other_participants[0].identity.as_str(), join.room.unwrap().num_participants), ("ann", 2));
    assert!(join.ping_interval > 0 && join.ping_timeout > 0 && !join.server_info.unwrap().version.is_empty());
    assert!(join.participant.unwrap().permission.unwrap().can_publish && join.subscriber_primary);
    assert_eq!(ann.update_of("ben").await.state(), Presence::Joined);
    sfu.shutdown().await;
}

#[tokio::test]
async fn the_hidden_see_and_are_not_seen() {
    let sfu = sfu();
    let mut ann = Participant::join(&sfu, grants("ann")).await;
    let mut ghost = Participant::join(&sfu, Grants { hidden: true, ..grants("ghost") }).await;
    let _ben = Participant::join(&sfu, grants("ben")).await;
    ghost.update_of("ben").await;
    let first = ann
        .find(|message| match message {
            Message::Update(update) => update.participants.into_iter().find(|one| one.identity != "ann"),
            _ => None,
        })
        .await;
    assert_eq!(first.identity, "ben");
    assert_eq!(sfu.participants("r", false).len(), 2);
    sfu.shutdown().await;
}

#[tokio::test]
async fn a_second_of_the_same_identity_replaces_the_first_and_a_full_room_is_full() {
    let sfu = sfu();
    let mut first = Participant::join(&sfu, grants("ann")).await;
    let _second = Participant::join(&sfu, grants("ann")).await;
    assert_eq!(first.left().await.0, proto::DisconnectReason::DuplicateIdentity);
    let _others = (Participant::join(&sfu, grants("b")).await, Participant::join(&sfu, grants("c")).await);
    assert!(matches!(sfu.connect(request(grants("d"))).await.err(), Some(SfuError::NoSeat(NoSeat::RoomFull))));
    sfu.shutdown().await;
}

#[tokio::test]
async fn a_track_is_announced_negotiated_told_to_others_muted_and_withdrawn() {
    let sfu = sfu();
    let (mut ann, mut ben) =
        (Participant::join(&sfu, grants("ann")).await, Participant::join(&sfu, grants("ben")).await);
    let announced = ann.announce("mic").await.unwrap();
    assert_eq!(ann.announce("mic").await.unwrap().sid, announced.sid, "asked twice, it is one");
    ann.offer(OFFER);
    let answer = ann.find(|message| if let Message::Answer(answer) = message { Some(answer) } else { None }).await;
    let described = RemoteDescription::parse(&answer.sdp.replace("passive", "active")).unwrap();
    assert_eq!((answer.id, described.sections[0].direction.receives()), (7, true));
    let mut order = Vec::new();
    while order.len() < 2 {
        match ben.next().await.unwrap() {
            Message::Update(update) if !update.participants[0].tracks.is_empty() => order.push("update"),
            Message::Offer(_) if order.is_empty() => {
                // The first offer, of before; an answer lets the next one come.
                ben.say(Request::Answer(proto::SessionDescription {
                    sdp: OFFER.replace("actpass", "active").replace("sendonly", "recvonly"),
                    ..Default::default()
                }));
            }
            Message::Offer(offer) => {
                assert_eq!(offer.mid_to_track_id["1"], announced.sid);
                order.push("offer");
            }
            _ => {}
        }
    }
    assert_eq!(order, ["update", "offer"], "who is told of a track first knows what to make of it");

    ann.say(Request::Mute(proto::MuteTrackRequest { sid: announced.sid.clone(), muted: true }));
    assert!(ben.update_of("ann").await.tracks[0].muted);
    ann.say(Request::Mute(proto::MuteTrackRequest { sid: "TR_unknown".into(), muted: true }));
    ann.offer(&OFFER.replace("sendonly", "inactive"));
    assert!(ben.update_of("ann").await.tracks.is_empty(), "a section that sends no more ends its track");
    sfu.shutdown().await;
}

#[tokio::test]
async fn on_one_connection_the_client_offers_and_is_asked_for_the_sections_that_are_missing() {
    let sfu = sfu();
    let mut ann = Participant::join(&sfu, grants("ann")).await;
    let track = ann.announce("mic").await.unwrap();
    ann.offer(OFFER);
    let first = proto::SessionDescription { sdp: OFFER.replace("sendonly", "inactive"), id: 1, ..Default::default() };
    let mut one = request(grants("ben"));
    one.client.single_connection = true;
    one.requests = vec![Request::Offer(first)];
    let mut ben = Participant::of(sfu.connect(one).await.unwrap());
    let Some(Message::Join(join)) = ben.next().await else { panic!("join comes first") };
    assert!(!join.subscriber_primary && join.other_participants[0].tracks.len() == 1);
    let answer = ben.find(|message| if let Message::Answer(answer) = message { Some(answer) } else { None }).await;
    assert!(answer.id == 1 && answer.mid_to_track_id.is_empty(), "it has no section to receive on");
    let missing = ben.find(|message| match message {
        Message::MediaSectionsRequirement(missing) => Some((missing.num_audios, missing.num_videos)),
        _ => None,
    });
    assert_eq!(missing.await, (1, 0));
    ben.offer(&OFFER.replace("sendonly", "recvonly"));
    let answer = ben.find(|message| if let Message::Answer(answer) = message { Some(answer) } else { None }).await;
    assert_eq!((answer.id, &answer.mid_to_track_id["0"]), (7, &track.sid));
    assert!(answer.sdp.contains("a=sendonly") && answer.sdp.contains(&track.sid));
    sfu.shutdown().await;
}

#[tokio::test]
async fn what_may_not_or_cannot_be_published_is_refused_with_a_reason() {
    let sfu = sfu();
    let listener = Grants { can_publish_sources: vec!["camera".into()], ..grants("ann") };
    assert_eq!(Participant::join(&sfu, listener).await.announce("mic").await, Err(Reason::NotAllowed));
    let mut ben = Participant::join(&sfu, grants("ben")).await;
    assert_eq!(ben.announce("").await, Err(Reason::InvalidRequest));
    assert_eq!(ben.announce(&"x".repeat(300)).await, Err(Reason::InvalidRequest));
    assert!(ben.announce("1").await.is_ok() && ben.announce("2").await.is_ok());
    assert_eq!(ben.announce("3").await, Err(Reason::LimitExceeded));
    ben.say(Request::AddTrack(proto::AddTrackRequest { sid: "TR_x".into(), ..Default::default() }));
    let reason = ben.find(|message| match message {
        Message::RequestResponse(response) => Some(response.reason()),
        _ => None,
    });
    assert_eq!(reason.await, Reason::NotFound);
    ben.say(Request::UpdateMetadata(proto::UpdateParticipantMetadata { request_id: 9, ..Default::default() }));
    let reason = ben.find(|message| match message {
        Message::RequestResponse(response) => Some((response.request_id, response.reason())),
        _ => None,
    });
    assert_eq!(reason.await, (9, Reason::NotAllowed));
    sfu.shutdown().await;
}

#[tokio::test]
async fn nonsense_ends_whoever_says_it_and_nobody_else_notices() {
    let sfu = sfu();
    let (mut ann, mut ben) =
        (Participant::join(&sfu, grants("ann")).await, Participant::join(&sfu, grants("ben")).await);
    // Out of order, repeated and unknown: nothing comes of it.
    let answer = proto::SessionDescription { sdp: OFFER.replace("actpass", "active"), id: 99, ..Default::default() };
    ann.say(Request::Answer(answer));
    let unknown = vec!["TR_x".to_owned(); 5];
    ann.say(Request::Subscription(proto::UpdateSubscription { track_sids: unknown.clone(), ..Default::default() }));
    ann.say(Request::TrackSetting(proto::UpdateTrackSettings { track_sids: unknown, ..Default::default() }));
    ann.say(Request::Trickle(proto::TrickleRequest { candidate_init: "{".into(), ..Default::default() }));
    ann.say(Request::PingReq(proto::Ping { timestamp: 5, rtt: 0 }));
    let pong = ann.find(|message| if let Message::PongResp(pong) = message { Some(pong) } else { None }).await;
    assert_eq!(pong.last_ping_timestamp, 5);
    assert!(ann.connection.receive(Frame::Binary(vec![0xff; 100].into())).is_err());

    ann.offer("v=0\r\nnonsense");
    assert_eq!(ann.left().await, (proto::DisconnectReason::StateMismatch, proto::leave_request::Action::Reconnect));
    assert_eq!(ben.update_of("ann").await.state(), Presence::Disconnected);
    assert!(ben.announce("mic").await.is_ok());
    sfu.shutdown().await;
}

#[tokio::test]
async fn a_lost_connection_is_resumed_or_after_a_while_given_up() {
    let sfu = sfu();
    let (ann, mut ben) = (Participant::join(&sfu, grants("ann")).await, Participant::join(&sfu, grants("ben")).await);
    let sid = ann.sid.clone();
    drop(ann);
    let resume = |grants, sid: &str| ConnectRequest { resume: Some(sid.into()), ..request(grants) };
    let connection = sfu.connect(resume(grants("ann"), &sid)).await.unwrap();
    let mut again = Participant { sid: sid.clone(), ..Participant::of(connection) };
    assert!(matches!(again.next().await, Some(Message::Reconnect(_))));
    let Some(Message::Update(update)) = again.next().await else { panic!("an update follows") };
    let told: Vec<&str> = update.participants.iter().map(|one| one.identity.as_str()).collect();
    assert_eq!(told, ["ann", "ben"], "oneself first");
    assert!(matches!(again.next().await, Some(Message::RoomUpdate(_))));
    assert!(matches!(again.next().await, Some(Message::Offer(_))), "ICE begins anew");

    // A stranger, and a session of somebody else.
    for (identity, sid) in [("ann", "PA_unknown"), ("cat", sid.as_str())] {
        let connection = sfu.connect(resume(grants(identity), sid)).await.unwrap();
        let mut refused = Participant::of(connection);
        let mismatch = (proto::DisconnectReason::StateMismatch, proto::leave_request::Action::Reconnect);
        assert_eq!(refused.left().await, mismatch, "{identity} {sid}");
    }
    drop(again);
    sfu.driver().tick(later(29));
    assert_eq!(sfu.participants("r", false).len(), 2, "they may come back");
    sfu.driver().tick(later(31));
    let gone = loop {
        let told = ben.update_of("ann").await;
        if told.state() == Presence::Disconnected {
            break told;
        }
    };
    assert_eq!(gone.disconnect_reason(), proto::DisconnectReason::SignalClose);
    assert_eq!(sfu.participants("r", false).len(), 1);
    sfu.shutdown().await;
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_cut_off_and_costs_nobody_else() {
    let sfu = sfu();
    let mut ann = Participant::join(&sfu, Grants { can_update_own_metadata: true, ..grants("ann") }).await;
    let lazy = Participant::join(&sfu, grants("lazy")).await;
    for n in 0..600 {
        let name = format!("ann {n}");
        ann.say(Request::UpdateMetadata(proto::UpdateParticipantMetadata { name, ..Default::default() }));
        sfu.driver().tick(Now::read());
        while ann.update_of("ann").await.name != format!("ann {n}") {}
    }
    sfu.driver().tick(Now::read());
    sfu.driver().tick(later(31));
    assert_eq!(ann.update_of("lazy").await.state(), Presence::Disconnected);
    drop(lazy);
    sfu.shutdown().await;
}

#[tokio::test]
async fn tokens_are_renewed_while_somebody_stays() {
    let sfu = sfu();
    let mut ann = Participant::join(&sfu, grants("ann")).await;
    sfu.driver().tick(later(301));
    let token = ann.find(|message| if let Message::RefreshToken(token) = message { Some(token) } else { None }).await;
    let renewed = Keys::new("k", "s").verify(&token, later(301).utc).unwrap();
    assert_eq!((renewed.identity.as_deref(), renewed.name.as_str(), renewed.can_publish), (Some("ann"), "ANN", true));
    sfu.shutdown().await;
}
