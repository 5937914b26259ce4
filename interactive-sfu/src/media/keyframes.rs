//! Keyframe requests, collapsed.
//!
//! Any number of requests become at most one PLI (RFC 4585 §6.3.1) per interval and layer, and none once a keyframe has come.
//! No I/O and no clock. Driven by the shard: once at the publisher, and once in every fan-out on another shard.

use std::time::{Duration, Instant};

/// The requests for one layer.
#[derive(Debug)]
pub(crate) struct KeyframeRequests {
    interval: Duration,
    wanted: bool,
    sent_at: Option<Instant>,
}

impl KeyframeRequests {
    pub(crate) fn new(interval: Duration) -> Self {
        Self { interval, wanted: false, sent_at: None }
    }

    /// Somebody cannot decode.
    pub(crate) fn request(&mut self) {
        self.wanted = true;
    }

    /// A keyframe began: whoever asked has what they need.
    pub(crate) fn keyframe_came(&mut self) {
        self.wanted = false;
    }

    /// Whether to send a PLI now.
    pub(crate) fn poll(&mut self, now: Instant) -> bool {
        let due = self.wanted && self.sent_at.is_none_or(|at| now.saturating_duration_since(at) >= self.interval);
        if due {
            self.wanted = false;
            self.sent_at = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_joins_cost_one_keyframe_per_interval() {
        let (mut requests, start) = (KeyframeRequests::new(Duration::from_millis(500)), Instant::now());
        let mut at = |ms: u64, asked: usize| {
            (0..asked).for_each(|_| requests.request());
            requests.poll(start + Duration::from_millis(ms))
        };
        assert!(at(0, 1000));
        assert!(!at(0, 0));
        assert!(!at(499, 1000));
        assert!(at(500, 0));
        assert!(!at(2000, 0), "nobody asked again");
    }

    #[test]
    fn a_keyframe_answers_the_requests_before_it() {
        let (mut requests, start) = (KeyframeRequests::new(Duration::from_millis(500)), Instant::now());
        requests.request();
        requests.keyframe_came();
        assert!(!requests.poll(start));
    }
}
