//! A participant of LiveKit's protocol that publishes a camera and a microphone on one peer connection, and watches
//! nobody.

use livekit_protocol as proto;
use livekit_protocol::signal_request::Message as Request;

use crate::candidate;
use crate::error::Result;
use crate::http::Http;
use crate::ice::Secret;
use crate::livekit::PUBLISHER;
use crate::peer::{Credentials, Peer, Signalled};
use crate::sdp::{Answer, Direction, Offer, Video};
use crate::session::Session;
use crate::signal::Signal;

/// A participant whose peer connection is up.
pub struct LivekitSpeaker {
    /// Carries what is published: the picture with the SSRC asked for, the sound with the next one.
    pub peer: Peer,
    /// The ids of camera and microphone.
    pub tracks: [String; 2],
    signal: Signal,
    /// Bytes of messages that the server has sent since the peer connection is up.
    pub heard_bytes: u64,
}

impl LivekitSpeaker {
    /// Joins with a token that does not allow watching, announces both tracks and connects.
    pub fn join(http: &Http, credentials: &Credentials, token: &str, ssrc: u32) -> Result<Self> {
        let (mut signal, _) = Signal::join(http, token, false)?;
        let camera = proto::AddTrackRequest {
            // As the offer's msid has it.
            cid: "video".to_owned(),
            r#type: proto::TrackType::Video.into(),
            source: proto::TrackSource::Camera.into(),
            width: 320,
            height: 180,
            ..proto::AddTrackRequest::default()
        };
        let microphone = proto::AddTrackRequest {
            cid: "audio".to_owned(),
            r#type: proto::TrackType::Audio.into(),
            source: proto::TrackSource::Microphone.into(),
            disable_red: true,
            ..proto::AddTrackRequest::default()
        };
        let tracks = [signal.announce(camera)?, signal.announce(microphone)?];
        let (secret, (socket, local)) = (Secret::random(), signal.bind()?);
        let offer = Offer {
            direction: Direction::Publish,
            video: Some(Video::Vp8),
            audio: true,
            ufrag: secret.ufrag.clone(),
            pwd: secret.pwd.clone(),
            fingerprint: credentials.fingerprint().to_owned(),
            ssrc,
        };
        let sdp = offer.print();
        let offer = proto::SessionDescription { r#type: "offer".into(), sdp, id: 1, ..Default::default() };
        signal.say(Request::Offer(offer))?;
        let (candidate_init, target) = (candidate::print_init(local), proto::SignalTarget::Publisher.into());
        signal.say(Request::Trickle(proto::TrickleRequest { candidate_init, target, ..Default::default() }))?;
        let answer = signal.wait("an answer with a candidate", |heard| {
            Answer::parse_trickled(&heard.answer.as_ref()?.sdp, &heard.candidates[PUBLISHER]).ok()
        })?;
        let signalled = Signalled::answered(answer, Session::none(), secret).with_socket(socket);
        Ok(Self { peer: Peer::connect(credentials, signalled)?, tracks, signal, heard_bytes: 0 })
    }

    /// To be called every second or so: reads what the server has said meanwhile, and pings it. `Err` once it bids to
    /// leave or has ended the connection.
    pub fn beat(&mut self) -> Result<()> {
        self.heard_bytes += self.signal.attend()?;
        Ok(())
    }

    /// Leaves the room.
    pub fn leave(&mut self) -> Result<()> {
        self.signal.leave()
    }
}

impl Signal {
    /// Announces a track; its id.
    fn announce(&mut self, track: proto::AddTrackRequest) -> Result<String> {
        self.say(Request::AddTrack(track))?;
        Ok(self.wait("a track being published", |heard| heard.published.take())?.sid)
    }
}
