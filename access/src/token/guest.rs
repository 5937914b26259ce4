//! The claim `spillway.guest`, by which a token says that this server gave it to a stranger.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// A stranger who joined a room without an access token. Their token holds while strangers may watch the room; for who
/// came by a playback token, as that one holds too.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Guest {
    /// The playback token that they came by; `None`: the room was open to everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub playback: Option<PlaybackBounds>,
}

/// The bounds of a playback token.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PlaybackBounds {
    /// When the room was made that it is for, milliseconds since the Unix epoch.
    pub created_at_utc_ms: i64,
    /// When it ends, milliseconds since the Unix epoch.
    pub expires_at_utc_ms: i64,
    /// The only addresses it holds for: the first of them, and the length of their common prefix in bits. `None`: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub addresses: Option<(IpAddr, u8)>,
}
