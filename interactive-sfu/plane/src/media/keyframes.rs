//! Keyframe requests, collapsed.
//!
//! Any number of requests become at most one keyframe per interval and layer, and no PLI (RFC 4585 §6.3.1) once one has
//! come. A PLI that no keyframe answers is sent again, soon and then more patiently: browsers ignore one that follows
//! another closely. No I/O and no clock. Driven by the shard: once at the publisher, and once in every fan-out on
//! another shard.

use std::time::{Duration, Instant};

/// When a PLI is sent again: at first, and at most. Doubles.
const AGAIN_MIN: Duration = Duration::from_millis(150);
const AGAIN_MAX: Duration = Duration::from_secs(1);

/// The requests for one layer.
#[derive(Debug)]
pub(crate) struct KeyframeRequests {
    interval: Duration,
    wanted: bool,
    came_at: Option<Instant>,
    sent_at: Option<Instant>,
    again: Duration,
}

impl KeyframeRequests {
    /// `interval`: the least between two keyframes that are asked for.
    pub(crate) fn new(interval: Duration) -> Self {
        Self { interval, wanted: false, came_at: None, sent_at: None, again: AGAIN_MIN }
    }

    /// Somebody cannot decode.
    pub(crate) fn request(&mut self) {
        self.wanted = true;
    }

    /// A keyframe began: whoever asked has what they need.
    pub(crate) fn keyframe_came(&mut self, now: Instant) {
        (self.wanted, self.came_at, self.sent_at, self.again) = (false, Some(now), None, AGAIN_MIN);
    }

    /// Whether to send a PLI now.
    pub(crate) fn poll(&mut self, now: Instant) -> bool {
        let since = |at: Option<Instant>, least| at.is_none_or(|at| now.saturating_duration_since(at) >= least);
        let due = self.wanted && since(self.came_at, self.interval) && since(self.sent_at, self.again);
        if due && self.sent_at.replace(now).is_some() {
            self.again = (self.again * 2).min(AGAIN_MAX);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_thousand_joins_cost_one_keyframe_per_interval() {
        let (mut requests, start) = (KeyframeRequests::new(ms(500)), Instant::now());
        (0..1000).for_each(|_| requests.request());
        assert!(requests.poll(start));
        requests.keyframe_came(start + ms(50));
        (0..1000).for_each(|_| requests.request());
        assert!(!requests.poll(start + ms(549)));
        assert!(requests.poll(start + ms(550)));
        requests.keyframe_came(start + ms(560));
        assert!(!requests.poll(start + ms(5000)), "nobody asked again");
    }

    #[test]
    fn unanswered_request_is_repeated_with_growing_patience() {
        let (mut requests, start) = (KeyframeRequests::new(ms(500)), Instant::now());
        requests.request();
        let asked: Vec<u64> = (0..4000).filter(|at| requests.poll(start + ms(*at))).collect();
        assert_eq!(asked, [0, 150, 450, 1050, 2050, 3050]);
    }
}
