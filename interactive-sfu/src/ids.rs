//! What names peers, tracks and stays.

pub(crate) use access::random_text;

/// A peer, for as long as the process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PeerId {
    pub shard: u16,
    pub serial: u32,
}

/// A published track, for as long as the process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TrackId(pub u32);
