//! One socket of a shard: what it was sent, what it says, and when it ends.

use std::io::{self, IoSlice};
use std::sync::Arc;

use bytes::Bytes;

use super::transport::Transport;
use crate::events::backlog::{Backlog, SLICES_MAX};
use crate::events::frame::TickFrame;
use crate::events::framing::{Incoming, Reader, Violation, close_frame};
use crate::events::gcra::Gcra;
use crate::events::membership::Membership;

/// Reads of one connection before the others have their turn.
const READS_MAX: usize = 4;
/// Refused messages of a client before it is closed.
const REFUSED_MAX: u8 = 3;

/// The reasons for which connections end, as the metric names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The client closed.
    ByClient,
    /// The connection broke.
    Broken,
    /// The client was silent for too long.
    Silent,
    /// The client took no bytes for too long, or too many wait for it.
    Behind,
    /// The client broke the protocol, or spoke nonsense.
    Violation,
    /// The room ended, or the stranger may not watch any more.
    Room,
    /// The server goes down.
    Shutdown,
}

impl Ended {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::ByClient => "client",
            Self::Broken => "broken",
            Self::Silent => "silent",
            Self::Behind => "behind",
            Self::Violation => "violation",
            Self::Room => "room",
            Self::Shutdown => "shutdown",
        }
    }
}

/// One socket.
pub(super) struct Connection {
    pub(super) transport: Transport,
    pub(super) membership: Membership,
    pub(super) backlog: Backlog,
    reader: Reader,
    gcra: Gcra,
    /// When something was last heard, milliseconds since the shard began.
    pub(super) heard_ms: u32,
    /// While something waits to be sent: when some of it was last taken.
    pub(super) taken_ms: u32,
    /// While something waits to be sent: since when something always did.
    pub(super) behind_ms: u32,
    /// When to cut it, once a close frame was sent or is to be.
    pub(super) cut_at_ms: Option<u32>,
    pub(super) ended: Ended,
    refused: u8,
    /// The newest size of the audience was left out, because the backlog was long.
    pub(super) missed_presence: bool,
    /// Its place in the shard's list of the room's sockets.
    pub(super) place: u32,
}

/// The outcome of a turn of reading.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// All was read that is here.
    Read,
    /// More may be here.
    More,
    /// The connection has ended.
    Over,
}

/// The bytes and events that a shard sent, for its metrics.
#[derive(Debug, Default)]
pub(super) struct Sent {
    pub(super) frames: u64,
    pub(super) bytes: u64,
    pub(super) dropped: u64,
}

impl Connection {
    pub(super) fn new(transport: Transport, membership: Membership, now_ms: u32) -> Self {
        Self {
            transport,
            membership,
            backlog: Backlog::default(),
            reader: Reader::default(),
            gcra: Gcra::new(now_ms),
            heard_ms: now_ms,
            taken_ms: now_ms,
            behind_ms: now_ms,
            cut_at_ms: None,
            ended: Ended::Broken,
            refused: 0,
            missed_presence: false,
            place: 0,
        }
    }

    /// Reads what arrived, and hands over each text, or control frame.
    pub(super) fn read(&mut self, scratch: &mut [u8], now_ms: u32, heard: &mut Vec<Heard>) -> Turn {
        for _ in 0..READS_MAX {
            match self.transport.read(scratch) {
                Ok(0) => return Turn::Over,
                Ok(bytes) => {
                    self.heard_ms = now_ms;
                    self.receive(&mut scratch[..bytes], heard);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Turn::Read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Turn::Over,
            }
        }
        Turn::More
    }

    /// Takes bytes in that arrived.
    pub(super) fn receive(&mut self, bytes: &mut [u8], heard: &mut Vec<Heard>) {
        let is_closing = self.cut_at_ms.is_some();
        let read = self.reader.read(bytes, |incoming| match incoming {
            Incoming::Close => heard.push(Heard::Close),
            Incoming::Pong => {}
            // Between its own close frame and the client's, the server answers nothing.
            _ if is_closing => {}
            Incoming::Ping(payload) => heard.push(Heard::Ping(Bytes::copy_from_slice(payload))),
            Incoming::Text(text) => heard.push(Heard::Text(text.into())),
        });
        if let Err(violation) = read {
            heard.push(Heard::Violation(violation));
        }
    }

    /// Whether the client may send one message more now.
    pub(super) fn may_speak(&mut self, now_ms: u32) -> bool {
        self.gcra.take(now_ms)
    }

    /// A message was refused. Returns whether there were too many.
    pub(super) fn refuse(&mut self) -> bool {
        self.refused += 1;
        self.refused > REFUSED_MAX
    }

    /// Sends a tick, or keeps it. `Err`: the connection has ended.
    pub(super) fn send_tick(&mut self, frame: &Arc<TickFrame>, now_ms: u32, sent: &mut Sent) -> Result<(), Ended> {
        if self.cut_at_ms.is_some() {
            return Ok(());
        }
        sent.frames += 1;
        if !self.backlog.is_empty() {
            sent.dropped += self.backlog.push_tick(frame).map_err(|_| Ended::Behind)?;
            return Ok(());
        }
        let bytes = self.write_now(frame.bytes(), sent)?;
        if bytes < frame.bytes().len() {
            (self.taken_ms, self.behind_ms) = (now_ms, now_ms);
            sent.dropped += self.backlog.push_tick(frame).map_err(|_| Ended::Behind)?;
            self.backlog.advance(bytes);
        }
        Ok(())
    }

    /// Sends a frame of this connection alone, or keeps it.
    pub(super) fn send(&mut self, frame: Bytes, now_ms: u32, sent: &mut Sent) -> Result<(), Ended> {
        if self.cut_at_ms.is_some() {
            return Ok(());
        }
        sent.frames += 1;
        if !self.backlog.is_empty() {
            return self.backlog.push(frame).map_err(|_| Ended::Behind);
        }
        let bytes = self.write_now(&frame, sent)?;
        if bytes < frame.len() {
            (self.taken_ms, self.behind_ms) = (now_ms, now_ms);
            self.backlog.push(frame).map_err(|_| Ended::Behind)?;
            self.backlog.advance(bytes);
        }
        Ok(())
    }

    /// How much of a frame could be sent.
    fn write_now(&mut self, frame: &Bytes, sent: &mut Sent) -> Result<usize, Ended> {
        match self.transport.write(&[IoSlice::new(frame)]) {
            Ok(bytes) => {
                sent.bytes += bytes as u64;
                Ok(bytes)
            }
            Err(error) if is_later(&error) => Ok(0),
            Err(_) => Err(Ended::Broken),
        }
    }

    /// Sends of the backlog as much as goes. Returns whether nothing is left.
    pub(super) fn flush(&mut self, now_ms: u32, sent: &mut Sent) -> Result<bool, Ended> {
        while !self.backlog.is_empty() {
            let mut slices: [IoSlice<'_>; SLICES_MAX] = std::array::from_fn(|_| IoSlice::new(&[]));
            let waiting = self.backlog.slices().zip(&mut slices);
            let count = waiting.map(|(slice, place)| *place = slice).count();
            match self.transport.write(&slices[..count]) {
                Ok(0) => return Err(Ended::Broken),
                Ok(bytes) => {
                    self.taken_ms = now_ms;
                    sent.bytes += bytes as u64;
                    self.backlog.advance(bytes);
                }
                Err(error) if is_later(&error) => return Ok(false),
                Err(_) => return Err(Ended::Broken),
            }
        }
        self.transport.flush().map_err(|_| Ended::Broken)
    }

    /// Says why the connection ends. It is cut then, or when the client has answered.
    pub(super) fn close(&mut self, code: u16, why: &str, ended: Ended, cut_at_ms: u32) {
        if self.cut_at_ms.is_none() {
            (self.cut_at_ms, self.ended) = (Some(cut_at_ms), ended);
            self.backlog.end_with(close_frame(code, why));
        }
    }
}

fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// A thing that a client said.
#[derive(Debug)]
pub(super) enum Heard {
    Text(Box<str>),
    Ping(Bytes),
    Close,
    Violation(Violation),
}
