//! How often a client may speak: a generic cell rate algorithm (ITU-T I.371) of four bytes a connection.
//!
//! No clock: `now` comes in, as milliseconds since the shard began. The count wraps after 49 days; a connection that
//! rested for more than half of that may be refused once.

/// Messages a second in the long run, as the pause between two, milliseconds.
const INTERVAL_MS: u32 = 100;
/// Messages at once after a rest.
const BURST: u32 = 20;

/// The messages of one client lately.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gcra {
    /// When the client is as good as new.
    rested_at_ms: u32,
}

impl Gcra {
    pub(super) fn new(now_ms: u32) -> Self {
        Self { rested_at_ms: now_ms }
    }

    /// One message more. Returns whether it is allowed.
    pub(super) fn take(&mut self, now_ms: u32) -> bool {
        let ahead_ms = self.rested_at_ms.wrapping_sub(now_ms) as i32;
        let ahead_ms = u32::try_from(ahead_ms).unwrap_or(0);
        if ahead_ms > INTERVAL_MS * (BURST - 1) {
            return false;
        }
        self.rested_at_ms = now_ms.wrapping_add(ahead_ms + INTERVAL_MS);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn burst_is_allowed_after_a_rest_and_then_ten_a_second_across_the_wrap() {
        let start = u32::MAX - 1050;
        let mut gcra = Gcra::new(start);
        let mut passed = |ms: u32| (0..100).filter(|_| gcra.take(start.wrapping_add(ms))).count();
        assert_eq!([passed(0), passed(99), passed(100), passed(1000), passed(2100)], [20, 0, 1, 9, 11]);
        assert_eq!(passed(60_000), 20);
    }
}
