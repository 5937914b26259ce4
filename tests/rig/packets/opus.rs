//! RTP packets that look like Opus to whoever forwards them (RFC 7587) and carry their send time. No decoder would like
//! them.
//!
//! Without audio levels (RFC 6464): nobody counts as speaking.

use crate::mark;
use crate::vp8::RTP_HEADER;

/// Ticks a second of Opus's RTP clock.
pub const CLOCK_HZ: u32 = 48_000;
/// TOC byte (RFC 6716 §3.1): CELT, full band, 20 ms, stereo, one frame.
const TOC: u8 = 31 << 3 | 1 << 2;

/// The publisher's counters.
#[derive(Clone, Debug)]
pub struct OpusStream {
    ssrc: u32,
    payload_type: u8,
    payload_bytes: usize,
    sequence: u16,
    timestamp: u32,
}

impl OpusStream {
    /// A stream whose packets carry `payload_bytes` each: at least a TOC byte and the mark.
    pub fn new(ssrc: u32, payload_type: u8, payload_bytes: usize) -> Self {
        // Below 32768: a receiver that joins late guesses the rollover counter right (RFC 3711 §3.3.1).
        let sequence = 1024 + (ssrc as u16 & 0x3fff);
        let payload_bytes = payload_bytes.max(1 + mark::BYTES);
        Self { ssrc, payload_type, payload_bytes, sequence, timestamp: ssrc }
    }

    /// The RTP timestamp of the last packet.
    pub fn timestamp(&self) -> u32 {
        self.timestamp
    }

    /// Writes the next packet, `ticks` after the last one, into `packet`, replacing what is there.
    pub fn packet(&mut self, packet: &mut Vec<u8>, ticks: u32, sent_ns: u64) {
        self.timestamp = self.timestamp.wrapping_add(ticks);
        packet.clear();
        packet.extend([0x80, self.payload_type]);
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(self.timestamp.to_be_bytes());
        packet.extend(self.ssrc.to_be_bytes());
        self.sequence = self.sequence.wrapping_add(1);
        packet.push(TOC);
        packet.resize(RTP_HEADER + self.payload_bytes - mark::BYTES, 0xa5);
        mark::append(packet, sent_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_numbered_and_timed_and_have_the_length_asked_for() {
        let (mut stream, mut packet) = (OpusStream::new(7, 111, 100), vec![]);
        let heads = [1, 2].map(|sent| {
            stream.packet(&mut packet, 960, sent);
            assert_eq!((packet.len(), packet[1], mark::sent_ns(&packet)), (112, 111, Some(sent)));
            [u32::from(packet[3]), u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]])]
        });
        assert_eq!([heads[1][0] - heads[0][0], heads[1][1] - heads[0][1]], [1, 960]);
    }
}
