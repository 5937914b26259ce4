//! What waits for its time.

use std::collections::BTreeMap;
use std::time::Instant;

/// Things that are due at some time; of those due at the same time the first that came is the first to go.
/// Not bounded by itself: see [`Held::len`].
pub(super) struct Held<T> {
    waiting: BTreeMap<(Instant, u64), T>,
    came: u64,
}

impl<T> Default for Held<T> {
    fn default() -> Self {
        Self { waiting: BTreeMap::new(), came: 0 }
    }
}

impl<T> Held<T> {
    /// Keeps a thing until it is due.
    pub(super) fn push(&mut self, due: Instant, thing: T) {
        self.waiting.insert((due, self.came), thing);
        self.came += 1;
    }

    /// A thing that is due by now, the earliest first.
    pub(super) fn pop(&mut self, now: Instant) -> Option<T> {
        if self.next_due()? > now {
            return None;
        }
        self.waiting.pop_first().map(|(_, thing)| thing)
    }

    /// When the next one is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.waiting.keys().next().map(|(due, _)| *due)
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn things_come_when_they_are_due_and_of_one_time_in_their_order() {
        let (mut held, start) = (Held::default(), Instant::now());
        let after = |ms| start + Duration::from_millis(ms);
        for (due, thing) in [(2, 'c'), (1, 'a'), (1, 'b'), (5, 'd')] {
            held.push(after(due), thing);
        }
        assert_eq!(held.pop(start), None);
        assert_eq!(held.next_due(), Some(after(1)));
        let due: String = std::iter::from_fn(|| held.pop(after(2))).collect();
        assert_eq!(due, "abc");
        assert_eq!(held.len(), 1);
    }
}
