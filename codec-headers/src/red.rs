//! Redundant audio (RFC 2198): blocks of earlier sound in front of the newest one.

/// Blocks in a packet: clients send two or three.
const BLOCKS_MAX: usize = 8;
/// Bytes of a redundant block's header; the newest one's has one.
const HEADER: usize = 4;

/// Where the newest block begins, of a payload that holds together. `None`: it does not, or has no newest block.
#[inline]
pub fn primary(payload: &[u8]) -> Option<usize> {
    let (mut at, mut redundant) = (0, 0usize);
    for _ in 0..BLOCKS_MAX {
        if payload.get(at)? & 0x80 == 0 {
            let start = at + 1 + redundant;
            return (start < payload.len()).then_some(start);
        }
        let [.., high, low] = *payload.get(at..)?.first_chunk::<HEADER>()?;
        redundant += usize::from(u16::from_be_bytes([high & 0x03, low]));
        at += HEADER;
    }
    None
}

/// Writes the payload type of every block, of a payload that [`primary`] accepts.
#[inline]
pub fn set_payload_types(payload: &mut [u8], payload_type: u8) {
    let mut at = 0;
    while let Some(header) = payload.get_mut(at) {
        let more = *header & 0x80;
        *header = more | payload_type;
        if more == 0 {
            return;
        }
        at += HEADER;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two redundant blocks of 2 and 3 bytes, and the newest one of 4.
    const THREE: &[u8] = &[0x80 | 111, 0x0f, 0x00, 2, 0x80 | 111, 0x07, 0x80, 3, 111, 1, 1, 2, 2, 2, 9, 8, 7, 6];

    #[test]
    fn the_newest_block_is_the_last() {
        assert_eq!(primary(THREE).map(|at| &THREE[at..]), Some(&[9, 8, 7, 6][..]));
        assert_eq!(primary(&[111, 5]), Some(1));
    }

    #[test]
    fn what_does_not_hold_together_is_none() {
        for cut in 0..15 {
            assert_eq!(primary(&THREE[..cut]), None, "{cut}");
        }
        assert_eq!(primary(&[0xff; 100]), None, "headers without end");
        assert_eq!(primary(&[0x80, 0, 3, 0xff, 0, 1]), None, "a block longer than the packet");
    }

    #[test]
    fn blocks_are_renamed_and_their_sizes_kept() {
        let mut renamed = THREE.to_vec();
        set_payload_types(&mut renamed, 96);
        assert_eq!(renamed[..9], [0x80 | 96, 0x0f, 0x00, 2, 0x80 | 96, 0x07, 0x80, 3, 96]);
        assert_eq!((renamed[9..].to_vec(), primary(&renamed)), (THREE[9..].to_vec(), primary(THREE)));
    }
}
