//! Which packet indexes have been seen, or used (RFC 3711 §3.3.2).

/// Indexes remembered below the highest one.
const SPAN: u64 = 256;

/// A sliding window over packet indexes.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    highest: u64,
    /// Bit `index % SPAN` for every index in `highest - SPAN + 1 ..= highest`.
    seen: [u64; (SPAN / 64) as usize],
}

impl Window {
    pub(crate) fn starting_at(index: u64) -> Self {
        let mut window = Self { highest: index, seen: [0; 4] };
        window.set(index);
        window
    }

    /// Indexes up to `highest` count as seen; so does `index`, above it.
    pub(super) fn beyond(highest: u64, index: u64) -> Self {
        let mut window = Self { highest, seen: [u64::MAX; (SPAN / 64) as usize] };
        window.accept(index);
        window
    }

    pub(crate) fn highest(&self) -> u64 {
        self.highest
    }

    pub(crate) fn is_new(&self, index: u64) -> bool {
        if index > self.highest {
            return true;
        }
        self.highest - index < SPAN && self.seen[slot(index)] & bit(index) == 0
    }

    /// `index` is authentic and [new](Self::is_new).
    pub(crate) fn accept(&mut self, index: u64) {
        if index > self.highest {
            let passed = index - self.highest;
            if passed >= SPAN {
                self.seen = [0; 4];
            } else {
                for skipped in self.highest + 1..=index {
                    self.seen[slot(skipped)] &= !bit(skipped);
                }
            }
            self.highest = index;
        }
        self.set(index);
    }

    fn set(&mut self, index: u64) {
        self.seen[slot(index)] |= bit(index);
    }
}

fn slot(index: u64) -> usize {
    ((index % SPAN) / 64) as usize
}

fn bit(index: u64) -> u64 {
    1 << (index % 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_new_once() {
        let mut window = Window::starting_at(1000);
        for index in [1001, 1005, 1003, 900, 1255, 1000 + 255] {
            let expected = !matches!(index, 1255 if window.highest() == 1255);
            assert_eq!(window.is_new(index), expected, "{index}");
            window.accept(index);
            assert!(!window.is_new(index), "{index} twice");
        }
        assert!(!window.is_new(1000), "the first");
        assert!(window.is_new(1002), "a gap");
    }

    #[test]
    fn index_too_old_to_know_is_refused() {
        let mut window = Window::starting_at(10);
        window.accept(10 + SPAN);
        assert!(!window.is_new(10));
        assert!(window.is_new(11));
        window.accept(100_000);
        assert!(!window.is_new(100_000 - SPAN));
        assert!(window.is_new(100_000 - SPAN + 1));
    }
}
