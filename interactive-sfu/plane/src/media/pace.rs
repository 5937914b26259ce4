//! A token bucket: so much a second, and so much at once.
//!
//! No I/O and no clock.

use std::time::Instant;

/// How much may be taken now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    per_second: f64,
    burst: f64,
    left: f64,
    at: Option<Instant>,
}

impl Pace {
    /// A full bucket.
    pub(crate) fn new(per_second: f64, burst: f64) -> Self {
        Self { per_second, burst, left: burst, at: None }
    }

    /// Units left now. Below 0: a debt.
    #[inline]
    pub(crate) fn left(&mut self, now: Instant) -> f64 {
        if let Some(at) = self.at.replace(now) {
            let elapsed = now.saturating_duration_since(at).as_secs_f64();
            self.left = (self.left + elapsed * self.per_second).min(self.burst);
        }
        self.left
    }

    /// Takes `cost`, whether it is there or not.
    #[inline]
    pub(crate) fn charge(&mut self, cost: f64) {
        self.left -= cost;
    }

    /// Takes up to `wanted` whole units. Returns how many.
    pub(crate) fn take_up_to(&mut self, wanted: usize, now: Instant) -> usize {
        let units = (self.left(now).max(0.0) as usize).min(wanted);
        self.charge(units as f64);
        units
    }

    /// Seconds until something is left.
    pub(crate) fn seconds_to_wait(&self) -> f64 {
        (-self.left / self.per_second).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn bucket_gives_its_burst_then_its_rate() {
        let (mut pace, start) = (Pace::new(10.0, 5.0), Instant::now());
        assert_eq!((pace.take_up_to(3, start), pace.take_up_to(3, start), pace.take_up_to(3, start)), (3, 2, 0));
        assert_eq!(pace.take_up_to(9, start + Duration::from_millis(250)), 2);
        assert_eq!(pace.take_up_to(9, start + Duration::from_secs(60)), 5, "no more than the burst");
    }

    #[test]
    fn debt_is_paid_before_anything_is_left() {
        let (mut pace, start) = (Pace::new(10.0, 5.0), Instant::now());
        assert!(pace.left(start) > 0.0);
        pace.charge(25.0);
        assert_eq!((pace.take_up_to(1, start), pace.seconds_to_wait()), (0, 2.0));
        assert_eq!(pace.take_up_to(1, start + Duration::from_millis(2100)), 1);
    }
}
