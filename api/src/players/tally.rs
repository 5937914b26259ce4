//! The figures of the players of one room, summed since the first of them.

/// Bounds of start-up times and latencies, milliseconds.
const TIMES_MS: [u64; BOUNDS] = [250, 500, 750, 1000, 1500, 2000, 3000, 4000, 6000, 10_000, 20_000];
/// Bounds of bit rates, bits a second.
const BIT_RATES: [u64; BOUNDS] = [
    100_000, 250_000, 500_000, 1_000_000, 2_000_000, 3_000_000, 4_000_000, 6_000_000, 8_000_000, 12_000_000, 20_000_000,
];
const BOUNDS: usize = 11;

/// The distribution of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Histogram {
    pub(super) bounds: &'static [u64; BOUNDS],
    /// Values up to each bound, and above all of them; not cumulative.
    counts: [u64; BOUNDS + 1],
    pub(super) sum: u64,
}

impl Histogram {
    fn new(bounds: &'static [u64; BOUNDS]) -> Self {
        Self { bounds, counts: [0; BOUNDS + 1], sum: 0 }
    }

    pub(super) fn observe(&mut self, value: u64) {
        let index = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get_mut(index) {
            *count += 1;
        }
        self.sum = self.sum.saturating_add(value);
    }

    /// Values up to each bound, and all of them.
    pub(super) fn cumulative(&self) -> impl Iterator<Item = u64> + '_ {
        self.counts.iter().scan(0, |total, count| {
            *total += count;
            Some(*total)
        })
    }

    fn add(&mut self, other: &Self) {
        self.counts.iter_mut().zip(other.counts).for_each(|(count, more)| *count += more);
        self.sum = self.sum.saturating_add(other.sum);
    }
}

/// The figures of some players.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) sessions: u64,
    pub(super) errors: u64,
    /// Times that media ran out after the start.
    pub(super) stalls: u64,
    pub(super) stalled_ms: u64,
    /// From the wish to play to the first picture, milliseconds.
    pub(super) startup_ms: Histogram,
    /// Behind live, at the first picture and with each interval's report, milliseconds.
    pub(super) latency_ms: Histogram,
    /// The same of bit rates.
    pub(super) bits_per_second: Histogram,
}

impl Default for Tally {
    fn default() -> Self {
        let (times, rates) = (Histogram::new(&TIMES_MS), Histogram::new(&BIT_RATES));
        let (startup_ms, latency_ms) = (times.clone(), times);
        Self { sessions: 0, errors: 0, stalls: 0, stalled_ms: 0, startup_ms, latency_ms, bits_per_second: rates }
    }
}

impl Tally {
    pub(super) fn add(&mut self, other: &Self) {
        self.sessions += other.sessions;
        self.errors += other.errors;
        self.stalls += other.stalls;
        self.stalled_ms += other.stalled_ms;
        self.startup_ms.add(&other.startup_ms);
        self.latency_ms.add(&other.latency_ms);
        self.bits_per_second.add(&other.bits_per_second);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_at_a_bound_counts_below_it_and_one_above_all_bounds_at_the_end() {
        let mut histogram = Histogram::new(&TIMES_MS);
        [0, 250, 251, 20_000, 20_001, u64::MAX].into_iter().for_each(|value| histogram.observe(value));
        let cumulative: Vec<u64> = histogram.cumulative().collect();
        assert_eq!(cumulative, [2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4, 6]);
        assert_eq!(histogram.sum, u64::MAX);
    }
}
