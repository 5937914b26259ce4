//! Chooses the picture of a speaker for each tick of the programme.
//!
//! Cameras and the programme tick at nearly, but not exactly, the same rate and phase. Picking the newest picture
//! before each tick drops one and doubles another whenever jitter carries a timestamp across the tick. So a lane keeps
//! the cadence: exactly one picture on a tick, unless the lane has run early or late by most of a frame; then one
//! picture is held or dropped and the lane stands in the middle of its tolerance again. No clock: programme time comes
//! in.

use std::collections::VecDeque;

/// Pictures waiting for their tick. More than this is a backlog: the oldest goes.
const WAITING_MAX: usize = 10;
/// Bytes that wait for their tick; a backlog too. Of pictures of 3840 × 2160, five: more than the playout delay holds
/// back.
const WAITING_BYTES_MAX: usize = 64 << 20;

/// One speaker's pictures between decoder and composer. Times are programme nanoseconds.
#[derive(Debug)]
pub struct FrameLane<F> {
    /// Each waiting picture: its time, itself and its size, bytes.
    waiting: VecDeque<(i64, F, usize)>,
    shown: Option<(i64, F)>,
    /// Pictures that never got a tick.
    pub dropped: u64,
    /// Ticks that showed the picture of the tick before.
    pub repeated: u64,
}

impl<F> Default for FrameLane<F> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), shown: None, dropped: 0, repeated: 0 }
    }
}

impl<F> FrameLane<F> {
    /// A decoded picture with its presentation time, and the memory it takes.
    pub fn push(&mut self, time_ns: i64, frame: F, bytes: usize) {
        // Slices that an encoder sends between parameter sets of their own come as several pictures of one instant; the
        // last has all of them.
        let is_same = |time: Option<i64>| time == Some(time_ns);
        if is_same(self.waiting.back().map(|(last, ..)| *last)) {
            self.waiting.pop_back();
            self.dropped += 1;
        } else if self.waiting.is_empty() && is_same(self.shown.as_ref().map(|(shown, _)| *shown)) {
            self.shown = Some((time_ns, frame));
            self.dropped += 1;
            return;
        }
        // A source that restarted its clock: what waits belongs to the old one.
        if self.waiting.back().is_some_and(|(last, ..)| *last > time_ns) {
            self.dropped += self.waiting.len() as u64;
            self.waiting.clear();
        }
        let waiting_bytes = |lane: &Self| lane.waiting.iter().map(|(.., bytes)| bytes).sum::<usize>();
        while self.waiting.len() >= WAITING_MAX
            || (!self.waiting.is_empty() && waiting_bytes(self) + bytes > WAITING_BYTES_MAX)
        {
            self.waiting.pop_front();
            self.dropped += 1;
        }
        self.waiting.push_back((time_ns, frame, bytes));
    }

    /// The picture for the tick at `tick_ns`, ticks being `frame_ns` apart, and its time.
    pub fn pick(&mut self, tick_ns: i64, frame_ns: i64) -> Option<(i64, &F)> {
        let early = tick_ns + frame_ns / 2;
        // On a cold start the nearest picture leads; in cadence a picture may be older before it is given up.
        let stale = if self.is_stale(tick_ns, 4 * frame_ns) { tick_ns + frame_ns / 2 } else { tick_ns - frame_ns / 4 };
        while self.waiting.get(1).is_some_and(|(next, ..)| *next <= stale) {
            self.waiting.pop_front();
            self.dropped += 1;
        }
        match self.waiting.front() {
            Some((time, ..)) if *time <= early => {
                self.shown = self.waiting.pop_front().map(|(time, frame, _)| (time, frame));
            }
            _ => self.repeated += u64::from(self.shown.is_some()),
        }
        self.shown.as_ref().map(|(time, frame)| (*time, frame))
    }

    /// Whether no picture is shown, or one that is older than `limit_ns`.
    pub fn is_stale(&self, tick_ns: i64, limit_ns: i64) -> bool {
        self.shown.as_ref().is_none_or(|(time, _)| tick_ns - time > limit_ns)
    }

    /// Forgets everything: the source was replaced.
    pub fn clear(&mut self) {
        self.waiting.clear();
        self.shown = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: i64 = 33_333_333;

    /// Feeds a camera at `camera_ns` a frame with a phase and ± jitter; the pictures each tick showed.
    fn run(camera_ns: i64, phase_ns: i64, jitter_ns: i64, ticks: i64) -> Vec<i64> {
        let (mut lane, mut next, mut seed) = (FrameLane::default(), 0i64, 1u64);
        let mut shown = vec![];
        for tick in 0..ticks {
            let now = tick * FRAME;
            // Pictures are there well before their tick: the playout delay sees to that.
            while next * camera_ns + phase_ns <= now + 2 * FRAME {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let jitter = if jitter_ns == 0 { 0 } else { (seed >> 33) as i64 % (2 * jitter_ns) - jitter_ns };
                lane.push(next * camera_ns + phase_ns + jitter, next, 1);
                next += 1;
            }
            shown.extend(lane.pick(now, FRAME).map(|(_, picture)| *picture));
        }
        shown
    }

    fn faults(shown: &[i64]) -> usize {
        shown.windows(2).filter(|w| w[1] - w[0] != 1).count()
    }

    #[test]
    fn jitter_at_any_phase_drops_and_repeats_no_picture() {
        for phase in (0..8).map(|n| n * FRAME / 8) {
            let shown = run(FRAME, phase, 12_000_000, 900);
            assert!(faults(&shown[10..]) <= 1, "phase {phase}: {} faults", faults(&shown[10..]));
        }
    }

    #[test]
    fn several_pictures_of_one_instant_are_one_and_the_last_counts() {
        let mut lane = FrameLane::default();
        let times = [0, 1, 2, 2, 3, 4, 4, 4, 5];
        let (mut pushed, mut shown) = (0, vec![]);
        for tick in 0..6 {
            // Two instants ahead of the tick.
            while pushed < times.len() && times[pushed] <= tick + 2 {
                lane.push(times[pushed] * FRAME, pushed, 1);
                pushed += 1;
            }
            shown.extend(lane.pick(tick * FRAME, FRAME).map(|(_, picture)| *picture));
        }
        assert_eq!((shown, lane.dropped, lane.repeated), (vec![0, 1, 3, 4, 7, 8], 3, 0));
        lane.push(5 * FRAME, 9, 1);
        assert_eq!(lane.pick(6 * FRAME, FRAME), Some((5 * FRAME, &9)), "it is on the screen already");
    }

    #[test]
    fn a_camera_that_drifts_costs_one_picture_per_frame_of_drift() {
        let fast = run(FRAME - FRAME / 300, 0, 3_000_000, 3000);
        assert!((8..=12).contains(&faults(&fast[10..])), "{}", faults(&fast[10..]));
        let slow = run(FRAME + FRAME / 300, 0, 3_000_000, 3000);
        assert!((8..=12).contains(&faults(&slow[10..])), "{}", faults(&slow[10..]));
    }

    #[test]
    fn other_frame_rates_are_resampled_evenly() {
        let half = run(2 * FRAME, 0, 0, 300);
        assert!(half.windows(3).all(|w| w[2] - w[0] == 1));
        let double = run(FRAME / 2, 0, 0, 300);
        assert!(double[10..].windows(2).all(|w| (1..=3).contains(&(w[1] - w[0]))));
    }

    #[test]
    fn a_picture_is_shown_within_a_frame_and_a_quarter_of_its_time() {
        let mut lane = FrameLane::default();
        for n in 0..200 {
            lane.push(n * FRAME + 9_000_000, n, 1);
            lane.push(n * FRAME + 9_000_000 + FRAME / 2, n, 1);
            if let Some((time, _)) = lane.pick(n * FRAME, FRAME) {
                assert!((n * FRAME - time) < FRAME * 5 / 4 && time - n * FRAME <= FRAME / 2);
            }
        }
    }

    #[test]
    fn waiting_pictures_are_bounded_in_bytes_and_one_always_fits() {
        let mut lane = FrameLane::default();
        (0..10).for_each(|n| lane.push(n * FRAME, n, WAITING_BYTES_MAX / 4));
        assert_eq!((lane.waiting.len(), lane.dropped), (4, 6));
        lane.push(10 * FRAME, 10, 2 * WAITING_BYTES_MAX);
        assert_eq!((lane.waiting.len(), lane.dropped), (1, 10));
        assert_eq!(lane.pick(10 * FRAME, FRAME).map(|(_, picture)| *picture), Some(10));
    }

    #[test]
    fn frozen_source_grows_stale_and_its_backlog_is_bounded() {
        let mut lane = FrameLane::default();
        assert!(lane.is_stale(0, FRAME));
        (0..100).for_each(|n| lane.push(n * FRAME, n, 1));
        assert_eq!(lane.pick(99 * FRAME, FRAME).map(|(_, f)| *f), Some(99));
        assert!(!lane.is_stale(100 * FRAME, 3_000_000_000));
        assert!(lane.is_stale(99 * FRAME + 3_000_000_001, 3_000_000_000));
        assert_eq!(lane.dropped, 99);
    }
}
