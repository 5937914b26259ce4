//! Every metric of this crate. No room and no user labels: a process has few broadcasts, a series must stay few.

use std::time::Duration;

use metrics::{counter, gauge, histogram};

/// Stages of the way of a frame that this crate sees, the `stage` label of `spillway_latency_seconds`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stage {
    /// Capture (the sender report's NTP time) to arrival at the depayloader. Only where the clocks agree.
    Capture,
    /// A frame's last packet in, picture decoded.
    Decode,
    /// A picture's nominal arrival to the tick that shows it: jitter buffer plus playout delay.
    Playout,
    /// Composing a canvas.
    Compose,
    /// Canvas in, access unit out, one rung.
    Encode,
}

pub(crate) fn latency(stage: Stage, took: Duration) {
    let label = match stage {
        Stage::Capture => "capture",
        Stage::Decode => "decode",
        Stage::Playout => "playout",
        Stage::Compose => "compose",
        Stage::Encode => "encode",
    };
    histogram!("spillway_latency_seconds", "stage" => label).record(took.as_secs_f64());
}

/// Access units that found the delivery channel full and were dropped (video: the rest of the segment with them).
pub(crate) fn delivery_dropped() {
    counter!("spillway_ingest_deliveries_dropped_total").increment(1);
}

/// Encoded pictures that were not decoded, because they are too large or too many.
pub(crate) fn picture_refused(reason: &'static str) {
    counter!("spillway_ingest_pictures_refused_total", "reason" => reason).increment(1);
}

/// Ticks for which no picture was composed in time.
pub(crate) fn frames_skipped(frames: u64) {
    counter!("spillway_ingest_frames_skipped_total").increment(frames);
}

/// Frames a rung did not encode because its encoder was still busy.
pub(crate) fn encoder_full() {
    counter!("spillway_ingest_encoder_full_total").increment(1);
}

/// Rungs given up at the moment, over all broadcasts.
pub(crate) fn rungs_shed(change: i32) {
    gauge!("spillway_ingest_rungs_shed").increment(f64::from(change));
}

/// Rungs that are encoded at the moment, over all broadcasts.
pub(crate) fn rungs_encoded(change: f64) {
    gauge!("spillway_ingest_rungs_encoded").increment(change);
}

/// Rungs that rest at the moment, because nobody watches them, over all broadcasts.
pub(crate) fn rungs_resting(change: f64) {
    gauge!("spillway_ingest_rungs_resting").increment(change);
}

/// A rung that rested is encoded again.
pub(crate) fn rung_woken() {
    counter!("spillway_ingest_rung_wakes_total").increment(1);
}

/// Times the ladder was changed to relieve the encoders, or restored.
pub(crate) fn ladder_changed() {
    counter!("spillway_ingest_ladder_changes_total").increment(1);
}

/// Speakers on composed stages.
pub(crate) fn speakers(change: i32) {
    gauge!("spillway_ingest_speakers").increment(f64::from(change));
}

/// Broadcasts that run.
pub(crate) fn broadcasts(change: i32) {
    gauge!("spillway_ingest_broadcasts").increment(f64::from(change));
}

/// Connections to the media server that had to be made anew.
pub(crate) fn reconnected() {
    counter!("spillway_ingest_reconnects_total").increment(1);
}

/// An encoder pipeline died and was rebuilt.
pub(crate) fn encoder_restarted() {
    counter!("spillway_ingest_encoder_restarts_total").increment(1);
}
