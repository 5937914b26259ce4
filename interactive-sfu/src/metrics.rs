//! Every metric of rooms. Those of packets are the plane's.

use metrics::{counter, gauge};

/// Messages thrown away, by why. The plane counts packets under the same name.
const DROPPED: &str = "spillway_sfu_dropped_total";

pub(crate) fn dropped(reason: &'static str, count: u64) {
    counter!(DROPPED, "reason" => reason).increment(count);
}

pub(crate) fn sessions(publishing: usize, watching: usize) {
    gauge!("spillway_sfu_sessions", "kind" => "publish").set(publishing as f64);
    gauge!("spillway_sfu_sessions", "kind" => "watch").set(watching as f64);
}

pub(crate) fn joined() {
    counter!("spillway_sfu_joins_total").increment(1);
}

/// A session that was not connected yet made way for a newer one.
pub(crate) fn crowded_out() {
    counter!("spillway_sfu_crowded_out_total").increment(1);
}

/// A session ended, by why.
pub(crate) fn left(why: &'static str) {
    counter!("spillway_sfu_leaves_total", "reason" => why).increment(1);
}
