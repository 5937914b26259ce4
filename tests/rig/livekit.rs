//! A client of LiveKit's protocol, for load: one track published, any number watched. Blocking, like [`crate::peer`].
//!
//! With two peer connections, as `/rtc` has it: what is published on the one, and what is watched on the other, whose offers are the
//! server's and are answered as they come.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use livekit_protocol as proto;
use livekit_protocol::signal_request::Message as Request;
use livekit_protocol::signal_response::Message;
use prost::Message as _;
use tungstenite::{Bytes, WebSocket};

use crate::error::{Error, Result};
use crate::http::Http;
use crate::peer::{Credentials, Signalled};
use crate::sdp::{Answer, Direction, Offer, Video};
use crate::session::Session;

/// A message may take so long.
const MESSAGE_MAX: Duration = Duration::from_secs(10);
/// How often the server wants to hear of us.
const PING_INTERVAL: Duration = Duration::from_secs(5);

/// A signal connection.
pub struct Signal {
    socket: WebSocket<TcpStream>,
    pinged: Instant,
    /// What offers are answered with, for who watches.
    answering: Option<Answering>,
}

/// Our end of the peer connection that the server offers.
struct Answering {
    ufrag: String,
    pwd: String,
    fingerprint: String,
}

impl std::fmt::Debug for Signal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signal").finish_non_exhaustive()
    }
}

impl Signal {
    /// Joins. `auto_subscribe`: every track is to be sent, without being asked for.
    pub fn join(http: &Http, token: &str, auto_subscribe: bool) -> Result<(Self, proto::JoinResponse)> {
        let url = http.origin().replacen("http", "ws", 1);
        let host = url.trim_start_matches("ws://").to_owned();
        let subscribe = u8::from(auto_subscribe);
        let url = format!("{url}/rtc?access_token={token}&auto_subscribe={subscribe}&protocol=16&sdk=rig&version=1");
        let stream = TcpStream::connect(&host).map_err(Error::io("connecting to the server"))?;
        stream.set_nodelay(true).map_err(Error::io("setting up a connection"))?;
        stream.set_read_timeout(Some(MESSAGE_MAX)).map_err(Error::io("setting up a connection"))?;
        let refused = |error: String| Error::Child(format!("the signal connection is refused: {error}"));
        let (socket, _) = tungstenite::client(url, stream).map_err(|error| refused(error.to_string()))?;
        let mut signal = Self { socket, pinged: Instant::now(), answering: None };
        let join = signal.find(|message| if let Message::Join(join) = message { Some(join) } else { None })?;
        Ok((signal, join))
    }

    fn say(&mut self, request: Request) -> Result<()> {
        let request = proto::SignalRequest { message: Some(request) };
        let message = tungstenite::Message::Binary(Bytes::from(request.encode_to_vec()));
        self.socket.send(message).map_err(|error| Error::Child(format!("the signal connection: {error}")))
    }

    /// The next message that is of interest.
    fn find<T>(&mut self, mut is: impl FnMut(Message) -> Option<T>) -> Result<T> {
        let until = Instant::now() + MESSAGE_MAX;
        while Instant::now() < until {
            let message = self.socket.read();
            let message = message.map_err(|error| Error::Child(format!("the signal connection: {error}")))?;
            let tungstenite::Message::Binary(bytes) = message else { continue };
            let response = proto::SignalResponse::decode(bytes);
            let message = response.map_err(|error| Error::Child(format!("a signal message: {error}")))?.message;
            if let Some(Message::Leave(leave)) = &message {
                return Err(Error::Child(format!("the server bids to leave: {leave:?}")));
            }
            if let Some(Message::Offer(offer)) = &message {
                self.answer(offer)?;
            }
            if let Some(found) = message.and_then(&mut is) {
                return Ok(found);
            }
        }
        Err(Error::Child("the server does not say what is awaited".into()))
    }

    /// Takes all that is offered.
    fn answer(&mut self, offer: &proto::SessionDescription) -> Result<()> {
        let Some(Answering { ufrag, pwd, fingerprint }) = &self.answering else { return Ok(()) };
        let sdp = mirrored(&offer.sdp, ufrag, pwd, fingerprint);
        let answer = proto::SessionDescription { r#type: "answer".into(), sdp, id: offer.id, ..Default::default() };
        self.say(Request::Answer(answer))
    }

    /// To be called now and then, so that the server knows that we are there. What it says meanwhile is read and dropped.
    pub fn beat(&mut self) {
        if self.pinged.elapsed() < PING_INTERVAL {
            return;
        }
        self.pinged = Instant::now();
        let _ = self.say(Request::PingReq(proto::Ping::default()));
        if self.socket.get_ref().set_nonblocking(true).is_ok() {
            while self.socket.read().is_ok() {}
            let _ = self.socket.get_ref().set_nonblocking(false);
        }
    }

    /// Says nothing, and reads what the server says until it ends the connection. How long that took; `Err` after `max`.
    pub fn wait_for_end(&mut self, max: Duration) -> Result<Duration> {
        let start = Instant::now();
        while start.elapsed() < max {
            match self.socket.read() {
                Ok(message) if !message.is_close() => {}
                // Nothing within the socket's own time limit.
                Err(tungstenite::Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Ok(_) | Err(_) => return Ok(start.elapsed()),
            }
        }
        let what = "the end of a signal connection".to_owned();
        Err(Error::Timeout { what, seconds: max.as_secs(), detail: String::new() })
    }

    /// Leaves.
    pub fn leave(&mut self) -> Result<()> {
        self.say(Request::Leave(proto::LeaveRequest::default()))
    }
}

/// Our end of ICE.
fn ice() -> (String, String) {
    (format!("{:08x}", rand::random::<u32>()), format!("{:016x}{:016x}", rand::random::<u64>(), rand::random::<u64>()))
}

/// Publishes a VP8 track. The token must not allow watching: there would be a second peer connection.
pub fn publish(http: &Http, credentials: &Credentials, token: &str, ssrc: u32) -> Result<Signalled> {
    let (mut signal, _) = Signal::join(http, token, false)?;
    let (answer, ufrag, _) = signal.publish(credentials, ssrc)?;
    Ok(Signalled::new(answer, Session::of(signal), ufrag))
}

/// Watches the picture of `whom`. `auto_subscribe`: nobody else publishes.
pub fn watch(
    http: &Http,
    credentials: &Credentials,
    token: &str,
    whom: &str,
    auto_subscribe: bool,
) -> Result<Signalled> {
    let (mut signal, join) = Signal::join(http, token, auto_subscribe)?;
    signal.answer_with(credentials);
    let video = |track: &&proto::TrackInfo| track.r#type() == proto::TrackType::Video;
    let published = join.other_participants.iter().find(|other| other.identity == whom);
    let track = published.and_then(|other| other.tracks.iter().find(video)).map(|track| track.sid.clone());
    let track = track.ok_or_else(|| Error::Child(format!("{whom} publishes no picture")))?;
    if !auto_subscribe {
        signal.subscribe(vec![track.clone()])?;
    }
    signal.watched(&[track])
}

/// One of a meeting: has published, and watches nobody yet.
pub struct Attendee {
    signal: Signal,
    /// What others are to ask for.
    pub track: String,
}

impl Attendee {
    /// Joins and publishes a VP8 track; the peer connection for that has no session of its own.
    pub fn join(http: &Http, credentials: &Credentials, token: &str, ssrc: u32) -> Result<(Self, Signalled)> {
        let (mut signal, _) = Signal::join(http, token, false)?;
        signal.answer_with(credentials);
        let (answer, ufrag, track) = signal.publish(credentials, ssrc)?;
        Ok((Self { signal, track }, Signalled::new(answer, Session::none(), ufrag)))
    }

    /// Watches these tracks.
    pub fn watch(mut self, tracks: &[String]) -> Result<Signalled> {
        self.signal.subscribe(tracks.to_vec())?;
        self.signal.watched(tracks)
    }
}

impl Signal {
    /// From now on offers are answered.
    fn answer_with(&mut self, credentials: &Credentials) {
        let ((ufrag, pwd), fingerprint) = (ice(), credentials.fingerprint().to_owned());
        self.answering = Some(Answering { ufrag, pwd, fingerprint });
    }

    /// The server's answer, our user name fragment, and the track's id.
    fn publish(&mut self, credentials: &Credentials, ssrc: u32) -> Result<(Answer, String, String)> {
        self.say(Request::AddTrack(proto::AddTrackRequest {
            // As the offer's msid has it.
            cid: "video".to_owned(),
            r#type: proto::TrackType::Video.into(),
            source: proto::TrackSource::Camera.into(),
            width: 1280,
            height: 720,
            ..proto::AddTrackRequest::default()
        }))?;
        let published =
            self.find(|message| if let Message::TrackPublished(track) = message { Some(track) } else { None })?;
        let (ufrag, pwd) = ice();
        let offer = Offer {
            direction: Direction::Publish,
            video: Some(Video::Vp8),
            audio: false,
            ufrag: ufrag.clone(),
            pwd,
            fingerprint: credentials.fingerprint().to_owned(),
            ssrc,
        };
        let offer =
            proto::SessionDescription { r#type: "offer".into(), sdp: offer.print(), id: 1, ..Default::default() };
        self.say(Request::Offer(offer))?;
        let answer = self.find(|message| if let Message::Answer(answer) = message { Some(answer) } else { None })?;
        Ok((Answer::parse(&answer.sdp)?, ufrag, published.track.unwrap_or_default().sid))
    }

    fn subscribe(&mut self, track_sids: Vec<String>) -> Result<()> {
        self.say(Request::Subscription(proto::UpdateSubscription {
            track_sids,
            subscribe: true,
            ..proto::UpdateSubscription::default()
        }))
    }

    /// Answers offers until one brings all of these tracks.
    fn watched(mut self, tracks: &[String]) -> Result<Signalled> {
        let brings_all = |offer: &proto::SessionDescription| {
            tracks.iter().all(|track| offer.mid_to_track_id.values().any(|sid| sid == track))
        };
        let offer = self.find(|message| match message {
            Message::Offer(offer) if brings_all(&offer) => Some(offer),
            _ => None,
        })?;
        let ufrag = self.answering.as_ref().map(|ours| ours.ufrag.clone()).unwrap_or_default();
        Ok(Signalled::new(Answer::parse(&offer.sdp)?, Session::of(self), ufrag))
    }
}

/// An answer that takes all of an offer.
fn mirrored(offer: &str, ufrag: &str, pwd: &str, fingerprint: &str) -> String {
    let ours = |line: &str| {
        let key = line.split(':').next().unwrap_or(line);
        match key {
            "a=ice-ufrag" => Some(format!("a=ice-ufrag:{ufrag}")),
            "a=ice-pwd" => Some(format!("a=ice-pwd:{pwd}")),
            "a=fingerprint" => Some(format!("a=fingerprint:sha-256 {fingerprint}")),
            "a=setup" => Some("a=setup:active".to_owned()),
            "a=sendonly" => Some("a=recvonly".to_owned()),
            "a=ice-lite" | "a=candidate" | "a=end-of-candidates" | "a=ssrc" | "a=ssrc-group" | "a=msid" => None,
            _ => Some(line.to_owned()),
        }
    };
    offer.lines().filter_map(ours).map(|line| line + "\r\n").collect()
}
