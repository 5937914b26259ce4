//! Decides how many rungs to give up while the encoders fall behind, and when to take them back.
//!
//! Pure: the worst encode lag and the time come in, the number of rungs to encode comes out. One step down at a time,
//! from the top of the ladder; the last rung always stays. Lag counts only when it keeps coming back: a machine that
//! stands still for a moment is not one that is too slow. A step that had to be taken again soon after it was undone
//! doubles the calm that the next undoing waits for, so that a machine at its limit does not flap. Driven by
//! `composer.rs`.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::error::ConfigFault;

/// Thresholds for shedding and restoring rungs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Shed a rung when frames spend longer than this in an encoder, in three parts within five seconds, milliseconds.
    /// Default 200 (one part).
    pub lag_high_ms: u32,
    /// Lag up to this counts as calm, milliseconds. Default 60.
    pub lag_low_ms: u32,
    /// Calm this long brings a rung back, milliseconds. Doubles on relapse, up to 16 times. Default 10000.
    pub calm_ms: u32,
    /// Least time between two steps down, milliseconds: a step must have its effect before the next. Default 2000.
    pub dwell_ms: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { lag_high_ms: 200, lag_low_ms: 60, calm_ms: 10_000, dwell_ms: 2_000 }
    }
}

impl Config {
    pub(crate) fn validate(&self) -> Result<(), ConfigFault> {
        let (low, high) = (self.lag_low_ms, self.lag_high_ms);
        if low == 0 || low >= high {
            let sentence = format!("must lie between 1 and shedding.lag_high_ms = {high}, exclusive; it is {low}");
            return Err(ConfigFault::new("shedding.lag_low_ms", sentence));
        }
        let (calm, dwell) = (self.calm_ms, self.dwell_ms);
        if calm < dwell || calm == 0 {
            let sentence = format!("must be at least 1 and at least shedding.dwell_ms = {dwell}; it is {calm}");
            return Err(ConfigFault::new("shedding.calm_ms", sentence));
        }
        Ok(())
    }
}

/// A change of what is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// One rung fewer; this many are shed now.
    Shed(usize),
    /// One rung more; this many are shed now.
    Restored(usize),
}

/// Lag that comes back so often within [`STRIKES_WITHIN`] is no accident.
const STRIKES: usize = 3;
const STRIKES_WITHIN: Duration = Duration::from_secs(5);

/// The moments of late events of one kind.
#[derive(Debug, Default)]
struct Strikes(VecDeque<Instant>);

impl Strikes {
    /// Counts one more event. Whether there were too many lately.
    fn strike(&mut self, now: Instant) -> bool {
        self.0.retain(|at| now.duration_since(*at) < STRIKES_WITHIN);
        self.0.truncate(STRIKES - 1);
        self.0.push_front(now);
        self.0.len() == STRIKES
    }
}

/// Decides how many rungs from the top are shed.
#[derive(Debug)]
pub struct Shedding {
    config: Config,
    rungs: usize,
    shed: usize,
    changed_at: Option<Instant>,
    restored_at: Option<Instant>,
    calm_since: Option<Instant>,
    caution: u32,
    late: Strikes,
    restless: Strikes,
}

const CAUTION_MAX: u32 = 16;

impl Shedding {
    /// A ladder of `rungs` rungs, of which none is shed.
    pub fn new(config: Config, rungs: usize) -> Self {
        Self {
            config,
            rungs,
            shed: 0,
            changed_at: None,
            restored_at: None,
            calm_since: None,
            caution: 1,
            late: Strikes::default(),
            restless: Strikes::default(),
        }
    }

    /// Rungs shed, counted from the top of the ladder.
    pub fn shed(&self) -> usize {
        self.shed
    }

    /// The worst lag of any rung in a part; what changes, if anything.
    pub fn observe(&mut self, lag: Duration, now: Instant) -> Option<Change> {
        let ms = |value: u32| Duration::from_millis(u64::from(value));
        if lag > ms(self.config.lag_low_ms) && self.restless.strike(now) {
            self.calm_since = None;
        }
        if lag >= ms(self.config.lag_high_ms) {
            let settled = self.changed_at.is_none_or(|at| now.duration_since(at) >= ms(self.config.dwell_ms));
            if !self.late.strike(now) || !settled || self.shed + 1 >= self.rungs {
                return None;
            }
            let calm = self.calm();
            if self.restored_at.take().is_some_and(|at| now.duration_since(at) < calm) {
                self.caution = (self.caution * 2).min(CAUTION_MAX);
            }
            self.shed += 1;
            self.changed_at = Some(now);
            self.late = Strikes::default();
            return Some(Change::Shed(self.shed));
        }
        if lag > ms(self.config.lag_low_ms) {
            return None;
        }
        let since = *self.calm_since.get_or_insert(now);
        if now.duration_since(since) < self.calm() {
            return None;
        }
        self.calm_since = None;
        if self.shed == 0 {
            self.caution = 1;
            return None;
        }
        self.shed -= 1;
        self.changed_at = Some(now);
        self.restored_at = Some(now);
        Some(Change::Restored(self.shed))
    }

    fn calm(&self) -> Duration {
        Duration::from_millis(u64::from(self.config.calm_ms)) * self.caution
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATE: Duration = Duration::from_millis(250);
    const MIDDLING: Duration = Duration::from_millis(100);
    const CALM: Duration = Duration::from_millis(10);

    struct Run {
        shedding: Shedding,
        now: Instant,
    }

    impl Run {
        fn new() -> Self {
            Self { shedding: Shedding::new(Config::default(), 3), now: Instant::now() }
        }

        /// Observes `lag` ten times a second for `seconds`; the changes with their second.
        fn observe(&mut self, lag: Duration, seconds: u64) -> Vec<(u64, Change)> {
            self.parts(lag, seconds * 10)
        }

        fn parts(&mut self, lag: Duration, count: u64) -> Vec<(u64, Change)> {
            let start = self.now;
            let mut changes = vec![];
            for _ in 0..count {
                let change = self.shedding.observe(lag, self.now);
                changes.extend(change.map(|c| ((self.now - start).as_secs(), c)));
                self.now += Duration::from_millis(100);
            }
            changes
        }
    }

    #[test]
    fn lag_sheds_one_rung_a_dwell_and_keeps_the_last() {
        assert_eq!(Run::new().observe(LATE, 20), [(0, Change::Shed(1)), (2, Change::Shed(2))]);
    }

    #[test]
    fn short_standstill_sheds_no_rung_and_delays_no_restoring() {
        let mut run = Run::new();
        // A standstill of 300 ms makes two parts late.
        for _ in 0..20 {
            assert_eq!((run.observe(CALM, 5), run.parts(LATE, 2)), (vec![], vec![]));
        }
        run.observe(CALM, 5);
        assert_eq!(run.parts(LATE, 3), [(0, Change::Shed(1))]);
        let changes = [run.observe(CALM, 5), run.parts(LATE, 2), run.observe(CALM, 5), run.parts(LATE, 2)].concat();
        assert_eq!(changes, [(4, Change::Restored(0))]);
    }

    #[test]
    fn calm_restores_one_rung_at_a_time() {
        let mut run = Run::new();
        run.observe(LATE, 3);
        assert_eq!(run.observe(CALM, 25), [(10, Change::Restored(1)), (20, Change::Restored(0))]);
    }

    #[test]
    fn lag_between_the_thresholds_sheds_no_rung_and_restarts_the_calm() {
        let mut run = Run::new();
        run.observe(LATE, 1);
        assert_eq!(run.observe(CALM, 9), []);
        assert_eq!(run.observe(MIDDLING, 60), []);
        assert_eq!(run.observe(CALM, 9), []);
    }

    #[test]
    fn a_relapse_doubles_the_calm_that_is_waited_for() {
        let mut run = Run::new();
        run.observe(LATE, 1);
        run.observe(CALM, 11);
        assert_eq!(run.observe(LATE, 2), [(1, Change::Shed(1))]);
        assert_eq!(run.observe(CALM, 19), []);
        assert_eq!(run.observe(CALM, 3).len(), 1);
    }
}
