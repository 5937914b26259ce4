//! What a client does with its session after the answer.

use crate::error::Result;
use crate::http::{Http, Reply};
use crate::livekit::Signal;

/// The server's side of a peer: over HTTP (RFC 9725 §4.2), or on a signal connection.
#[derive(Debug)]
pub struct Session {
    /// Its path or URL; empty on a signal connection, and where another session stands for it.
    pub location: String,
    token: Option<String>,
    signal: Option<Signal>,
}

impl Session {
    /// The session at `location`, made with `token`.
    pub(crate) fn new(location: String, token: Option<String>) -> Self {
        Self { location, token, signal: None }
    }

    /// One of LiveKit's protocol.
    pub(crate) fn of(signal: Signal) -> Self {
        Self { location: String::new(), token: None, signal: Some(signal) }
    }

    /// That of another peer connection serves this one, too.
    pub(crate) fn none() -> Self {
        Self { location: String::new(), token: None, signal: None }
    }

    /// The signal connection, where there is one.
    pub fn signal(&mut self) -> Option<&mut Signal> {
        self.signal.as_mut()
    }

    /// The server has ended the signal connection, as far as has been read.
    pub fn is_ended(&self) -> bool {
        self.signal.as_ref().is_some_and(Signal::is_ended)
    }

    /// To be called every second or so.
    pub fn beat(&mut self) {
        if let Some(signal) = &mut self.signal {
            signal.beat();
        }
    }

    /// A request to the session, or to what lies `below` it, with the token that it was made with.
    pub fn request(&self, http: &Http, method: &str, below: &str, kind: &str, body: &[u8]) -> Result<Reply> {
        let bearer = format!("Bearer {}", self.token.as_deref().unwrap_or_default());
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", kind)];
        http.request(method, &format!("{}{below}", self.location), &headers, (!body.is_empty()).then_some(body))
    }

    /// Asks for an ICE restart with an SDP fragment of our new credentials (RFC 9725 §4.3.2).
    pub(crate) fn restart(&self, http: &Http, fragment: &str) -> Result<Reply> {
        let bearer = format!("Bearer {}", self.token.as_deref().unwrap_or_default());
        let kind = ("Content-Type", "application/trickle-ice-sdpfrag");
        let headers = [("Authorization", bearer.as_str()), kind, ("If-Match", "*")];
        http.request("PATCH", &self.location, &headers, Some(fragment.as_bytes()))
    }

    /// Ends it.
    pub fn leave(&mut self, http: &Http) -> Result<()> {
        if let Some(signal) = &mut self.signal {
            return signal.leave();
        }
        if self.location.is_empty() {
            return Ok(());
        }
        let reply = self.request(http, "DELETE", "", "application/sdp", &[])?;
        if (200..300).contains(&reply.status) { Ok(()) } else { Err(reply.unexpected(&self.location)) }
    }
}
