//! A signal connection of LiveKit's protocol, version 0 (`/rtc`): protobuf on a WebSocket. Blocking.
//!
//! It keeps what the server has said so far and answers its offers by itself, so that callers only wait for the state
//! they need.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use livekit_protocol as proto;
use livekit_protocol::signal_request::Message as Request;
use livekit_protocol::signal_response::Message;
use prost::Message as _;
use tungstenite::{Bytes, WebSocket};

use crate::error::{Error, Result};
use crate::heard::Heard;
use crate::http::Http;
use crate::ice::Secret;
use crate::sdp::mirrored;

/// A state may take so long to come about.
const STATE_MAX: Duration = Duration::from_secs(10);
/// How often the server wants to hear of us.
const PING_INTERVAL: Duration = Duration::from_secs(5);
/// While requests are poured, what comes is read after so many of them.
const READ_EVERY: usize = 16;
/// The first byte of a [`proto::SignalResponse`] that holds an offer: field 3, length-delimited.
const OFFER_TAG: u8 = 3 << 3 | 2;

/// A signal connection.
pub struct Signal {
    socket: WebSocket<TcpStream>,
    pinged: Instant,
    /// What the server has said.
    pub(crate) heard: Heard,
    answering: Option<Answering>,
    ended: bool,
}

/// Our end of the peer connection that the server offers.
struct Answering {
    secret: Secret,
    fingerprint: String,
    local: SocketAddr,
}

impl AsFd for Signal {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.get_ref().as_fd()
    }
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
        let subscribe = u8::from(auto_subscribe);
        let mut signal = Self::open(http, token, &format!("&auto_subscribe={subscribe}"))?;
        let join = signal.wait("being let in", |heard| heard.join.take())?;
        Ok((signal, join))
    }

    /// Another connection for the participant whose id is `sid`: the server ends the one before.
    pub fn resume(http: &Http, token: &str, sid: &str) -> Result<Self> {
        let mut signal = Self::open(http, token, &format!("&auto_subscribe=1&reconnect=1&sid={sid}"))?;
        signal.wait("being let in again", |heard| heard.resumed.then_some(()))?;
        Ok(signal)
    }

    fn open(http: &Http, token: &str, parameters: &str) -> Result<Self> {
        let url = http.origin().replacen("http", "ws", 1);
        let host = url.trim_start_matches("ws://").to_owned();
        let url = format!("{url}/rtc?access_token={token}&protocol=16&sdk=rig&version=1{parameters}");
        let stream = TcpStream::connect(&host).map_err(Error::io("connecting to the server"))?;
        stream.set_nodelay(true).map_err(Error::io("setting up a connection"))?;
        stream.set_read_timeout(Some(STATE_MAX)).map_err(Error::io("setting up a connection"))?;
        let refused = |error: String| Error::Child(format!("the signal connection is refused: {error}"));
        let (socket, _) = tungstenite::client(url, stream).map_err(|error| refused(error.to_string()))?;
        Ok(Self { socket, pinged: Instant::now(), heard: Heard::default(), answering: None, ended: false })
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
        if self.pinged.elapsed() >= PING_INTERVAL {
            self.pinged = Instant::now();
            let _ = self.say(Request::PingReq(proto::Ping::default()));
            self.drain();
        }
    }

    /// Reads what has come, as [`Signal::beat`] does, without a ping. To be called when there is something.
    pub fn drain(&mut self) {
        let mut offers = vec![];
        let end = self.read_ready(|bytes| {
            if bytes.first() == Some(&OFFER_TAG) {
                offers.push(bytes);
            }
        });
        self.ended |= end.is_err();
        for offer in offers {
            let _ = self.hear(offer);
        }
    }

    /// The server has ended the connection, as far as has been read.
    pub fn is_ended(&self) -> bool {
        self.ended
    }

    /// Hands each message that has come to `each`; `Err` at the end of the connection.
    fn read_ready(&mut self, mut each: impl FnMut(Bytes)) -> Result<()> {
        self.socket.get_ref().set_nonblocking(true).map_err(Error::io("setting up a connection"))?;
        let end = loop {
            match self.socket.read() {
                Ok(tungstenite::Message::Binary(bytes)) => each(bytes),
                Ok(tungstenite::Message::Close(_)) => break Err(broken("the server ends it")),
                Ok(_) => {}
                Err(tungstenite::Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => break Ok(()),
                Err(error) => break Err(broken(error)),
            }
        };
        self.socket.get_ref().set_nonblocking(false).map_err(Error::io("setting up a connection"))?;
        end
    }

    /// Sends encoded requests in turn, `count` of them, reads what comes, and waits for no answer. Returns how many the
    /// server took before it took nothing for `blocked_max`; `Err` at the end of the connection.
    pub(crate) fn pour(
        &mut self,
        requests: &[Bytes],
        count: usize,
        blocked_max: Duration,
        mut each: impl FnMut(usize),
    ) -> Result<usize> {
        let (mut taken, mut took_at) = (0, Instant::now());
        let mut requests = requests.iter().cycle().take(count).peekable();
        while let Some(request) = requests.peek() {
            if taken % READ_EVERY == 0 {
                self.read_ready(drop)?;
            }
            self.socket.get_ref().set_nonblocking(true).map_err(Error::io("setting up a connection"))?;
            match self.socket.flush() {
                Ok(()) => {
                    each(request.len());
                    let _ = self.socket.write(tungstenite::Message::Binary((*request).clone()));
                    (taken, took_at) = (taken + 1, Instant::now());
                    requests.next();
                }
                Err(tungstenite::Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {
                    if took_at.elapsed() > blocked_max {
                        break;
                    }
                    self.read_ready(drop)?;
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(error) => return Err(broken(error)),
            }
        }
        Ok(taken)
    }

    /// To be called every second or so: pings as [`Signal::beat`] does, and hears all that came meanwhile. The bytes of
    /// it; `Err` once the server bids to leave or ends the connection.
    pub(crate) fn attend(&mut self) -> Result<u64> {
        if self.pinged.elapsed() >= PING_INTERVAL {
            self.pinged = Instant::now();
            self.say(Request::PingReq(proto::Ping::default()))?;
        }
        let mut messages = vec![];
        let end = self.read_ready(|bytes| messages.push(bytes));
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
                Err(tungstenite::Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {}
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_is_that_of_offers_alone() {
        let first = |message| proto::SignalResponse { message: Some(message) }.encode_to_vec()[0];
        assert_eq!(first(Message::Offer(proto::SessionDescription::default())), OFFER_TAG);
        assert_ne!(first(Message::Update(proto::ParticipantUpdate::default())), OFFER_TAG);
    }
}
