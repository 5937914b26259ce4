//! Counters and gauges of this crate. No room, user or address stands in a label.

use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

const REQUESTS: &str = "spillway_http_requests_total";
const CONNECTIONS: &str = "spillway_http_connections";
const CONNECTIONS_REFUSED: &str = "spillway_http_connections_refused_total";
const CONNECTIONS_STALLED: &str = "spillway_http_connections_stalled_total";
const JOINS_LIMITED: &str = "spillway_joins_limited_total";
const WEBHOOKS: &str = "spillway_webhooks_total";
const ORIGIN_REQUESTS: &str = "spillway_origin_requests_total";
const ORIGIN_BODY_BYTES: &str = "spillway_origin_body_bytes_total";
const ORIGIN_BROKEN_OFF: &str = "spillway_origin_broken_off_total";

pub(crate) fn describe() {
    describe_counter!(REQUESTS, Unit::Count, "Requests by route, method and status; the origin's are counted apart");
    describe_gauge!(CONNECTIONS, Unit::Count, "Open connections");
    describe_counter!(
        CONNECTIONS_REFUSED,
        Unit::Count,
        "Connections refused because connections_max or connections_per_address_max was reached, by which of them"
    );
    describe_counter!(
        CONNECTIONS_STALLED,
        Unit::Count,
        "Connections ended because their clients took nothing of an answer for write_stall_timeout_ms"
    );
    describe_counter!(JOINS_LIMITED, Unit::Count, "Joins refused because too many came from one address or identity");
    describe_counter!(WEBHOOKS, Unit::Count, "Events for webhooks, by outcome");
    describe_counter!(ORIGIN_REQUESTS, Unit::Count, "Requests for playlists and media, by outcome");
    describe_counter!(ORIGIN_BODY_BYTES, Unit::Bytes, "Body bytes handed out by the origin");
    describe_counter!(ORIGIN_BROKEN_OFF, Unit::Count, "Stored objects that were not sent to their end, by reason");
}

pub(crate) fn request(route: String, method: String, status: u16) {
    counter!(REQUESTS, "route" => route, "method" => method, "status" => status.to_string()).increment(1);
}

/// `outcome` is a word of a fixed set: see `routes/live/response.rs`.
pub(crate) fn origin(outcome: &'static str, body_bytes: u64) {
    counter!(ORIGIN_REQUESTS, "outcome" => outcome).increment(1);
    counter!(ORIGIN_BODY_BYTES).increment(body_bytes);
}

/// `reason`: `unread` by its client, or the `store` failed.
pub(crate) fn origin_broken_off(reason: &'static str) {
    counter!(ORIGIN_BROKEN_OFF, "reason" => reason).increment(1);
}

/// `outcome`: `delivered`, `failed` or `dropped`.
pub(crate) fn webhooks(outcome: &'static str, count: u64) {
    counter!(WEBHOOKS, "outcome" => outcome).increment(count);
}

/// `by`: `address` or `identity`.
pub(crate) fn join_limited(by: &'static str) {
    counter!(JOINS_LIMITED, "by" => by).increment(1);
}

/// `by`: `all` or `address`.
pub(crate) fn connection_refused(by: &'static str) {
    counter!(CONNECTIONS_REFUSED, "by" => by).increment(1);
}

pub(crate) fn connection_stalled() {
    counter!(CONNECTIONS_STALLED).increment(1);
}

/// Counts a connection for as long as it lives.
pub(crate) struct Connection(());

impl Connection {
    pub(crate) fn open() -> Self {
        gauge!(CONNECTIONS).increment(1.0);
        Self(())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        gauge!(CONNECTIONS).decrement(1.0);
    }
}
