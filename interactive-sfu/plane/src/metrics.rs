//! Every metric of the media plane.
//!
//! Media threads count in plain fields and hand the sums over a few times a second.

use std::sync::atomic::{AtomicU64, Ordering};

use metrics::{counter, histogram};

use crate::dropped::Dropped;

/// Packets and datagrams thrown away, and TCP connections closed or not taken, by why.
const DROPPED: &str = "spillway_sfu_dropped_total";

pub(crate) fn dropped(reason: Dropped, count: u64) {
    counter!(DROPPED, "reason" => reason.as_label()).increment(count);
}

pub(crate) fn received(packets: u64, bytes: u64) {
    counter!("spillway_sfu_received_packets_total").increment(packets);
    counter!("spillway_sfu_received_bytes_total").increment(bytes);
}

/// Media packets sent to subscribers, retransmissions among them.
pub(crate) fn forwarded(packets: u64, retransmitted: u64) {
    counter!("spillway_sfu_forwarded_packets_total").increment(packets);
    counter!("spillway_sfu_retransmitted_packets_total").increment(retransmitted);
}

/// Everything that this process has sent for media, whatever the exporter of metrics does with it.
static SENT_DATAGRAMS: AtomicU64 = AtomicU64::new(0);
static SENT_BYTES: AtomicU64 = AtomicU64::new(0);

/// Totals since this process began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Datagrams, and packets over TCP.
    pub packets: u64,
    /// Bytes of them, without the headers of UDP and IP.
    pub bytes: u64,
}

impl Sent {
    /// The totals a few hundred milliseconds ago.
    pub fn read() -> Self {
        Self { packets: SENT_DATAGRAMS.load(Ordering::Relaxed), bytes: SENT_BYTES.load(Ordering::Relaxed) }
    }
}

/// Everything sent, and the system calls it took.
pub(crate) fn sent(datagrams: u64, bytes: u64, calls: u64) {
    SENT_DATAGRAMS.fetch_add(datagrams, Ordering::Relaxed);
    SENT_BYTES.fetch_add(bytes, Ordering::Relaxed);
    counter!("spillway_sfu_sent_datagrams_total").increment(datagrams);
    counter!("spillway_sfu_sent_bytes_total").increment(bytes);
    counter!("spillway_sfu_send_calls_total").increment(calls);
}

/// Keyframe requests that subscribers made, and those that publishers got.
pub(crate) fn keyframes(asked: u64, sent: u64) {
    counter!("spillway_sfu_keyframes_requested_total").increment(asked);
    counter!("spillway_sfu_keyframe_requests_sent_total").increment(sent);
}

/// Packets asked of publishers again.
pub(crate) fn nacks(sent: u64) {
    counter!("spillway_sfu_nacked_packets_total").increment(sent);
}

/// From a packet's arrival to its leaving for the last subscriber on the same thread, one sample a batch.
pub(crate) fn latency(seconds: f64) {
    histogram!("spillway_latency_seconds", "stage" => "sfu").record(seconds);
}
