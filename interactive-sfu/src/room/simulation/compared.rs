//! How much the checks have compared.

use std::ops::Add;

/// How often the checks had something to compare: a simulation in which nobody is sent anything proves nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Compared {
    /// People whom a client sees.
    pub(super) people: u64,
    /// Tracks that a client is sent.
    pub(super) tracks: u64,
    /// Tracks of which less is wanted than all.
    pub(super) qualities: u64,
    /// Messages that came to whoever was to have them.
    pub(super) messages: u64,
    /// Clients that have resumed.
    pub(super) resumed: u64,
}

impl Add for Compared {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            people: self.people + other.people,
            tracks: self.tracks + other.tracks,
            qualities: self.qualities + other.qualities,
            messages: self.messages + other.messages,
            resumed: self.resumed + other.resumed,
        }
    }
}
