//! What names peers, tracks and stays.

use rand::Rng as _;

/// A peer, for as long as the process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PeerId {
    pub shard: u16,
    pub serial: u32,
}

/// A published track, for as long as the process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TrackId(pub u32);

/// Random letters and digits.
pub(crate) fn random_text(len: usize) -> String {
    rand::rng().sample_iter(rand::distr::Alphanumeric).take(len).map(char::from).collect()
}
