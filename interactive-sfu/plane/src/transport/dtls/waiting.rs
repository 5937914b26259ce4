//! Counts and bounds of the items that wait for a thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Something that waits somewhere, of one peer or of all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waiting(Arc<AtomicUsize>);

/// A place among what waits. Dropped, it is free again.
#[derive(Debug)]
pub(crate) struct Place {
    waiting: Waiting,
    units: usize,
}

impl Waiting {
    /// A place for `units`, if no more than `most` wait then.
    pub(crate) fn enter(&self, units: usize, most: usize) -> Option<Place> {
        let before = self.0.fetch_add(units, Ordering::Relaxed);
        let place = Place { waiting: self.clone(), units };
        // Dropped, it gives its units back.
        (before + units <= most).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.waiting.0.fetch_sub(self.units, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_free_again_when_dropped() {
        let waiting = Waiting::default();
        let (first, second) = (waiting.enter(6, 10), waiting.enter(4, 10));
        assert!(first.is_some() && second.is_some() && waiting.enter(1, 10).is_none());
        drop(first);
        assert!(waiting.enter(6, 10).is_some() && waiting.enter(7, 10).is_none());
    }
}
