//! A receiver's buffer, shared among those who send to it.
//!
//! Each sender may fill a part of the buffer: whoever floods a slow receiver loses their own messages, and others still
//! reach it. No I/O and no clock. Driven by [`super::DataTransport::send`].

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::ids::PeerId;

/// A receiver that acknowledges nothing for so long, while messages wait for it, is given up.
const STALLED: Duration = Duration::from_secs(30);

/// The messages that wait in one channel of a receiver.
#[derive(Debug)]
pub(super) struct Shares {
    bytes_max: usize,
    sender_bytes_max: usize,
    /// Bytes that ever entered, and those of them that were acknowledged or given up.
    entered: u64,
    left: u64,
    /// Of each message that waits, how many bytes had entered with it, and its sender.
    waiting: VecDeque<(u64, Option<PeerId>)>,
    waiting_bytes: usize,
    of_sender: HashMap<Option<PeerId>, usize>,
    /// When something left last, or the first message entered.
    moved_at: Option<Instant>,
}

impl Shares {
    /// For `bytes_max` bytes, of each sender at most `sender_bytes_max`.
    pub(super) fn new(bytes_max: usize, sender_bytes_max: usize) -> Self {
        Self {
            bytes_max,
            sender_bytes_max,
            entered: 0,
            left: 0,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            of_sender: HashMap::new(),
            moved_at: None,
        }
    }

    /// SCTP holds so many bytes now.
    pub(super) fn settle(&mut self, buffered: usize, now: Instant) {
        let left = self.entered.saturating_sub(buffered as u64);
        if left <= self.left {
            return;
        }
        (self.left, self.moved_at) = (left, Some(now));
        let mut begins = self.entered - self.waiting_bytes as u64;
        while let Some((end, from)) = self.waiting.front().copied().filter(|(end, _)| *end <= left) {
            self.waiting.pop_front();
            let len = (end - begins) as usize;
            begins = end;
            self.waiting_bytes -= len;
            if let Some(bytes) = self.of_sender.get_mut(&from) {
                *bytes = bytes.saturating_sub(len);
                if *bytes == 0 {
                    self.of_sender.remove(&from);
                }
            }
        }
    }

    /// Whether a message of `bytes` may enter.
    pub(super) fn admits(&self, from: Option<PeerId>, bytes: usize) -> bool {
        let own = self.of_sender.get(&from).copied().unwrap_or(0);
        self.waiting_bytes + bytes <= self.bytes_max && own + bytes <= self.sender_bytes_max
    }

    /// A message of `bytes` entered.
    pub(super) fn enter(&mut self, from: Option<PeerId>, bytes: usize, now: Instant) {
        if bytes == 0 {
            return;
        }
        if self.waiting.is_empty() {
            self.moved_at = Some(now);
        }
        self.entered += bytes as u64;
        self.waiting.push_back((self.entered, from));
        self.waiting_bytes += bytes;
        *self.of_sender.entry(from).or_default() += bytes;
    }

    /// The receiver has acknowledged nothing for long.
    pub(super) fn is_stalled(&self, now: Instant) -> bool {
        !self.waiting.is_empty() && self.moved_at.is_some_and(|at| now.saturating_duration_since(at) >= STALLED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(serial: u32) -> Option<PeerId> {
        Some(PeerId { shard: 0, serial })
    }

    #[test]
    fn flooding_sender_fills_its_share_and_others_still_enter() {
        let (mut shares, now) = (Shares::new(1000, 300), Instant::now());
        for _ in 0..3 {
            assert!(shares.admits(peer(1), 100));
            shares.enter(peer(1), 100, now);
        }
        assert!(!shares.admits(peer(1), 1) && shares.admits(peer(2), 300) && shares.admits(None, 300));
        shares.settle(150, now);
        assert!(shares.admits(peer(1), 100) && !shares.admits(peer(1), 101), "one message of it has left");
        (2..=4).for_each(|sender| shares.enter(peer(sender), 250, now));
        assert!(!shares.admits(peer(5), 100), "the whole buffer is full");
        shares.settle(0, now);
        assert!(shares.of_sender.is_empty() && shares.waiting.is_empty() && shares.admits(peer(1), 300));
    }

    #[test]
    fn receiver_stalls_only_when_nothing_leaves_while_messages_wait() {
        let (mut shares, start) = (Shares::new(1000, 1000), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(!shares.is_stalled(at(100)), "nothing waits");
        shares.enter(peer(1), 100, at(100));
        shares.settle(100, at(129));
        assert!(!shares.is_stalled(at(129)) && shares.is_stalled(at(130)));
        shares.settle(99, at(131));
        assert!(!shares.is_stalled(at(160)) && shares.is_stalled(at(161)), "a byte left at 131");
        shares.settle(0, at(200));
        assert!(!shares.is_stalled(at(300)));
    }
}
