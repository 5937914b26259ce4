//! Decides which rooms have been empty for as long as they may be. Pure: what is seen and `now` come in.
//!
//! Rooms of the REST API stay until they are deleted; those that LiveKit's clients and libraries make come with a time.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use access::RoomName;

/// Since when rooms are empty.
#[derive(Debug, Default)]
pub struct IdleRooms {
    empty_since: HashMap<RoomName, Instant>,
}

/// A room as it is now.
#[derive(Clone, Debug)]
pub struct SeenRoom {
    /// Its name.
    pub name: RoomName,
    /// How long it may be empty. Never zero.
    pub idle_end: Duration,
    /// Nobody is in it.
    pub empty: bool,
}

impl IdleRooms {
    /// Takes in every room that can end so, and returns those to close.
    pub fn sweep(&mut self, seen: impl IntoIterator<Item = SeenRoom>, now: Instant) -> Vec<RoomName> {
        let mut empty_since = HashMap::new();
        let mut over = Vec::new();
        for room in seen.into_iter().filter(|room| room.empty) {
            let since = self.empty_since.get(&room.name).copied().unwrap_or(now);
            if now.saturating_duration_since(since) >= room.idle_end {
                over.push(room.name);
            } else {
                empty_since.insert(room.name, since);
            }
        }
        self.empty_since = empty_since;
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_closed_when_it_was_empty_for_long_without_a_break() {
        let (mut rooms, start) = (IdleRooms::default(), Instant::now());
        let mut sweep = |second: u64, empty: bool| {
            let seen = SeenRoom { name: "r".parse().unwrap(), idle_end: Duration::from_secs(30), empty };
            rooms.sweep([seen], start + Duration::from_secs(second)).len()
        };
        assert_eq!([sweep(0, true), sweep(29, true), sweep(30, false), sweep(31, true), sweep(60, true)], [0; 5]);
        assert_eq!(sweep(61, true), 1);
    }
}
