//! RTP packets, read (RFC 3550 §5.1, RFC 8285). Takes any bytes.

/// The fixed header.
const FIXED: usize = 12;

/// Where things are in an RTP packet, encrypted or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The payload ends with padding, whose last byte counts it.
    pub padding: bool,
    /// Last packet of a frame.
    pub marker: bool,
    /// 0 to 127.
    pub payload_type: u8,
    /// As on the wire.
    pub sequence: u16,
    /// In the clock of the payload type.
    pub timestamp: u32,
    /// The source.
    pub ssrc: u32,
    /// Bytes before the payload: fixed header, contributing sources, extension.
    pub len: usize,
    /// Start of the extension's content, and whether its elements have two-byte headers (RFC 8285 §4.3).
    extension: Option<(usize, bool)>,
}

impl Header {
    /// `None`: not RTP, or cut short.
    #[inline]
    pub fn parse(packet: &[u8]) -> Option<Self> {
        let fixed: &[u8; FIXED] = packet.first_chunk()?;
        if fixed[0] >> 6 != 2 {
            return None;
        }
        let mut len = FIXED + 4 * usize::from(fixed[0] & 0x0f);
        let mut extension = None;
        if fixed[0] & 0x10 != 0 {
            let head: &[u8; 4] = packet.get(len..)?.first_chunk()?;
            extension = match (head[0], head[1]) {
                (0xbe, 0xde) => Some((len + 4, false)),
                (0x10, 0x00..=0x0f) => Some((len + 4, true)),
                _ => None,
            };
            len += 4 + 4 * usize::from(u16::from_be_bytes([head[2], head[3]]));
        }
        (len <= packet.len()).then_some(Self {
            padding: fixed[0] & 0x20 != 0,
            marker: fixed[1] & 0x80 != 0,
            payload_type: fixed[1] & 0x7f,
            sequence: u16::from_be_bytes([fixed[2], fixed[3]]),
            timestamp: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
            ssrc: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
            len,
            extension,
        })
    }

    /// The content of extension element `id` in `packet`, whose header this is. Element headers are not encrypted, so
    /// this works at any time; believe it after authentication only.
    pub fn extension<'a>(&self, packet: &'a [u8], id: u8) -> Option<&'a [u8]> {
        let (start, two_byte) = self.extension?;
        let mut rest = packet.get(start..self.len)?;
        while let Some(first) = rest.first().copied() {
            if first == 0 {
                rest = &rest[1..];
                continue;
            }
            let (element, header, length) = if two_byte {
                (first, 2, usize::from(*rest.get(1)?))
            } else {
                if first >> 4 == 15 {
                    return None;
                }
                (first >> 4, 1, usize::from(first & 0x0f) + 1)
            };
            let value = rest.get(header..header + length)?;
            if element == id {
                return Some(value);
            }
            rest = &rest[header + length..];
        }
        None
    }

    /// The payload of the decrypted `packet` without padding. `None`: its padding contradicts its length.
    #[inline]
    pub fn payload<'a>(&self, packet: &'a [u8]) -> Option<&'a [u8]> {
        let payload = packet.get(self.len..)?;
        if !self.padding {
            return Some(payload);
        }
        let padding = usize::from(*payload.last()?);
        if padding == 0 { None } else { payload.get(..payload.len().checked_sub(padding)?) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// One CSRC, a one-byte extension with elements 3 ("q") and 5 (three bytes), four bytes of payload.
    fn packet() -> Vec<u8> {
        let mut p = vec![0x91, 0xe0, 0, 7, 0, 0, 0, 9, 0, 0, 0, 5, 1, 1, 1, 1, 0xbe, 0xde, 0, 2];
        p.extend([0x30, b'q', 0, 0x52, 1, 2, 3, 0]);
        p.extend([9, 8, 7, 6]);
        p
    }

    #[test]
    fn header_extensions_and_payload_are_found() {
        let p = packet();
        let h = Header::parse(&p).unwrap();
        assert_eq!((h.marker, h.payload_type, h.sequence, h.timestamp, h.ssrc, h.len), (true, 96, 7, 9, 5, 28));
        assert_eq!(
            (h.extension(&p, 3), h.extension(&p, 5), h.extension(&p, 4)),
            (Some(&b"q"[..]), Some(&[1, 2, 3][..]), None)
        );
        assert_eq!(h.payload(&p), Some(&[9, 8, 7, 6][..]));
    }

    #[test]
    fn two_byte_extensions_are_found() {
        let mut p = vec![0x90, 96, 0, 7, 0, 0, 0, 9, 0, 0, 0, 5, 0x10, 0, 0, 2];
        p.extend([3, 1, b'q', 20, 0, 5, 1, 9]);
        let h = Header::parse(&p).unwrap();
        assert_eq!(
            (h.extension(&p, 3), h.extension(&p, 20), h.extension(&p, 5)),
            (Some(&b"q"[..]), Some(&[][..]), Some(&[9][..]))
        );
    }

    #[test]
    fn padding_is_cut_and_a_lie_about_it_refused() {
        let mut p = vec![0xa0, 96, 0, 7, 0, 0, 0, 9, 0, 0, 0, 5, 1, 2, 0, 2];
        let h = Header::parse(&p).unwrap();
        assert_eq!(h.payload(&p), Some(&[1, 2][..]));
        for lie in [0, 5, 255] {
            p[15] = lie;
            assert_eq!(h.payload(&p), None, "{lie}");
        }
        p[15] = 4;
        assert_eq!(h.payload(&p), Some(&[][..]));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80), id in 0u8..=255) {
            if let Some(h) = Header::parse(&bytes) {
                prop_assert!(h.len <= bytes.len());
                let _ = (h.extension(&bytes, id), h.payload(&bytes));
            }
        }
    }
}
