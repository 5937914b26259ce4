//! Whether a subscriber's path carries more than it is given.
//!
//! A receiver's estimate grows to some one and a half times what it receives, which is less than the next layer needs,
//! and by some eight percent a second. So now and then, for some seconds, more is sent: packets it already has. If the
//! estimate follows, the layer choice steps up; if not, the next attempt waits longer. No I/O and no clock. Driven by
//! the shard for each subscriber.

use std::time::{Duration, Instant};

/// How long one attempt takes.
const ATTEMPT: Duration = Duration::from_secs(8);
/// Between attempts: at first, and at most.
const PAUSE_MIN: Duration = Duration::from_secs(4);
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// Never more than so much on top.
const EXTRA_BITS_PER_SECOND_MAX: u64 = 3_000_000;

/// One subscriber's attempts.
#[derive(Debug, Default)]
pub(crate) struct Probe {
    until: Option<Instant>,
    not_before: Option<Instant>,
    pause: Option<Duration>,
    polled_at: Option<Instant>,
}

impl Probe {
    /// `needed`: what the path must show, `sent`: what is sent now; `None`: there is nothing to gain. Returns bytes to
    /// send on top.
    pub(crate) fn poll(
        &mut self,
        needed_bits_per_second: Option<u64>,
        sent_bits_per_second: u64,
        now: Instant,
    ) -> usize {
        let Some(needed) = needed_bits_per_second else {
            *self = Self::default();
            return 0;
        };
        let before = self.polled_at.replace(now);
        let Some(until) = self.until else {
            let start = *self.not_before.get_or_insert(now + PAUSE_MIN);
            if now >= start {
                self.until = Some(now + ATTEMPT);
            }
            return 0;
        };
        if now >= until {
            let pause = self.pause.map_or(PAUSE_MIN, |p| (p * 2).min(PAUSE_MAX));
            (self.until, self.pause, self.not_before) = (None, Some(pause), Some(now + pause));
            return 0;
        }
        let extra = needed.saturating_sub(sent_bits_per_second).min(EXTRA_BITS_PER_SECOND_MAX);
        let elapsed =
            before.map_or(Duration::ZERO, |at| now.saturating_duration_since(at)).min(Duration::from_millis(100));
        (extra as f64 / 8.0 * elapsed.as_secs_f64()) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes sent in each second of `seconds`, polled every 20 ms.
    fn run(probe: &mut Probe, seconds: u64, needed: Option<u64>) -> Vec<usize> {
        let start = Instant::now();
        let second = |s: u64, probe: &mut Probe| {
            (0..50).map(|i| probe.poll(needed, 500_000, start + Duration::from_millis(s * 1000 + i * 20))).sum()
        };
        (0..seconds).map(|s| second(s, probe)).collect()
    }

    #[test]
    fn attempts_fill_the_difference_and_grow_rare() {
        let sent = run(&mut Probe::default(), 120, Some(1_300_000));
        let attempts: Vec<usize> = (1..120).filter(|s| sent[*s] > 0 && sent[s - 1] == 0).collect();
        assert_eq!((attempts[0], attempts[1]), (4, 16), "pauses of 4 and 4 seconds, then longer ones");
        assert_eq!(attempts.len(), 5, "{attempts:?}");
        let first: usize = sent[4..13].iter().sum();
        assert!((780_000..=800_000).contains(&first), "{first} bytes for 800 kbit/s over eight seconds");
    }

    #[test]
    fn nothing_to_gain_nothing_sent() {
        assert_eq!(run(&mut Probe::default(), 30, None).iter().sum::<usize>(), 0);
    }
}
