//! One speaker's sound between decoder and mixer, and the mix itself.
//!
//! Positions are sample numbers of the programme (48 kHz since programme time 0), sound is stereo, interleaved, `f32`.
//! A lane follows the sender's clock: small differences between where a buffer says it lies and where it would lie if
//! it followed the last one are taken up a sample here and there, big ones cut. No clock, no I/O. Driven by `mixer.rs`.

use std::collections::VecDeque;

/// Channels of the programme.
pub const CHANNELS: usize = 2;
/// A difference up to this is drift, samples (20 ms); beyond, the source jumped.
const DRIFT_MAX: i64 = 960;
/// Differences below this are left alone, samples (1 ms): jitter of timestamps.
const DRIFT_MIN: i64 = 48;
/// One sample in so many is left out or doubled to take up a difference: 0.5 %, which nobody hears.
const LEAN: usize = 200;
/// Sound waiting for the mixer, sample frames (2 s). Beyond, the oldest goes.
const WAITING_MAX: usize = 96_000;
/// Edges of a cut are faded over this many samples (2.7 ms), so that they do not click.
const FADE: usize = 128;

/// Sound of one speaker that waits to be mixed.
#[derive(Debug, Default)]
pub struct SampleLane {
    start: i64,
    waiting: VecDeque<[f32; CHANNELS]>,
}

impl SampleLane {
    /// Decoded sound whose first sample lies at `position`.
    pub fn push(&mut self, position: i64, sound: &[[f32; CHANNELS]]) {
        let end = self.start + self.waiting.len() as i64;
        let ahead = position - end;
        if self.waiting.is_empty() || !(-DRIFT_MAX..=DRIFT_MAX).contains(&ahead) {
            self.jump(position, sound);
        } else {
            // Follow the last buffer, leaning towards where this one says it lies.
            self.lean(ahead, sound);
        }
        let excess = self.waiting.len().saturating_sub(WAITING_MAX);
        self.waiting.drain(..excess);
        self.start += excess as i64;
    }

    fn lean(&mut self, ahead: i64, sound: &[[f32; CHANNELS]]) {
        if ahead.abs() <= DRIFT_MIN {
            self.waiting.extend(sound);
            return;
        }
        let mut left = (ahead.abs() - DRIFT_MIN / 2) as usize;
        for stretch in sound.chunks(LEAN) {
            let [first, rest @ ..] = stretch else { continue };
            let copies = match (left, ahead > 0) {
                (0, _) => 1,
                (_, true) => 2,
                (_, false) => 0,
            };
            left = left.saturating_sub(1);
            self.waiting.extend(std::iter::repeat_n(*first, copies));
            self.waiting.extend(rest);
        }
    }

    fn jump(&mut self, position: i64, sound: &[[f32; CHANNELS]]) {
        let end = self.start + self.waiting.len() as i64;
        if !self.waiting.is_empty() && position > end && position - end < WAITING_MAX as i64 {
            fade(self.waiting.iter_mut().rev().take(FADE));
            self.waiting.extend(std::iter::repeat_n([0.0; CHANNELS], (position - end) as usize));
        } else {
            self.waiting.clear();
            self.start = position;
        }
        let from = self.waiting.len();
        self.waiting.extend(sound);
        fade(self.waiting.iter_mut().skip(from).take(FADE));
    }

    /// Adds what lies at `position..` to `mix` and forgets it and everything before. Returns the power of what was
    /// added: mean square, 0 for silence.
    pub fn mix_into(&mut self, position: i64, mix: &mut [[f32; CHANNELS]]) -> f32 {
        let late = (position - self.start).clamp(0, self.waiting.len() as i64) as usize;
        self.waiting.drain(..late);
        self.start += late as i64;
        let offset = (self.start - position).clamp(0, mix.len() as i64) as usize;
        let count = self.waiting.len().min(mix.len() - offset);
        if self.waiting.is_empty() || self.start - position >= mix.len() as i64 {
            return 0.0;
        }
        let mut power = 0.0;
        for (out, sound) in mix[offset..offset + count].iter_mut().zip(self.waiting.drain(..count)) {
            for (sum, sample) in out.iter_mut().zip(sound) {
                *sum += sample;
                power += sample * sample;
            }
        }
        self.start += count as i64;
        power / (mix.len() * CHANNELS) as f32
    }

    /// Sample frames that wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }
}

/// Ramps from silence, in the order given.
fn fade<'a>(samples: impl Iterator<Item = &'a mut [f32; CHANNELS]>) {
    for (n, sample) in samples.enumerate() {
        let gain = n as f32 / FADE as f32;
        sample.iter_mut().for_each(|s| *s *= gain);
    }
}

/// Keeps a sum of several voices inside ±1: untouched up to ±0.8, bent beyond instead of clipped.
pub fn limit(sample: f32) -> f32 {
    const KNEE: f32 = 0.8;
    let size = sample.abs();
    if size <= KNEE {
        return sample;
    }
    let over = (size - KNEE) / (1.0 - KNEE);
    (KNEE + (1.0 - KNEE) * over / (1.0 + over)).copysign(sample)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(n: usize) -> Vec<[f32; 2]> {
        vec![[0.5, 0.5]; n]
    }

    #[test]
    fn sound_is_played_at_its_position() {
        let mut lane = SampleLane::default();
        lane.push(1500, &tone(2000));
        let mut mix = [[0.0; 2]; 1024];
        assert_eq!(lane.mix_into(0, &mut mix), 0.0);
        assert!(lane.mix_into(1024, &mut mix) > 0.0);
        assert_eq!((mix[475][0], mix[1000][0]), (0.0, 0.5));
    }

    #[test]
    fn late_sound_is_dropped() {
        let mut lane = SampleLane::default();
        lane.push(0, &tone(480));
        let mut mix = [[0.0; 2]; 1024];
        assert_eq!(lane.mix_into(4800, &mut mix), 0.0);
        assert_eq!(lane.waiting(), 0);
    }

    #[test]
    fn a_sender_with_a_fast_clock_is_followed_without_a_cut() {
        // Timestamps advance 959.5 samples for every 960 delivered: 500 ppm.
        let mut lane = SampleLane::default();
        let (mut waiting_max, mut silent) = (0, 0);
        for n in 0..5000i64 {
            lane.push(n * 1919 / 2, &tone(960));
            if n >= 3 {
                let mut mix = [[0.0; 2]; 960];
                lane.mix_into((n - 3) * 1919 / 2, &mut mix[..if n % 2 == 0 { 960 } else { 959 }]);
                silent += mix[..950].iter().skip(if n < 5 { 950 } else { 0 }).filter(|s| s[0] == 0.0).count();
            }
            waiting_max = waiting_max.max(lane.waiting());
        }
        assert_eq!(silent, 0);
        assert!(waiting_max < 5000, "{waiting_max}");
    }

    #[test]
    fn small_shift_of_a_source_is_followed_within_seconds() {
        for moved in [900, -900] {
            let mut lane = SampleLane::default();
            lane.push(0, &tone(960));
            // Five seconds; how far its end is off in the end.
            for n in 1..250i64 {
                lane.push(n * 960 + moved, &tone(960));
                lane.mix_into((n - 1) * 960, &mut [[0.0; 2]; 960]);
            }
            let end = lane.start + lane.waiting() as i64;
            assert!((250 * 960 + moved - end).abs() <= DRIFT_MIN, "{} for {moved}", 250 * 960 + moved - end);
        }
    }

    #[test]
    fn hole_is_filled_with_silence_and_jump_back_clears_the_lane() {
        let mut lane = SampleLane::default();
        lane.push(0, &tone(960));
        lane.push(4800, &tone(960));
        assert_eq!(lane.waiting(), 5760);
        lane.push(-48_000, &tone(960));
        assert_eq!(lane.waiting(), 960);
    }

    #[test]
    fn waiting_sound_is_bounded() {
        let mut lane = SampleLane::default();
        (0..1000).for_each(|n| lane.push(n * 960, &tone(960)));
        assert_eq!(lane.waiting(), WAITING_MAX);
    }

    #[test]
    fn sum_of_many_voices_stays_within_the_sample_range() {
        for sample in [-20.0, -1.0, -0.5, 0.0, 0.5, 0.8, 1.0, 20.0] {
            assert!(limit(sample).abs() <= 1.0);
        }
        assert_eq!(limit(0.5), 0.5);
        assert!(limit(2.0) > limit(1.5));
    }
}
