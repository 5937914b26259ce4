//! How much one identity may ask of its room.
//!
//! A token bucket: it fills by a rate, up to a burst. Work is charged after it was done, so the bucket may be
//! overdrawn; then the next work waits. Pure.

use std::time::{Duration, Instant};

/// A bucket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    per_second: f64,
    burst: f64,
    left: f64,
    at: Instant,
}

impl Budget {
    /// A full bucket.
    pub(crate) fn new(per_second: f64, burst: f64, now: Instant) -> Self {
        Self { per_second, burst, left: burst, at: now }
    }

    fn fill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.at).as_secs_f64();
        (self.left, self.at) = ((self.left + elapsed * self.per_second).min(self.burst), self.at.max(now));
    }

    /// Takes `cost` out.
    pub(crate) fn charge(&mut self, cost: f64, now: Instant) {
        self.fill(now);
        self.left -= cost;
    }

    /// How long the next work is to wait until the bucket is not overdrawn.
    pub(crate) fn pause(&self) -> Duration {
        Duration::from_secs_f64((-self.left).max(0.0) / self.per_second)
    }

    /// Whether the bucket is full, so that a new one would be the same.
    pub(crate) fn is_full(&self, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.at).as_secs_f64();
        self.left + elapsed * self.per_second >= self.burst
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overdrawn_bucket_pauses_until_it_has_filled_again() {
        let mut now = Instant::now();
        let mut budget = Budget::new(100.0, 500.0, now);
        for _ in 0..500 {
            budget.charge(1.0, now);
        }
        assert_eq!(budget.pause(), Duration::ZERO);
        budget.charge(1.0, now);
        assert_eq!(budget.pause(), Duration::from_millis(10));
        now += Duration::from_secs(1);
        budget.charge(1.0, now);
        assert!(budget.pause() == Duration::ZERO && !budget.is_full(now));
        assert!(budget.is_full(now + Duration::from_secs(5)));
    }

    #[test]
    fn clock_that_goes_back_fills_no_bucket() {
        let now = Instant::now() + Duration::from_secs(100);
        let mut budget = Budget::new(1.0, 1.0, now);
        budget.charge(5.0, now);
        budget.charge(0.0, now - Duration::from_secs(50));
        assert_eq!(budget.pause(), Duration::from_secs(4));
        budget.charge(0.0, now);
        assert_eq!(budget.pause(), Duration::from_secs(4), "the time before was counted already");
    }
}
