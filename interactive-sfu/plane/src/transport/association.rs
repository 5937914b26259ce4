//! The terms of a peer's DTLS association (RFC 8122, RFC 8842) and its data channels.
//!
//! Values alone, free of the rest of the crate: SDP is parsed into them, and fuzzed without the plane's cryptography.

use std::fmt;

/// The largest message of a data channel, in bytes, as descriptions of ours announce it (RFC 8841 §6).
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// SHA-256 of a DTLS certificate (RFC 8122 §5). Displays as `AB:CD:…`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Fingerprint(pub [u8; 32]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, byte) in self.0.iter().enumerate() {
            write!(f, "{}{byte:02X}", if i == 0 { "" } else { ":" })?;
        }
        Ok(())
    }
}

/// Our role in a DTLS association (RFC 8842 §5). It lasts as long as the association.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DtlsRole {
    /// We send the ClientHello.
    Client,
    /// We wait for it.
    Server,
}

/// A peer as it has described itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Of the certificate that it must present.
    pub fingerprint: Fingerprint,
    /// Ours in the handshake.
    pub role: DtlsRole,
    /// Its data channels.
    pub data: Data,
}

/// The end that opens a peer's data channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data {
    /// The peer has none.
    None,
    /// The peer opens them.
    Accept,
    /// We open them.
    Announce,
}

/// A peer's data channels, by what they promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Every message arrives, in order.
    Reliable,
    /// Messages may be lost, and overtake each other.
    Lossy,
}
