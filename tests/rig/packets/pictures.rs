//! Pictures that say they are of some size, in one RTP packet each: their headers are right, the rest is none.

use crate::sdp::Video;
use crate::vp8::RTP_HEADER;

/// Bytes after the headers.
const REST: usize = 200;

/// A stream of pictures.
#[derive(Clone, Debug)]
pub struct Pictures {
    codec: Video,
    ssrc: u32,
    payload_type: u8,
    sequence: u16,
    timestamp: u32,
}

impl Pictures {
    /// With the SSRC and payload type that were negotiated.
    pub fn new(codec: Video, ssrc: u32, payload_type: u8) -> Self {
        Self { codec, ssrc, payload_type, sequence: 1000, timestamp: ssrc }
    }

    /// The next picture's packet, a thirtieth of a second after the last: a keyframe of so many pixels by so many.
    pub fn keyframe(&mut self, width: u32, height: u32) -> Vec<u8> {
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(3000);
        let mut packet = vec![0x80, 0x80 | self.payload_type];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(self.timestamp.to_be_bytes());
        packet.extend(self.ssrc.to_be_bytes());
        debug_assert_eq!(packet.len(), RTP_HEADER);
        packet.extend(payload(self.codec, width, height));
        packet
    }
}

/// A keyframe's first payload; H.264's in whole macroblocks.
fn payload(codec: Video, width: u32, height: u32) -> Vec<u8> {
    let mut payload = match codec {
        Video::Vp8 => {
            let side = |side: u32| (side as u16 & 0x3fff).to_le_bytes();
            [&[0x10, 0x10, 0x02, 0, 0x9d, 1, 0x2a][..], &side(width), &side(height)].concat()
        }
        Video::Vp9 => {
            let header = Bits::default().put(2, 2).put(0, 4).put(0b10, 2).put(0x49_8342, 24).put(1, 3).put(0, 1);
            [&[0x0c][..], &header.put(width - 1, 16).put(height - 1, 16).put(0, 8).bytes()].concat()
        }
        Video::H264 => {
            let sps =
                Bits::default().put(0x67, 8).put(0x42, 8).put(0xc0, 8).put(31, 8).ue(0).ue(0).ue(2).ue(1).put(0, 1);
            let sps =
                sps.ue(width.div_ceil(16) - 1).ue(height.div_ceil(16) - 1).put(0b110, 3).put(0, 1).put(1, 1).bytes();
            let (pps, idr) = ([0x68, 0xce, 0x3c, 0x80], [&[0x65, 0x88, 0x84][..], &[0xa5; REST]].concat());
            let unit = |unit: &[u8]| [&(unit.len() as u16).to_be_bytes()[..], unit].concat();
            return [&[0x78][..], &unit(&sps), &unit(&pps), &unit(&idr)].concat();
        }
        Video::Av1 => {
            let header = Bits::default().put(0, 5).put(0, 1).put(0, 1).put(0, 5).put(0, 12).put(0, 5);
            let header = header.put(15, 4).put(15, 4).put(width - 1, 16).put(height - 1, 16).put(0, 8).bytes();
            // N, and two elements: the sequence's header with its length, and what ought to be a frame.
            [&[0x28, header.len() as u8 + 1, 0x08][..], &header, &[0x30]].concat()
        }
    };
    payload.resize(payload.len() + REST, 0xa5);
    payload
}

/// Writes bit fields.
#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    fn put(mut self, value: u32, count: u32) -> Self {
        self.0.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
        self
    }

    /// Unsigned Exp-Golomb (H.264 §9.1).
    fn ue(self, value: u32) -> Self {
        let bits = 32 - (value + 1).leading_zeros();
        self.put(0, bits - 1).put(value + 1, bits)
    }

    fn bytes(self) -> Vec<u8> {
        let byte = |bits: &[bool]| bits.iter().enumerate().fold(0u8, |byte, (i, on)| byte | u8::from(*on) << (7 - i));
        self.0.chunks(8).map(byte).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_those_that_encoders_write() {
        assert_eq!(payload(Video::Vp8, 1280, 720)[..11], [0x10, 0x10, 2, 0, 0x9d, 1, 0x2a, 0, 5, 0xd0, 2]);
        // As libvpx writes it for 1280 × 720.
        assert_eq!(payload(Video::Vp9, 1280, 720)[..10], [0x0c, 0x82, 0x49, 0x83, 0x42, 0x20, 0x4f, 0xf0, 0x2c, 0xf0]);
        assert_eq!(payload(Video::H264, 1280, 720)[3..7], [0x67, 0x42, 0xc0, 31]);
        let mut pictures = Pictures::new(Video::Av1, 7, 96);
        let (first, second) = (pictures.keyframe(64, 64), pictures.keyframe(64, 64));
        assert_eq!((first[1], second[3].wrapping_sub(first[3])), (0x80 | 96, 1));
    }
}
