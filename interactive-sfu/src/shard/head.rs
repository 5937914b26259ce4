//! The start of every packet that a section sends, prepared once; and what is the same for a whole flush.

use std::time::Instant;

use super::net::Path;
use crate::media::report::abs_send_time;
use crate::transport::srtp::Sealer;

/// Fixed header, extension header, MID of up to 16 bytes, abs-send-time, padding.
const HEAD_MAX: usize = 12 + 4 + 17 + 4 + 3;

/// The time of one flush.
pub(crate) struct Stamp {
    pub now: Instant,
    pub abs_send_time: [u8; 3],
}

impl Stamp {
    pub(crate) fn new(now: Instant, ntp: u64) -> Self {
        Self { now, abs_send_time: abs_send_time(ntp) }
    }
}

/// What sending to a connected peer takes.
pub(crate) struct Link<'a> {
    pub path: &'a Path,
    pub sealer: &'a Sealer,
}

/// Our half of an RTP packet's head, prepared.
pub(super) struct Head {
    bytes: [u8; HEAD_MAX],
    pub(super) len: usize,
    /// Where abs-send-time stands.
    send_time_at: Option<usize>,
}

impl Head {
    pub(super) fn new(ssrc: u32, mid: Option<(u8, &str)>, send_time: Option<u8>) -> Self {
        let mut head = Self { bytes: [0; HEAD_MAX], len: 12, send_time_at: None };
        head.bytes[0] = 0x80;
        head.bytes[8..12].copy_from_slice(&ssrc.to_be_bytes());
        let mut at = 16;
        if let Some((id, mid)) = mid.filter(|(_, mid)| (1..=16).contains(&mid.len())) {
            head.bytes[at] = id << 4 | (mid.len() - 1) as u8;
            head.bytes[at + 1..at + 1 + mid.len()].copy_from_slice(mid.as_bytes());
            at += 1 + mid.len();
        }
        if let Some(id) = send_time {
            head.bytes[at] = id << 4 | 2;
            head.send_time_at = Some(at + 1);
            at += 4;
        }
        if at > 16 {
            at = at.next_multiple_of(4);
            head.bytes[0] |= 0x10;
            head.bytes[12..14].copy_from_slice(&[0xbe, 0xde]);
            head.bytes[14..16].copy_from_slice(&(((at - 16) / 4) as u16).to_be_bytes());
            head.len = at;
        }
        head
    }

    /// Writes it to the start of `out`, which is long enough.
    #[inline]
    pub(super) fn write(
        &self,
        out: &mut [u8],
        marker: bool,
        payload_type: u8,
        sequence: u16,
        timestamp: u32,
        stamp: &Stamp,
    ) {
        out[..self.len].copy_from_slice(&self.bytes[..self.len]);
        out[1] = u8::from(marker) << 7 | payload_type;
        out[2..4].copy_from_slice(&sequence.to_be_bytes());
        out[4..8].copy_from_slice(&timestamp.to_be_bytes());
        if let Some(at) = self.send_time_at {
            out[at..at + 3].copy_from_slice(&stamp.abs_send_time);
        }
    }
}
