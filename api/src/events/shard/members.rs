//! A room's connections in a shard, by their places in its table.

use bytes::Bytes;

/// A room's connections in a shard.
#[derive(Debug, Default)]
pub(super) struct Members {
    places: Vec<u32>,
    /// Where the next turn begins, so that nobody is always the last.
    start: usize,
    /// The newest size of the audience.
    pub(super) presence: Option<Bytes>,
}

impl Members {
    /// Adds a connection. Returns where it stands in this list.
    pub(super) fn add(&mut self, place: usize) -> u32 {
        self.places.push(place as u32);
        self.places.len() as u32 - 1
    }

    /// Removes the connection that stands there. Returns the place of the one that stands there now.
    pub(super) fn remove(&mut self, index: u32) -> Option<usize> {
        self.places.swap_remove(index as usize);
        self.places.get(index as usize).map(|place| *place as usize)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Each connection.
    pub(super) fn places(&self) -> Vec<usize> {
        self.places.iter().map(|place| *place as usize).collect()
    }

    /// Each connection, from another one on than the last time.
    pub(super) fn turn(&mut self) -> impl Iterator<Item = usize> + '_ {
        self.start = (self.start + 1) % self.places.len().max(1);
        let (behind, ahead) = self.places.split_at(self.start);
        ahead.iter().chain(behind).map(|place| *place as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_one_takes_the_place_of_one_that_leaves_and_turns_begin_elsewhere() {
        let mut members = Members::default();
        assert_eq!([10, 11, 12].map(|place| members.add(place)), [0, 1, 2]);
        let first: Vec<usize> = (0..3).filter_map(|_| members.turn().next()).collect();
        assert_eq!(first, [11, 12, 10]);
        assert_eq!((members.remove(0), members.places()), (Some(12), vec![12, 11]));
        assert_eq!((members.remove(1), members.remove(0), members.is_empty()), (None, None, true));
        assert_eq!(members.turn().count(), 0);
    }
}
