//! A room's events in order: those that wait for the next tick, and a window of those that were sent.
//!
//! [`Log::append`] numbers an event, [`Log::cut`] makes one [`TickFrame`] of those that wait, and [`Log::since`] gives
//! what a returning connection missed. The window holds at most [`WINDOW_EVENTS_MAX`] and [`WINDOW_BYTES_MAX`]. No I/O
//! and no clock. Driven by `room.rs`.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::event::{Event, Lane};
use super::frame::TickFrame;

/// Events of a room that wait for its next tick; a further droppable one is refused.
pub(super) const PENDING_EVENTS_MAX: usize = 4096;
/// Bytes of JSON of these.
const PENDING_BYTES_MAX: usize = 1024 * 1024;
/// Durable events may wait beyond both limits, up to so many times of each.
const DURABLE_FACTOR: usize = 4;
/// Events of one frame.
const FRAME_EVENTS_MAX: usize = 256;
/// Bytes of JSON of one frame; an event that is longer has a frame of its own.
const FRAME_BYTES_MAX: usize = 64 * 1024;
/// Sent events that are kept for connections that come back.
pub(super) const WINDOW_EVENTS_MAX: usize = 1024;
/// Bytes of the frames of these.
const WINDOW_BYTES_MAX: usize = 256 * 1024;

/// The name of one life of a room's hub: 64 random bits, 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch(pub(super) u64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for Epoch {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Self)
    }
}

/// A place in a room's events: `offset` events of `epoch` came before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Of the hub.
    pub epoch: Epoch,
    /// Events since the hub began.
    pub offset: u64,
}

/// More events wait in a room than may: they come faster than they can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the room's events come faster than they can be sent")]
pub struct TooFast;

/// A room's events.
#[derive(Debug)]
pub(super) struct Log {
    epoch: Epoch,
    /// Events that were cut into frames.
    framed: u64,
    pending: VecDeque<Event>,
    pending_bytes: usize,
    window: VecDeque<Arc<TickFrame>>,
    window_bytes: usize,
}

/// A frame that a returning connection missed: whole, or the rest of it.
#[derive(Clone, Debug)]
pub(super) enum Missed {
    Whole(Arc<TickFrame>),
    Rest(bytes::Bytes),
}

impl Log {
    pub(super) fn new(epoch: Epoch) -> Self {
        let (pending, window) = (VecDeque::new(), VecDeque::new());
        Self { epoch, framed: 0, pending, pending_bytes: 0, window, window_bytes: 0 }
    }

    /// The place after the last event that was cut into a frame.
    pub(super) fn position(&self) -> Position {
        Position { epoch: self.epoch, offset: self.framed }
    }

    /// Adds an event. Returns the place after it.
    pub(super) fn append(&mut self, event: Event) -> Result<Position, TooFast> {
        let factor = if event.lane == Lane::Durable { DURABLE_FACTOR } else { 1 };
        let bytes = self.pending_bytes + event.json.len();
        if self.pending.len() >= PENDING_EVENTS_MAX * factor || bytes > PENDING_BYTES_MAX * factor {
            return Err(TooFast);
        }
        self.pending_bytes = bytes;
        self.pending.push_back(event);
        Ok(Position { epoch: self.epoch, offset: self.framed + self.pending.len() as u64 })
    }

    /// The next events that wait, as a frame. `None`: none waits.
    pub(super) fn cut(&mut self) -> Option<Arc<TickFrame>> {
        let mut bytes = 0;
        let fits = |event: &&Event| {
            bytes += event.json.len();
            bytes <= FRAME_BYTES_MAX
        };
        let count = self.pending.iter().take(FRAME_EVENTS_MAX).take_while(fits).count().max(1);
        if self.pending.is_empty() {
            return None;
        }
        let events: Vec<Event> = self.pending.drain(..count).collect();
        self.pending_bytes -= events.iter().map(|event| event.json.len()).sum::<usize>();
        let frame = Arc::new(TickFrame::new(self.framed, &events));
        self.framed = frame.last();
        self.window_bytes += frame.bytes().len();
        self.window.push_back(frame.clone());
        self.narrow();
        Some(frame)
    }

    /// Whether events wait.
    pub(super) fn is_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// The frames after `position`. `None`: they are not all there any more, or it is no place of this log.
    pub(super) fn since(&self, position: Position) -> Option<Vec<Missed>> {
        if position.epoch != self.epoch || position.offset > self.framed {
            return None;
        }
        let oldest = self.window.front().map_or(self.framed, |frame| frame.before());
        if position.offset < oldest {
            return None;
        }
        let missed = self.window.iter().filter(|frame| frame.last() > position.offset);
        let missed = missed.map(|frame| match frame.before() < position.offset {
            true => Missed::Rest(frame.after(position.offset)),
            false => Missed::Whole(frame.clone()),
        });
        Some(missed.collect())
    }

    /// Forgets the oldest frames until the rest is within bounds.
    fn narrow(&mut self) {
        while let Some(oldest) = self.window.front() {
            let events = self.framed - oldest.before();
            if events <= WINDOW_EVENTS_MAX as u64 && self.window_bytes <= WINDOW_BYTES_MAX {
                return;
            }
            self.window_bytes -= oldest.bytes().len();
            self.window.pop_front();
        }
    }
}

#[cfg(test)]
mod tests;
