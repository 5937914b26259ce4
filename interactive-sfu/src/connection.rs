//! A client's signal connection, as the holder of its WebSocket drives it: frames in, frames out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::control::{ConnectRequest, SfuError};
use crate::room::cells::Cell;
use crate::room::driver::{Connected, Driver};
use crate::room::machine::Signal;
use crate::room::now::Now;
use crate::room::participant::ParticipantKey;
use crate::signalling::livekit::Frame;
use crate::signalling::livekit::frame::Malformed;
use crate::signalling::livekit::message::Outgoing;

/// Messages that are written at once.
const READY_MAX: usize = 16;

/// One signal connection. Dropped, it is lost: the participant may resume for a while.
pub struct Connection {
    driver: Arc<Driver>,
    room: Arc<Cell>,
    /// `None`: the client was refused.
    participant: Option<ParticipantKey>,
    number: u32,
    inbox: mpsc::Receiver<Outgoing>,
    text: bool,
    /// Until then nothing is read from the client.
    paused_until: Instant,
}

impl Connection {
    pub(crate) fn open(driver: Arc<Driver>, mut request: ConnectRequest) -> Result<Self, SfuError> {
        let now = Now::read();
        let requests = std::mem::take(&mut request.requests);
        let Connected { cell, key, connection, inbox } = driver.connect(request, now)?;
        let mut opened = Self {
            driver,
            room: cell,
            participant: key,
            number: connection,
            inbox,
            text: false,
            paused_until: now.instant,
        };
        requests.into_iter().for_each(|request| opened.say(Signal::read(Some(request), 0), now));
        Ok(opened)
    }

    fn say(&mut self, signal: Signal, now: Now) {
        if let Some(participant) = self.participant {
            self.paused_until = now.instant + self.driver.signal(&self.room, participant, self.number, signal, now);
        }
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
        let bytes = frame.len();
        let signal = Signal::read(frame.request()?, bytes);
        self.say(signal, Now::read());
        Ok(())
    }

    /// How long from now nothing is to be read from the client: its identity asks for more than its share of the room's
    /// work.
    pub fn pause(&self) -> Duration {
        self.paused_until.saturating_duration_since(Instant::now())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(participant) = self.participant {
            self.driver.disconnected(&self.room, participant, self.number, Now::read());
        }
    }
}
