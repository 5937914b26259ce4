//! Our ICE credentials (RFC 8445 §5.3): each peer has its own, and a user fragment names its peer.

use std::fmt;

#[cfg(test)]
use rand::Rng as _;

/// Random characters that a user fragment begins with.
const UFRAG_RANDOM: usize = 4;
/// Characters of a password.
const PASSWORD_LEN: usize = 24;

/// Our side of a peer's ICE. `Debug` does not show the password.
#[derive(Clone)]
pub struct LocalIce {
    /// 4 random characters, and the peer's serial number in hexadecimal.
    pub ufrag: String,
    /// 24 random characters.
    pub pwd: String,
}

impl fmt::Debug for LocalIce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalIce").field("ufrag", &self.ufrag).finish_non_exhaustive()
    }
}

impl LocalIce {
    /// Credentials for the peer with this serial number. `random_text` makes as many random letters and digits as it is
    /// asked for: ice-chars (RFC 8839 §5.4).
    pub fn new(serial: u32, mut random_text: impl FnMut(usize) -> String) -> Self {
        Self { ufrag: format!("{}{serial:x}", random_text(UFRAG_RANDOM)), pwd: random_text(PASSWORD_LEN) }
    }
}

/// The peer's side, as it has described itself. `Debug` does not show the password.
#[derive(Clone, PartialEq, Eq)]
pub struct RemoteIce {
    /// 4 to 256 ice-chars.
    pub ufrag: String,
    /// 22 to 256 ice-chars.
    pub pwd: String,
}

impl fmt::Debug for RemoteIce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteIce").field("ufrag", &self.ufrag).finish_non_exhaustive()
    }
}

/// Random ICE credentials for the peer with this serial number.
#[cfg(test)]
pub(crate) fn local_ice(serial: u32) -> LocalIce {
    let random = |len| rand::rng().sample_iter(rand::distr::Alphanumeric).take(len).map(char::from).collect();
    LocalIce::new(serial, random)
}

/// The serial number of the peer that a user fragment of ours was made for: in hexadecimal, after the random
/// characters.
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
