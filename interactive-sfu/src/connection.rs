//! A client's signal connection, as whoever holds its WebSocket drives it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::control::{ConnectRequest, SfuError};
use crate::room::authority::Authority;
use crate::room::authority::members::Connected;
use crate::room::now::Now;
use crate::signalling::livekit::Frame;
use crate::signalling::livekit::frame::Malformed;
use crate::signalling::livekit::message::Outgoing;

/// Requests a second, and how many at once: clients that resize many pictures come to a tenth of it.
const PER_SECOND: f64 = 100.0;
const BURST: f64 = 500.0;
/// A frame of so many bytes counts as one request more: reading a long description takes as long as answering many
/// short requests.
const BYTES_OF_ONE: f64 = 4096.0;

/// Messages that are written at once.
const READY_MAX: usize = 16;

/// How soon the next request may be taken.
struct Pace {
    left: f64,
    at: Instant,
}

impl Pace {
    fn new(now: Instant) -> Self {
        Self { left: BURST, at: now }
    }

    /// One request was taken, in a frame of so many bytes.
    fn took(&mut self, bytes: usize, now: Instant) {
        let elapsed = now.saturating_duration_since(self.at).as_secs_f64();
        let cost = 1.0 + bytes as f64 / BYTES_OF_ONE;
        (self.left, self.at) = ((self.left + elapsed * PER_SECOND).min(BURST) - cost, now);
    }

    /// How long from its last request the next one is to wait.
    fn pause(&self) -> Duration {
        Duration::from_secs_f64((-self.left).max(0.0) / PER_SECOND)
    }
}

/// One signal connection. Dropped, it is lost: the participant may resume for a while.
pub struct Connection {
    authority: Arc<Authority>,
    sid: String,
    number: u32,
    inbox: mpsc::Receiver<Outgoing>,
    text: bool,
    pace: Pace,
}

impl Connection {
    pub(crate) fn open(authority: Arc<Authority>, mut request: ConnectRequest) -> Result<Self, SfuError> {
        let now = Now::read();
        let requests = std::mem::take(&mut request.requests);
        let Connected { sid, connection, inbox } = authority.connect(request, now)?;
        requests.into_iter().for_each(|request| authority.request(&sid, connection, request, now));
        Ok(Self { authority, sid, number: connection, inbox, text: false, pace: Pace::new(now.instant) })
    }

    /// The next messages for the client, as many as are ready. None: that was all, the connection is to be closed. May
    /// be dropped while it waits.
    pub async fn ready(&mut self) -> Vec<Frame> {
        let mut messages = Vec::new();
        self.inbox.recv_many(&mut messages, READY_MAX).await;
        messages.into_iter().map(|message| message.frame(self.text)).collect()
    }

    /// What the client sent. `Err`: it does not speak the protocol, and the connection is to be closed.
    pub fn receive(&mut self, frame: Frame) -> Result<(), Malformed> {
        self.text = frame.is_text();
        let now = Now::read();
        self.pace.took(frame.len(), now.instant);
        if let Some(request) = frame.request()? {
            self.authority.request(&self.sid, self.number, request, now);
        }
        Ok(())
    }

    /// How long not to read from the client: it asks faster than anybody needs to.
    pub fn pause(&self) -> Duration {
        self.pace.pause()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.authority.disconnected(&self.sid, self.number, Now::read());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_slowed_down_and_nobody_else_is() {
        let mut now = Instant::now();
        let mut pace = Pace::new(now);
        for _ in 0..BURST as usize {
            pace.took(0, now);
        }
        assert_eq!(pace.pause(), Duration::ZERO);
        pace.took(0, now);
        assert_eq!(pace.pause(), Duration::from_millis(10));
        now += Duration::from_secs(1);
        pace.took(0, now);
        assert_eq!(pace.pause(), Duration::ZERO);
    }

    #[test]
    fn a_long_description_costs_as_much_as_many_short_requests() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        for _ in 0..5 {
            pace.took(100 * 4096 - 4096, now);
        }
        assert_eq!(pace.pause(), Duration::ZERO);
        pace.took(100 * 4096 - 4096, now);
        assert_eq!(pace.pause(), Duration::from_secs(1));
    }
}
