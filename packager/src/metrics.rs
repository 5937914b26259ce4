//! Every metric of this crate.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

/// Steps on the way of a frame; this crate sees `part` (last frame of a part out of the encoder to the part published)
/// and `playlist` (rendering the playlists of one change and waking the requests that wait for it).
const LATENCY: &str = "spillway_latency_seconds";
const PARTS: &str = "spillway_packager_parts_total";
const GAPS: &str = "spillway_packager_gap_parts_total";
const SEGMENTS: &str = "spillway_packager_segments_total";
const BYTES: &str = "spillway_packager_media_bytes_total";
const DROPPED: &str = "spillway_packager_dropped_units_total";
const WAITING: &str = "spillway_packager_waiting_requests";
const STORE_QUEUE: &str = "spillway_packager_store_queue_objects";
const STORE_STORED: &str = "spillway_packager_store_stored_total";
const STORE_FAILED: &str = "spillway_packager_store_failed_total";
const STORE_RETRIED: &str = "spillway_packager_store_retried_total";
const STORE_READ_FAILED: &str = "spillway_packager_store_read_failed_total";

pub(crate) fn describe() {
    describe_histogram!(LATENCY, Unit::Seconds, "Where a frame spends its time, by stage");
    describe_counter!(PARTS, "Parts published");
    describe_counter!(GAPS, "Parts published as gaps");
    describe_counter!(SEGMENTS, "Segments completed");
    describe_counter!(BYTES, Unit::Bytes, "Bytes of parts published");
    describe_counter!(DROPPED, "Access units that went into no part");
    describe_gauge!(WAITING, "Requests that wait for a part or a playlist");
    describe_gauge!(STORE_QUEUE, "Objects that await their upload");
    describe_counter!(STORE_STORED, "Objects stored");
    describe_counter!(STORE_FAILED, "Segments and init segments given up");
    describe_counter!(STORE_RETRIED, "Uploads tried again");
    describe_counter!(STORE_READ_FAILED, "Requests for stored objects that the store failed to answer");
}

pub(crate) fn part_published(bytes: usize, latency: Duration) {
    counter!(PARTS).increment(1);
    counter!(BYTES).increment(bytes as u64);
    histogram!(LATENCY, "stage" => "part").record(latency);
}

pub(crate) fn gap_published() {
    counter!(GAPS).increment(1);
}

pub(crate) fn segment_completed() {
    counter!(SEGMENTS).increment(1);
}

pub(crate) fn unit_dropped() {
    counter!(DROPPED).increment(1);
}

pub(crate) fn published(took: Duration) {
    histogram!(LATENCY, "stage" => "playlist").record(took);
}

pub(crate) fn waiting(change: f64) {
    gauge!(WAITING).increment(change);
}

pub(crate) fn store_queue(objects: usize) {
    gauge!(STORE_QUEUE).set(objects as f64);
}

pub(crate) fn stored() {
    counter!(STORE_STORED).increment(1);
}

pub(crate) fn store_failed() {
    counter!(STORE_FAILED).increment(1);
}

pub(crate) fn store_read_failed() {
    counter!(STORE_READ_FAILED).increment(1);
}

pub(crate) fn store_retried() {
    counter!(STORE_RETRIED).increment(1);
}
