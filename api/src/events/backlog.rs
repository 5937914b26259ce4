//! The frames that a connection has not taken yet.
//!
//! A connection that keeps up has none, and no memory for them. Beyond [`THIN_BYTES`] it is sent ticks without their
//! droppable events, and told how many it missed before its offset goes past them; beyond [`BEHIND_BYTES`] it ends.
//! Frames are shared, so a connection holds references. No I/O and no clock. Driven by `shard/connection.rs`.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::Arc;

use bytes::Bytes;

use super::frame::TickFrame;
use super::framing::text_frame;

/// Bytes that wait, from which on ticks come without their droppable events.
const THIN_BYTES: usize = 256 * 1024;
/// Bytes that may wait at all.
const BEHIND_BYTES: usize = 1024 * 1024;
/// Frames that may wait at all.
const BEHIND_FRAMES: usize = 1024;
/// Frames that one write takes.
pub(super) const SLICES_MAX: usize = 16;

/// A connection that is too far behind to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Behind;

/// A frame that waits.
#[derive(Debug)]
enum Piece {
    Tick(Arc<TickFrame>),
    Durable(Arc<TickFrame>),
    Own(Bytes),
}

impl Piece {
    fn bytes(&self) -> &Bytes {
        match self {
            Self::Tick(frame) => frame.bytes(),
            Self::Durable(frame) => frame.durable(),
            Self::Own(bytes) => bytes,
        }
    }
}

/// The frames that a connection has not taken yet.
#[derive(Debug, Default)]
pub(super) struct Backlog(Option<Box<Queue>>);

#[derive(Debug, Default)]
struct Queue {
    pieces: VecDeque<Piece>,
    /// Of the first piece: bytes that were sent.
    sent_bytes: usize,
    /// Bytes of all pieces.
    bytes: usize,
    /// Droppable events that were left out, and not told of yet; and the offset after them.
    missed: u64,
    missed_until: u64,
}

impl Backlog {
    /// Whether everything was sent.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Bytes that wait.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |queue| queue.bytes - queue.sent_bytes)
    }

    /// Adds a frame for this connection alone.
    pub(super) fn push(&mut self, frame: Bytes) -> Result<(), Behind> {
        let queue = self.0.get_or_insert_default();
        queue.tell_missed();
        queue.push(Piece::Own(frame))
    }

    /// Adds a tick. Returns how many of its events are left out.
    pub(super) fn push_tick(&mut self, frame: &Arc<TickFrame>) -> Result<u64, Behind> {
        let queue = self.0.get_or_insert_default();
        if queue.bytes + frame.bytes().len() <= THIN_BYTES {
            queue.tell_missed();
            return queue.push(Piece::Tick(frame.clone())).map(|()| 0);
        }
        let left_out = frame.droppable();
        if frame.has_durable() {
            queue.tell_missed();
            queue.push(Piece::Durable(frame.clone()))?;
        } else {
            queue.missed += left_out;
            queue.missed_until = frame.last();
        }
        Ok(left_out)
    }

    /// The first bytes to send.
    pub(super) fn slices(&self) -> impl Iterator<Item = IoSlice<'_>> {
        let queue = self.0.as_deref();
        let sent_bytes = queue.map_or(0, |queue| queue.sent_bytes);
        let pieces = queue.into_iter().flat_map(|queue| queue.pieces.iter().take(SLICES_MAX)).enumerate();
        pieces.map(move |(index, piece)| IoSlice::new(&piece.bytes()[if index == 0 { sent_bytes } else { 0 }..]))
    }

    /// So many bytes were sent.
    pub(super) fn advance(&mut self, mut bytes: usize) {
        let Some(queue) = &mut self.0 else { return };
        while let Some(first) = queue.pieces.front() {
            let first_bytes = first.bytes().len();
            let rest = first_bytes - queue.sent_bytes;
            if bytes < rest {
                queue.sent_bytes += bytes;
                return;
            }
            bytes -= rest;
            (queue.sent_bytes, queue.bytes) = (0, queue.bytes - first_bytes);
            queue.pieces.pop_front();
        }
        queue.tell_missed();
        if queue.pieces.is_empty() {
            self.0 = None;
        }
    }

    /// Leaves out all but a frame that was begun, and adds the last one.
    pub(super) fn end_with(&mut self, frame: Bytes) {
        let queue = self.0.get_or_insert_default();
        queue.pieces.truncate(usize::from(queue.sent_bytes > 0));
        queue.pieces.push_back(Piece::Own(frame));
        queue.bytes = queue.pieces.iter().map(|piece| piece.bytes().len()).sum();
        queue.missed = 0;
    }
}

impl Queue {
    fn push(&mut self, piece: Piece) -> Result<(), Behind> {
        self.bytes += piece.bytes().len();
        self.pieces.push_back(piece);
        if self.bytes > BEHIND_BYTES || self.pieces.len() > BEHIND_FRAMES { Err(Behind) } else { Ok(()) }
    }

    /// Says what was left out, before the offset goes past it.
    fn tell_missed(&mut self) {
        if self.missed > 0 {
            let told = format!(r#"{{"type":"missed","offset":{},"missed":{}}}"#, self.missed_until, self.missed);
            self.missed = 0;
            let frame = text_frame(told.as_bytes());
            self.bytes += frame.len();
            self.pieces.push_back(Piece::Own(frame));
        }
    }
}

#[cfg(test)]
mod tests;
