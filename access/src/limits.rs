//! The limits of texts that tokens and requests carry, each written once. LiveKit's server has the same defaults, but
//! for room names, which stand in URLs and file names here, and for tokens.

/// The longest name of a room, bytes.
pub const ROOM_NAME_BYTES_MAX: usize = 64;

/// The longest identity of a participant, bytes.
pub const IDENTITY_BYTES_MAX: usize = 256;

/// The longest name that a participant is called by, bytes.
pub const NAME_BYTES_MAX: usize = 256;

/// The longest metadata of a participant, bytes.
pub const METADATA_BYTES_MAX: usize = 64 * 1024;

/// The longest metadata of a room, bytes. Everybody who joins is told it.
pub const ROOM_METADATA_BYTES_MAX: usize = 32 * 1024;

/// The longest that all attributes of a participant may be together, keys and values, bytes.
pub const ATTRIBUTES_BYTES_MAX: usize = 64 * 1024;

/// How long a lease of a seat is good for, milliseconds: after a restart a server honours the leases of before, and
/// gives no other seats for so long.
pub const SEAT_LEASE_MS: u64 = 10_000;

/// The longest access token that is read or made, bytes. It stands in a header or in the query of a URL, and both must
/// pass the server's 16 KiB for a request's head, and what proxies allow (nginx: 8 KiB a line).
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;
