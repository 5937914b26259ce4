//! RTP packets that look like VP8 to whoever forwards them (RFC 7741) and carry their send time. No decoder would like
//! them.

use crate::mark;
pub use crate::mark::sent_ns;

/// RTP header, bytes.
pub const RTP_HEADER: usize = 12;
/// Payload descriptor with extension, 15-bit picture id, TL0PICIDX and the temporal layer that goes with it, bytes.
const DESCRIPTOR: usize = 6;
/// Y (RFC 7741 §4.2): of the lowest temporal layer, which is the only one.
const LAYER_SYNC: u8 = 0x20;
/// VP8 frame header of a keyframe: tag, start code, width and height (RFC 6386 §9.1), bytes.
const KEYFRAME_HEADER: usize = 10;
/// Descriptor, frame header and mark: the shortest payload, bytes.
pub const PAYLOAD_BYTES_MIN: usize = DESCRIPTOR + KEYFRAME_HEADER + mark::BYTES;
/// Ticks a second of video's RTP clock.
pub const CLOCK_HZ: u32 = 90_000;

/// The publisher's counters.
#[derive(Clone, Debug)]
pub struct Vp8Stream {
    ssrc: u32,
    payload_type: u8,
    payload_bytes: usize,
    sequence: u16,
    timestamp: u32,
    picture_id: u16,
    tl0_pic_idx: u8,
}

impl Vp8Stream {
    /// A stream whose packets carry `payload_bytes` each (at least [`PAYLOAD_BYTES_MIN`]).
    pub fn new(ssrc: u32, payload_type: u8, payload_bytes: usize) -> Self {
        // Below 32768: a receiver that joins late guesses the rollover counter right (RFC 3711 §3.3.1).
        let sequence = 1024 + (ssrc as u16 & 0x3fff);
        let payload_bytes = payload_bytes.max(PAYLOAD_BYTES_MIN);
        Self { ssrc, payload_type, payload_bytes, sequence, timestamp: ssrc, picture_id: 0, tl0_pic_idx: 0 }
    }

    /// Starts the next frame, `ticks` of 90 kHz after the last.
    pub fn next_frame(&mut self, ticks: u32) {
        self.timestamp = self.timestamp.wrapping_add(ticks);
        self.picture_id = (self.picture_id + 1) & 0x7fff;
        self.tl0_pic_idx = self.tl0_pic_idx.wrapping_add(1);
    }

    /// The RTP timestamp of the frame in hand.
    pub fn timestamp(&self) -> u32 {
        self.timestamp
    }

    /// Writes the frame's next packet into `packet`, replacing what is there.
    pub fn packet(&mut self, packet: &mut Vec<u8>, first: bool, last: bool, keyframe: bool, sent_ns: u64) {
        packet.clear();
        packet.extend([0x80, self.payload_type | u8::from(last) << 7]);
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(self.timestamp.to_be_bytes());
        packet.extend(self.ssrc.to_be_bytes());
        self.sequence = self.sequence.wrapping_add(1);
        // X with I, L and T; S on a frame's first packet.
        packet.extend([0x80 | u8::from(first) << 4, 0xe0]);
        packet.extend((0x8000 | self.picture_id).to_be_bytes());
        packet.extend([self.tl0_pic_idx, LAYER_SYNC]);
        if first {
            // Frame tag: bit 0 is 0 for a keyframe; show_frame; the length of the first partition does not matter here.
            packet.extend([0x10 | u8::from(!keyframe), 0x02, 0x00]);
            if keyframe {
                packet.extend([0x9d, 0x01, 0x2a, 0x00, 0x05, 0xd0, 0x02]); // 1280 × 720
            }
        }
        packet.resize(RTP_HEADER + self.payload_bytes - mark::BYTES, 0xa5);
        mark::append(packet, sent_ns);
    }
}

/// Whether a decrypted packet begins a keyframe of VP8, whatever header extensions the server gave it.
pub fn begins_keyframe(packet: &[u8]) -> bool {
    let extension = match packet {
        [first, ..] if first & 0x10 == 0 => 0,
        _ => packet.get(14..16).map_or(0, |words| 4 + 4 * usize::from(u16::from_be_bytes([words[0], words[1]]))),
    };
    payload_begins_keyframe(packet.get(RTP_HEADER + extension..).unwrap_or_default())
}

/// Whether an RTP payload begins a keyframe of VP8, whatever descriptor (RFC 7741 §4.2) it has.
pub fn payload_begins_keyframe(payload: &[u8]) -> bool {
    let Some(&[first, second]) = payload.first_chunk() else { return false };
    let mut descriptor = 1;
    if first & 0x80 != 0 {
        // I takes two bytes where the first one says so; T and K share one.
        let long = second & 0x80 != 0 && payload.get(2).is_some_and(|id| id & 0x80 != 0);
        let fields = [second & 0x80 != 0, long, second & 0x40 != 0, second & 0x30 != 0];
        descriptor = 2 + fields.iter().filter(|there| **there).count();
    }
    // S on the first packet of partition 0; bit 0 of the frame tag is 0 for a keyframe.
    first & 0x17 == 0x10 && payload.get(descriptor).is_some_and(|tag| tag & 1 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyframe_begins_behind_any_descriptor() {
        for (payload, begins) in [
            (&[0x10, 0x00][..], true),
            (&[0x10, 0x01], false),
            (&[0x00, 0x00], false),
            (&[0x11, 0x00], false),
            (&[0x90, 0x80, 0x05, 0x00], true),
            (&[0x90, 0x80, 0x85, 0x01, 0x00], true),
            (&[0x90, 0xf0, 0x85, 0x01, 0x01, 0x21, 0x00], true),
            (&[0x90, 0xf0, 0x85, 0x01, 0x01, 0x21, 0x01], false),
            (&[0x90, 0x80], false),
            (&[0x10], false),
        ] {
            assert_eq!(payload_begins_keyframe(payload), begins, "{payload:x?}");
        }
    }

    #[test]
    fn a_frame_is_marked_as_one_and_carries_its_send_time() {
        let mut stream = Vp8Stream::new(7, 96, 100);
        let mut packet = vec![];
        stream.next_frame(3000);
        stream.packet(&mut packet, true, false, true, 42);
        assert_eq!((packet.len(), packet[1], packet[12] & 0x10, packet[18] & 1), (112, 96, 0x10, 0));
        assert_eq!(&packet[21..24], [0x9d, 0x01, 0x2a]);
        let sequence = u16::from_be_bytes([packet[2], packet[3]]);
        let mut extended = packet.clone();
        extended[0] |= 0x10;
        extended.splice(RTP_HEADER..RTP_HEADER, [0xbe, 0xde, 0, 1, 0x10, 0, 0, 0]);
        assert!(begins_keyframe(&packet) && begins_keyframe(&extended) && !begins_keyframe(&[0x90; 13]));
        stream.packet(&mut packet, false, true, true, 43);
        assert_eq!((packet[1], packet[12] & 0x10, sent_ns(&packet)), (0x80 | 96, 0, Some(43)));
        assert_eq!(u16::from_be_bytes([packet[2], packet[3]]), sequence + 1);
        assert!(!begins_keyframe(&packet));
        packet[50] ^= 1;
        *packet.last_mut().unwrap() ^= 1;
        assert_eq!((sent_ns(&packet), sent_ns(&[1, 2])), (None, None));
    }
}
