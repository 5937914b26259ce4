//! What the samples of a run say.

use rig::stats::{quantile, slope};
use serde::Deserialize;

/// A frame that stays for longer than this is a gap, milliseconds.
const GAP_MS: f64 = 250.0;

/// One frame that was shown.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Sample {
    /// When it was shown, milliseconds since 1970.
    pub shown_ms: f64,
    /// When the speaker made it, read from the picture; `None`: not legible.
    pub made_ms: Option<f64>,
    /// hls.js's own figure, milliseconds.
    pub hls_latency_ms: Option<f64>,
    /// Wall clock less `hls.playingDate`, milliseconds.
    pub date_latency_ms: Option<f64>,
}

/// Figures of one kind of latency, milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Latency {
    pub p50: f64,
    pub p95: f64,
    pub max: f64,
    /// By how much it grows a minute.
    pub drift_per_minute: f64,
}

/// Figures of a run.
#[derive(Clone, Debug)]
pub(crate) struct Summary {
    pub frames: usize,
    pub illegible: usize,
    pub glass: Latency,
    pub hls: Latency,
    pub date: Latency,
    /// Frames that stayed too long: when, seconds from the first sample, and how long, milliseconds.
    pub gaps: Vec<(f64, f64)>,
    /// The longest that a frame stayed, milliseconds.
    pub stay_ms_max: f64,
    pub frames_per_second: f64,
}

/// Sums up samples in the order they were taken.
pub(crate) fn summarize(samples: &[Sample]) -> Summary {
    let by = |figure: fn(&Sample) -> Option<f64>| {
        latency(&samples.iter().filter_map(|sample| Some((sample.shown_ms, figure(sample)?))).collect::<Vec<_>>())
    };
    let stays: Vec<f64> = samples.windows(2).map(|pair| pair[1].shown_ms - pair[0].shown_ms).collect();
    let lasted_ms: f64 = stays.iter().sum();
    Summary {
        frames: samples.len(),
        illegible: samples.iter().filter(|sample| sample.made_ms.is_none()).count(),
        glass: by(|sample| Some(sample.shown_ms - sample.made_ms?)),
        hls: by(|sample| sample.hls_latency_ms),
        date: by(|sample| sample.date_latency_ms),
        gaps: samples.windows(2).filter_map(|pair| gap(samples[0].shown_ms, pair)).collect(),
        stay_ms_max: stays.iter().copied().fold(0.0, f64::max),
        frames_per_second: if lasted_ms > 0.0 { stays.len() as f64 * 1000.0 / lasted_ms } else { f64::NAN },
    }
}

fn gap(start_ms: f64, pair: &[Sample]) -> Option<(f64, f64)> {
    let stay_ms = pair[1].shown_ms - pair[0].shown_ms;
    (stay_ms > GAP_MS).then_some(((pair[0].shown_ms - start_ms) / 1000.0, stay_ms))
}

/// `points`: wall clock and latency, both in milliseconds.
fn latency(points: &[(f64, f64)]) -> Latency {
    let values: Vec<f64> = points.iter().map(|(_, value)| *value).collect();
    let [p50, p95, max] = [0.5, 0.95, 1.0].map(|share| quantile(&values, share));
    Latency { p50, p95, max, drift_per_minute: slope(points) * 60_000.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(shown_ms: f64, latency_ms: Option<f64>) -> Sample {
        Sample {
            shown_ms,
            made_ms: latency_ms.map(|latency_ms| shown_ms - latency_ms),
            hls_latency_ms: Some(7.0),
            date_latency_ms: None,
        }
    }

    #[test]
    fn latency_is_shown_less_made_and_illegible_frames_are_counted_apart() {
        let samples: Vec<Sample> =
            (0..100).map(|i| sample(f64::from(i) * 40.0, (i % 10 != 0).then_some(1000.0))).collect();
        let summary = summarize(&samples);
        assert_eq!((summary.frames, summary.illegible, summary.gaps.len()), (100, 10, 0));
        assert_eq!((summary.glass.p50, summary.glass.max, summary.hls.p95), (1000.0, 1000.0, 7.0));
        assert!(summary.date.p50.is_nan());
        assert!((summary.frames_per_second - 25.0).abs() < 0.01);
    }

    #[test]
    fn a_gap_and_a_drift_are_seen() {
        let samples = [sample(0.0, Some(1000.0)), sample(60_000.0, Some(1012.0))];
        let summary = summarize(&samples);
        assert_eq!((summary.gaps, summary.stay_ms_max), (vec![(0.0, 60_000.0)], 60_000.0));
        assert!((summary.glass.drift_per_minute - 12.0).abs() < 1e-9);
    }
}
