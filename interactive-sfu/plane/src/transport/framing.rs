//! Packets on a TCP connection: a length of two bytes before each (RFC 4571 §2). Takes any bytes.

/// The longest packet taken.
pub const PACKET_MAX: usize = 2048;
/// Bytes of memory that are kept between two packets; more is given back.
const KEPT_BYTES: usize = 4096;

/// Collects bytes, gives packets. Holds one packet and what was read beyond it.
#[derive(Debug, Default)]
pub struct Deframer {
    bytes: Vec<u8>,
    at: usize,
}

/// A packet longer than [`PACKET_MAX`]: the connection is not one of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

impl Deframer {
    /// Bytes came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.at);
        self.at = 0;
        if self.bytes.len() + bytes.len() <= KEPT_BYTES {
            self.bytes.shrink_to(KEPT_BYTES);
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole packet, if there is one.
    pub fn packet(&mut self) -> Result<Option<&mut [u8]>, TooLong> {
        let Some(length) = self.bytes.get(self.at..).and_then(<[u8]>::first_chunk) else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes(*length));
        if length > PACKET_MAX {
            return Err(TooLong);
        }
        let start = self.at + 2;
        if self.bytes.len() < start + length {
            return Ok(None);
        }
        self.at = start + length;
        Ok(Some(&mut self.bytes[start..start + length]))
    }
}

/// The two bytes before a packet of `len`.
pub fn prefix(len: usize) -> [u8; 2] {
    (len.min(usize::from(u16::MAX)) as u16).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn memory_for_many_packets_is_given_back_when_few_come() {
        let mut d = Deframer::default();
        d.push(&[0; 60_000]);
        while d.packet() != Ok(None) {}
        d.push(&[0, 1]);
        assert!(d.bytes.capacity() <= KEPT_BYTES, "{}", d.bytes.capacity());
        d.push(&[7]);
        assert_eq!(d.packet(), Ok(Some(&mut [7][..])));
    }

    #[test]
    fn a_length_that_no_packet_has_is_refused() {
        let mut d = Deframer::default();
        d.push(&[0x08, 0x01]);
        assert_eq!(d.packet(), Err(TooLong));
    }

    proptest! {
        #[test]
        fn packets_survive_any_cutting(lengths in proptest::collection::vec(0usize..300, 1..20), cut in 1usize..64) {
            let packets: Vec<Vec<u8>> = lengths.iter().enumerate().map(|(i, len)| vec![i as u8; *len]).collect();
            let stream: Vec<u8> = packets.iter().flat_map(|p| [&prefix(p.len())[..], p].concat()).collect();
            let (mut d, mut got) = (Deframer::default(), vec![]);
            for piece in stream.chunks(cut) {
                d.push(piece);
                while let Ok(Some(packet)) = d.packet() { got.push(packet.to_vec()); }
            }
            prop_assert_eq!(got, packets);
        }
    }
}
