//! Our ICE credentials (RFC 8445 §5.3): each peer's own, and from a user fragment whose it is.

use crate::ids::random_text;

/// Random characters that a user fragment begins with.
const UFRAG_RANDOM: usize = 4;
/// Characters of a password.
const PASSWORD_LEN: usize = 24;

/// Our side of a peer's ICE.
#[derive(Clone)]
pub(crate) struct LocalIce {
    pub ufrag: String,
    pub pwd: String,
}

/// A user fragment and password for a peer.
pub(crate) fn local_ice(serial: u32) -> LocalIce {
    LocalIce { ufrag: format!("{}{serial:x}", random_text(UFRAG_RANDOM)), pwd: random_text(PASSWORD_LEN) }
}

/// Whose a user fragment of ours is: it carries the peer's serial number, in hexadecimal after the random characters.
pub(crate) fn serial_of(ufrag: &str) -> Option<u32> {
    u32::from_str_radix(ufrag.get(UFRAG_RANDOM..)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_fragment_leads_back_to_its_peer() {
        for serial in [0, 1, 0xabcdef, u32::MAX] {
            assert_eq!(serial_of(&local_ice(serial).ufrag), Some(serial));
        }
        for bad in ["", "abc", "abcd", "abcdxyz", "abcd123456789", "äöü1"] {
            assert_eq!(serial_of(bad), None, "{bad}");
        }
    }
}
