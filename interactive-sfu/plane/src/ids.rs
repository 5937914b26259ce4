//! The names of peers and tracks.

/// A peer connection, for as long as the process runs. Serial numbers are used once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId {
    /// The media thread that carries it.
    pub shard: u16,
    /// Its number, unique among all shards.
    pub serial: u32,
}

/// A published track, for as long as the process runs. Numbers are used once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TrackId(pub u32);
