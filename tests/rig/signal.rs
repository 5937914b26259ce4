//! A signal connection of LiveKit's protocol, version 0 (`/rtc`): protobuf on a WebSocket. Blocking.
//!
//! It keeps what the server has said so far and answers its offers by itself, so that callers only wait for the state
//! they need.

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use livekit_protocol as proto;
use livekit_protocol::signal_request::Message as Request;
use livekit_protocol::signal_response::Message;
use prost::Message as _;
use tungstenite::{Bytes, WebSocket};

use crate::candidate;
use crate::error::{Error, Result};
use crate::http::Http;
use crate::ice::Secret;
use crate::sdp::mirrored;

/// A state may take so long to come about.
const STATE_MAX: Duration = Duration::from_secs(10);
/// How often the server wants to hear of us.
const PING_INTERVAL: Duration = Duration::from_secs(5);
/// The first byte of a [`proto::SignalResponse`] that holds an offer: field 3, length-delimited.
const OFFER_TAG: u8 = 3 << 3 | 2;

/// A signal connection.
pub struct Signal {
    socket: WebSocket<TcpStream>,
    pinged: Instant,
    /// What the server has said.
    pub(crate) heard: Heard,
    answering: Option<Answering>,
}

/// A track that somebody publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Published {
    pub identity: String,
    pub sid: String,
}

/// What the server has said, as far as it matters here.
#[derive(Default)]
pub(crate) struct Heard {
    /// The first message.
    join: Option<proto::JoinResponse>,
    /// Tracks of the others.
    pub tracks: Vec<Published>,
    /// The track that we publish.
    pub published: Option<proto::TrackInfo>,
    /// The answer to our offer.
    pub answer: Option<proto::SessionDescription>,
    /// Its latest offer, and how many there were.
    pub offer: Option<proto::SessionDescription>,
    pub offers: u32,
    /// Trickled candidates: of the connection that we publish on, and of the one that we watch on.
    pub candidates: [Vec<SocketAddr>; 2],
}

/// Our end of the peer connection that the server offers.
struct Answering {
    secret: Secret,
    fingerprint: String,
    local: SocketAddr,
}

impl std::fmt::Debug for Signal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signal").finish_non_exhaustive()
    }
}

fn broken(error: impl std::fmt::Display) -> Error {
    Error::Child(format!("the signal connection: {error}"))
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
        stream.set_read_timeout(Some(STATE_MAX)).map_err(Error::io("setting up a connection"))?;
        let refused = |error: String| Error::Child(format!("the signal connection is refused: {error}"));
        let (socket, _) = tungstenite::client(url, stream).map_err(|error| refused(error.to_string()))?;
        let mut signal = Self { socket, pinged: Instant::now(), heard: Heard::default(), answering: None };
        let join = signal.wait("being let in", |heard| heard.join.take())?;
        Ok((signal, join))
    }

    /// Our address on this connection: where the server's media most likely reaches us, too.
    pub(crate) fn local_ip(&self) -> Result<IpAddr> {
        self.socket.get_ref().local_addr().map(|local| local.ip()).map_err(Error::io("reading our own address"))
    }

    /// From now on offers are answered, with `local` as our candidate.
    pub(crate) fn answer_with(&mut self, secret: Secret, fingerprint: &str, local: SocketAddr) -> Result<()> {
        self.answering = Some(Answering { secret, fingerprint: fingerprint.to_owned(), local });
        match self.heard.offer.clone() {
            Some(offer) => self.answer(&offer),
            None => Ok(()),
        }
    }

    pub(crate) fn say(&mut self, request: Request) -> Result<()> {
        let request = proto::SignalRequest { message: Some(request) };
        let message = tungstenite::Message::Binary(Bytes::from(request.encode_to_vec()));
        self.socket.send(message).map_err(broken)
    }

    /// Listens until the server has said what `state` looks for.
    pub(crate) fn wait<T>(&mut self, what: &str, mut state: impl FnMut(&mut Heard) -> Option<T>) -> Result<T> {
        let until = Instant::now() + STATE_MAX;
        while Instant::now() < until {
            if let Some(found) = state(&mut self.heard) {
                return Ok(found);
            }
            let message = self.socket.read().map_err(broken)?;
            if let tungstenite::Message::Binary(bytes) = message {
                self.hear(bytes)?;
            }
        }
        let seconds = STATE_MAX.as_secs();
        Err(Error::Timeout { what: what.to_owned(), seconds, detail: ", as far as the server says".into() })
    }

    fn hear(&mut self, bytes: Bytes) -> Result<()> {
        let response = proto::SignalResponse::decode(bytes);
        let message = response.map_err(|error| Error::Child(format!("a signal message: {error}")))?.message;
        match message {
            Some(Message::Leave(leave)) => return Err(Error::Child(format!("the server bids to leave: {leave:?}"))),
            Some(Message::Offer(offer)) => {
                self.answer(&offer)?;
                self.heard.offer = Some(offer);
                self.heard.offers += 1;
            }
            Some(other) => self.heard.take(other),
            None => {}
        }
        Ok(())
    }

    /// Takes all that is offered.
    fn answer(&mut self, offer: &proto::SessionDescription) -> Result<()> {
        let Some(Answering { secret, fingerprint, local }) = &self.answering else { return Ok(()) };
        let sdp = mirrored(&offer.sdp, secret, fingerprint, *local);
        let answer = proto::SessionDescription { r#type: "answer".into(), sdp, id: offer.id, ..Default::default() };
        self.say(Request::Answer(answer))
    }

    /// To be called now and then, so that the server knows that we are there. Offers that came meanwhile are answered;
    /// all else that it has said is dropped.
    pub fn beat(&mut self) {
        if self.pinged.elapsed() < PING_INTERVAL {
            return;
        }
        self.pinged = Instant::now();
        let _ = self.say(Request::PingReq(proto::Ping::default()));
        let mut offers = vec![];
        if self.socket.get_ref().set_nonblocking(true).is_ok() {
            while let Ok(message) = self.socket.read() {
                if let tungstenite::Message::Binary(bytes) = message
                    && bytes.first() == Some(&OFFER_TAG)
                {
                    offers.push(bytes);
                }
            }
            let _ = self.socket.get_ref().set_nonblocking(false);
        }
        for offer in offers {
            let _ = self.hear(offer);
        }
    }

    /// To be called every second or so: pings as [`Signal::beat`] does, and hears all that came meanwhile. The bytes of
    /// it; `Err` once the server bids to leave or ends the connection.
    pub(crate) fn attend(&mut self) -> Result<u64> {
        if self.pinged.elapsed() >= PING_INTERVAL {
            self.pinged = Instant::now();
            self.say(Request::PingReq(proto::Ping::default()))?;
        }
        self.socket.get_ref().set_nonblocking(true).map_err(Error::io("setting up a connection"))?;
        let mut messages = vec![];
        let end = loop {
            match self.socket.read() {
                Ok(tungstenite::Message::Binary(bytes)) => messages.push(bytes),
                Ok(tungstenite::Message::Close(_)) => break Err(broken("the server ends it")),
                Ok(_) => {}
                Err(tungstenite::Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => break Ok(()),
                Err(error) => break Err(broken(error)),
            }
        };
        self.socket.get_ref().set_nonblocking(false).map_err(Error::io("setting up a connection"))?;
        let heard = messages.iter().map(|bytes| bytes.len() as u64).sum();
        messages.into_iter().try_for_each(|bytes| self.hear(bytes))?;
        end.map(|()| heard)
    }

    /// Says nothing, and reads what the server says until it ends the connection. How long that took; `Err` after
    /// `max`.
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

impl Heard {
    fn take(&mut self, message: Message) {
        match message {
            Message::Join(join) => {
                self.take_participants(&join.other_participants);
                self.join = Some(join);
            }
            Message::Update(update) => self.take_participants(&update.participants),
            Message::TrackPublished(published) => self.published = published.track,
            Message::Answer(answer) => self.answer = Some(answer),
            Message::Trickle(trickle) => {
                let target = usize::from(trickle.target() == proto::SignalTarget::Subscriber);
                self.candidates[target].extend(candidate::parse_init(&trickle.candidate_init));
            }
            _ => {}
        }
    }

    fn take_participants(&mut self, participants: &[proto::ParticipantInfo]) {
        for participant in participants {
            for track in &participant.tracks {
                let track = Published { identity: participant.identity.clone(), sid: track.sid.clone() };
                if !self.tracks.contains(&track) {
                    self.tracks.push(track);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_is_that_of_offers_alone() {
        let first = |message| proto::SignalResponse { message: Some(message) }.encode_to_vec()[0];
        assert_eq!(first(Message::Offer(proto::SessionDescription::default())), OFFER_TAG);
        assert_ne!(first(Message::Update(proto::ParticipantUpdate::default())), OFFER_TAG);
    }

    #[test]
    fn trickled_candidates_are_kept_by_connection_and_tracks_once() {
        let trickle = |target: proto::SignalTarget, port: u16| {
            let candidate_init = candidate::print_init(SocketAddr::from(([127, 0, 0, 1], port)));
            Message::Trickle(proto::TrickleRequest { candidate_init, target: target.into(), ..Default::default() })
        };
        let track = proto::TrackInfo { sid: "TR_a".into(), ..proto::TrackInfo::default() };
        let ann = proto::ParticipantInfo { identity: "ann".into(), tracks: vec![track], ..Default::default() };
        let update = proto::ParticipantUpdate { participants: vec![ann.clone()] };
        let join = proto::JoinResponse { other_participants: vec![ann], ..Default::default() };
        let mut heard = Heard::default();
        for message in [
            trickle(proto::SignalTarget::Publisher, 1),
            trickle(proto::SignalTarget::Subscriber, 2),
            Message::Join(join),
            Message::Update(update),
        ] {
            heard.take(message);
        }
        assert_eq!(heard.candidates.each_ref().map(|list| list[0].port()), [1, 2]);
        assert!(heard.join.is_some() && heard.tracks == [Published { identity: "ann".into(), sid: "TR_a".into() }]);
    }
}
