//! The programme clock: one origin for pictures, samples and UTC.
//!
//! Programme time 0 is GStreamer running time 0 of every pipeline of a broadcast (they share one clock and base time).
//! Frame `n` belongs to programme time n / fps, sample `n` to n / 48000: both are counted from the time, never from the
//! last frame, so a missed frame does not shift the later ones.

use std::time::{SystemTime, UNIX_EPOCH};

use gstreamer as gst;
use gstreamer::prelude::*;
use packager::delivery::{AAC_FRAME_SAMPLES, AUDIO_TIMESCALE, VIDEO_TIMESCALE};

const SECOND_NS: u64 = 1_000_000_000;

/// Frame numbers, programme time and ticks of a broadcast with a fixed frame rate.
#[derive(Clone, Copy, Debug)]
pub struct FrameClock {
    frames_per_second: u32,
}

impl FrameClock {
    /// `frames_per_second` divides 90000 (checked by [`Config::validate`](crate::Config::validate)).
    pub fn new(frames_per_second: u32) -> Self {
        Self { frames_per_second }
    }

    /// Programme time at which frame `frame` is due, nanoseconds.
    pub fn frame_ns(self, frame: u64) -> u64 {
        frame * SECOND_NS / u64::from(self.frames_per_second)
    }

    /// The frame nearest to a programme time: the inverse of [`FrameClock::frame_ns`], whatever the rounding on the
    /// way.
    pub fn frame_at(self, programme_ns: u64) -> u64 {
        (programme_ns * u64::from(self.frames_per_second) + SECOND_NS / 2) / SECOND_NS
    }

    /// 90 kHz ticks of a frame's start.
    pub fn ticks(self, frame: u64) -> u64 {
        frame * u64::from(self.frame_ticks())
    }

    /// 90 kHz ticks a frame lasts.
    pub fn frame_ticks(self) -> u32 {
        VIDEO_TIMESCALE / self.frames_per_second
    }

    /// The frame to compose after `last`: the one that is due, but never past a segment start, because every rendition
    /// must have a picture there.
    pub fn next_frame(self, last: u64, programme_ns: u64, segment_frames: u32) -> u64 {
        let due = programme_ns * u64::from(self.frames_per_second) / SECOND_NS;
        let segment = u64::from(segment_frames);
        let next_start = (last / segment + 1) * segment;
        due.clamp(last + 1, next_start)
    }
}

/// The programme time of the coded AAC frame `index` (in encoder order), 48 kHz samples. The encoder's first frame
/// codes only its own priming, so content lies one frame earlier than the count says, and frame 0 has no time.
pub fn aac_frame_time(index: u64) -> Option<u64> {
    index.checked_sub(1).map(|n| n * u64::from(AAC_FRAME_SAMPLES))
}

/// Samples at 48 kHz of a time in nanoseconds, to the nearest.
pub fn samples(ns: i64) -> i64 {
    (ns as i128 * i128::from(AUDIO_TIMESCALE) + i128::from(SECOND_NS / 2)).div_euclid(i128::from(SECOND_NS)) as i64
}

/// The clock all pipelines of a broadcast run by.
#[derive(Clone, Debug)]
pub struct ProgrammeClock {
    clock: gst::Clock,
    base: gst::ClockTime,
    /// UTC of programme time 0, milliseconds since the Unix epoch.
    pub zero_utc_ms: i64,
}

impl ProgrammeClock {
    /// Starts a clock whose programme time 0 is now.
    pub fn start() -> Self {
        let clock = gst::SystemClock::obtain();
        let base = clock.time();
        Self { clock, base, zero_utc_ms: utc_ms() }
    }

    /// Nanoseconds since programme time 0.
    pub fn now_ns(&self) -> u64 {
        self.clock.time().saturating_sub(self.base).nseconds()
    }

    /// Makes a pipeline's running time the programme time.
    pub fn apply(&self, pipeline: &gst::Pipeline) {
        pipeline.use_clock(Some(&self.clock));
        pipeline.set_start_time(gst::ClockTime::NONE);
        pipeline.set_base_time(self.base);
    }
}

/// This machine's UTC, milliseconds since the Unix epoch.
pub fn utc_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_exact_for_as_long_as_a_broadcast_lasts() {
        let clock = FrameClock::new(30);
        for frame in [0, 1, 2, 59, 60, 61, 30 * 3600 * 24 * 30 + 17] {
            assert_eq!(clock.frame_at(clock.frame_ns(frame)), frame);
            assert_eq!(clock.ticks(frame), frame * 3000);
        }
    }

    #[test]
    fn a_late_composer_skips_frames_but_never_a_segment_start() {
        let clock = FrameClock::new(30);
        let at = |frame: u64| clock.frame_ns(frame) + 1_000_000;
        for (last, now, next) in [(10, 11, 11), (10, 10, 11), (10, 15, 15), (58, 63, 60), (60, 63, 63), (10, 900, 60)] {
            assert_eq!(clock.next_frame(last, at(now), 60), next, "after {last} at {now}");
        }
    }

    #[test]
    fn aac_time_leaves_out_the_encoders_priming_frame() {
        assert_eq!([0, 1, 2].map(aac_frame_time), [None, Some(0), Some(1024)]);
    }

    #[test]
    fn samples_round_to_the_nearest_on_both_sides_of_zero() {
        for (ns, want) in [(0, 0), (1_000_000_000, 48_000), (20_833, 1), (-20_833, -1), (-1_000_000_000, -48_000)] {
            assert_eq!(samples(ns), want);
        }
    }
}
