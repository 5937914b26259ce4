//! One subscriber's numbering: whatever is forwarded, whichever layer it comes from, becomes one unbroken stream.
//!
//! A stretch of packets from one layer is an *epoch* with constant offsets for sequence number, timestamp and VP8's
//! picture ids. A switch begins the next epoch right after the last packet sent. Old epochs are remembered for packets
//! that come late and for NACKs. The first sequence number lies in 1024..32767 and nothing below it is ever sent, so
//! that sender and receiver agree on SRTP's rollover counter; no number is used for two packets, so that GCM's nonces
//! are not either: epochs do not overlap, and a window over the numbers used refuses whatever would break that. No I/O
//! and no clock. Driven by the subscription.

use std::collections::VecDeque;

use codec_headers::dependency;

use crate::media::packet::Packet;
use crate::transport::srtp::Window;

/// Epochs remembered.
const EPOCHS_MAX: usize = 6;

/// Where the first packet is put.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FirstNumbers {
    /// 1024..32767.
    pub sequence: u16,
    /// Any 32 bits.
    pub timestamp: u32,
}

/// How a packet goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Numbers {
    /// 48 bits: the SRTP packet index.
    pub index: u64,
    pub timestamp: u32,
    /// VP8's picture id and TL0PICIDX.
    pub vp8: Option<(u16, u8)>,
    /// The dependency descriptor's frame number.
    pub frame: Option<u16>,
}

#[derive(Clone, Copy, Debug)]
struct Epoch {
    layer: usize,
    source_first: u64,
    first: u64,
    timestamp_offset: u32,
    picture_id_offset: u16,
    tl0_offset: u8,
    frame_offset: u16,
}

impl Epoch {
    fn numbers(&self, packet: &Packet) -> Numbers {
        Numbers {
            index: self.first + (packet.sequence - self.source_first),
            timestamp: packet.timestamp.wrapping_add(self.timestamp_offset),
            vp8: packet.vp8.map(|d| {
                let picture_id = d.picture_id.unwrap_or_default().wrapping_add(self.picture_id_offset) & 0x7fff;
                (picture_id, d.tl0_pic_idx.unwrap_or_default().wrapping_add(self.tl0_offset))
            }),
            frame: frame_number(packet).map(|number| number.wrapping_add(self.frame_offset)),
        }
    }
}

fn frame_number(packet: &Packet) -> Option<u16> {
    Some(dependency::Frame::parse(packet.descriptor.as_ref()?)?.number)
}

/// The numbering of one subscription.
#[derive(Debug)]
pub(crate) struct Rewriter {
    origin: FirstNumbers,
    epochs: VecDeque<Epoch>,
    /// The numbers that packets have gone out under.
    used: Option<Window>,
    timestamp: u32,
    picture_id: u16,
    tl0: u8,
    frame: u16,
}

impl Rewriter {
    pub(crate) fn new(origin: FirstNumbers) -> Self {
        Self { origin, epochs: VecDeque::new(), used: None, timestamp: 0, picture_id: 0, tl0: 0, frame: 0 }
    }

    /// The layer that is forwarded.
    pub(crate) fn layer(&self) -> Option<usize> {
        self.epochs.back().map(|e| e.layer)
    }

    /// The offset added to the current layer's timestamps.
    pub(crate) fn timestamp_offset(&self) -> Option<u32> {
        self.epochs.back().map(|e| e.timestamp_offset)
    }

    /// The timestamp of the newest packet sent.
    pub(crate) fn last_timestamp(&self) -> Option<u32> {
        self.used.as_ref().map(|_| self.timestamp)
    }

    /// The newest sequence number sent.
    pub(crate) fn highest_sequence(&self) -> Option<u16> {
        self.highest().map(|index| index as u16)
    }

    /// From `packet` on, `layer` is forwarded. `timestamp`: what the packet's becomes, at least one more than the last;
    /// `None` for the first.
    pub(crate) fn switch(&mut self, layer: usize, packet: &Packet, timestamp: Option<u32>) {
        let first = self.highest().map_or(u64::from(self.origin.sequence), |h| h + 1);
        let timestamp = timestamp.unwrap_or(self.origin.timestamp);
        let descriptor = packet.vp8.unwrap_or_default();
        if self.epochs.len() == EPOCHS_MAX {
            self.epochs.pop_front();
        }
        self.epochs.push_back(Epoch {
            layer,
            source_first: packet.sequence,
            first,
            timestamp_offset: timestamp.wrapping_sub(packet.timestamp),
            picture_id_offset: self.picture_id.wrapping_add(1).wrapping_sub(descriptor.picture_id.unwrap_or_default()),
            tl0_offset: self.tl0.wrapping_add(1).wrapping_sub(descriptor.tl0_pic_idx.unwrap_or_default()),
            frame_offset: self.frame.wrapping_add(1).wrapping_sub(frame_number(packet).unwrap_or_default()),
        });
    }

    /// From `packet` on, another layer of the same published sequence is forwarded: what its numbers mean stays.
    pub(crate) fn go_on(&mut self, layer: usize, packet: &Packet) {
        let (Some(last), Some(highest)) = (self.epochs.back().copied(), self.highest()) else {
            return self.switch(layer, packet, None);
        };
        let picture_id = packet.vp8.and_then(|descriptor| descriptor.picture_id).unwrap_or_default();
        if self.epochs.len() == EPOCHS_MAX {
            self.epochs.pop_front();
        }
        self.epochs.push_back(Epoch {
            layer,
            source_first: packet.sequence,
            first: highest + 1,
            picture_id_offset: self.picture_id.wrapping_add(1).wrapping_sub(picture_id),
            ..last
        });
    }

    /// How `packet` of `layer` goes out; `None`: it does not, being of another layer or of before its epoch.
    pub(crate) fn rewrite(&mut self, layer: usize, packet: &Packet) -> Option<Numbers> {
        let mut limit = u64::MAX;
        for epoch in self.epochs.iter().rev() {
            if epoch.layer == layer && packet.sequence >= epoch.source_first {
                let numbers = epoch.numbers(packet);
                // A late packet of an old epoch has no number left if another packet took its place.
                return if numbers.index < limit { self.send(numbers) } else { None };
            }
            limit = epoch.first;
        }
        None
    }

    fn highest(&self) -> Option<u64> {
        self.used.as_ref().map(Window::highest)
    }

    /// Takes a packet's numbers for good. `None`: its index is used, or too old to know.
    fn send(&mut self, numbers: Numbers) -> Option<Numbers> {
        let newest = match &mut self.used {
            Some(used) if !used.is_new(numbers.index) => return None,
            Some(used) => {
                let newest = numbers.index > used.highest();
                used.accept(numbers.index);
                newest
            }
            none => {
                *none = Some(Window::starting_at(numbers.index));
                true
            }
        };
        if newest {
            self.timestamp = numbers.timestamp;
            if let Some((picture_id, tl0)) = numbers.vp8 {
                (self.picture_id, self.tl0) = (picture_id, tl0);
            }
            self.frame = numbers.frame.unwrap_or(self.frame);
        }
        Some(numbers)
    }

    /// Which packet went out as `sequence`: layer, the publisher's sequence number, and the packet index.
    pub(crate) fn source_of(&self, sequence: u16) -> Option<(usize, u64, u64)> {
        let highest = self.highest()?;
        let back = u64::from((highest as u16).wrapping_sub(sequence));
        let index = highest.checked_sub(back).filter(|_| back < 0x8000)?;
        let epoch = self.epochs.iter().rev().find(|e| e.first <= index)?;
        Some((epoch.layer, epoch.source_first + (index - epoch.first), index))
    }

    /// As [`rewrite`](Self::rewrite) put it: for sending again.
    pub(crate) fn again(&self, index: u64, packet: &Packet) -> Option<Numbers> {
        let epoch = self.epochs.iter().rev().find(|e| e.first <= index)?;
        (packet.sequence >= epoch.source_first).then(|| epoch.numbers(packet))
    }

    /// The source is another one. Packets of the last one cannot be sent again.
    pub(crate) fn leave_source(&mut self) {
        self.epochs.clear();
    }
}

#[cfg(test)]
#[path = "rewrite_tests.rs"]
mod tests;
