//! Counters and gauges of this crate. No room, user or address stands in a label, but for rooms in the figures of
//! players, which are bounded and go with their rooms: `players/exposition.rs` lists those.

use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

use crate::events::Audience;

const REQUESTS: &str = "spillway_http_requests_total";
const CONNECTIONS: &str = "spillway_http_connections";
const CONNECTIONS_REFUSED: &str = "spillway_http_connections_refused_total";
const CONNECTIONS_STALLED: &str = "spillway_http_connections_stalled_total";
const JOINS_LIMITED: &str = "spillway_joins_limited_total";
const CMCD_REPORTS: &str = "spillway_cmcd_reports_total";
const WEBHOOKS: &str = "spillway_webhooks_total";
const WEBHOOKS_WAITING: &str = "spillway_webhooks_waiting";
const EVENTS_CONNECTIONS: &str = "spillway_events_connections";
const EVENTS_ENDED: &str = "spillway_events_ended_total";
const EVENTS_FRAMES: &str = "spillway_events_frames_total";
const EVENTS_BYTES: &str = "spillway_events_bytes_total";
const EVENTS_DROPPED: &str = "spillway_events_dropped_total";
const EVENTS_REFUSED: &str = "spillway_events_refused_total";
const EVENTS_BACKLOG: &str = "spillway_events_backlog_bytes";
const EVENTS_AUDIENCE: &str = "spillway_events_audience";
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
    describe_counter!(CMCD_REPORTS, Unit::Count, "Reports of players, by outcome; of refused requests one each");
    describe_counter!(WEBHOOKS, Unit::Count, "Events for webhooks, by outcome");
    describe_gauge!(
        WEBHOOKS_WAITING,
        Unit::Count,
        "Kept events that a receiver of webhooks has not taken, by receiver"
    );
    describe_gauge!(EVENTS_CONNECTIONS, Unit::Count, "Open events sockets");
    describe_counter!(EVENTS_ENDED, Unit::Count, "Events sockets that ended, by reason");
    describe_counter!(EVENTS_FRAMES, Unit::Count, "Frames to events sockets, each socket's counted");
    describe_counter!(EVENTS_BYTES, Unit::Bytes, "Bytes sent to events sockets");
    describe_counter!(EVENTS_DROPPED, Unit::Count, "Droppable events left out for events sockets that are behind");
    describe_counter!(EVENTS_REFUSED, Unit::Count, "Events refused because they came faster than they could be sent");
    describe_gauge!(EVENTS_BACKLOG, Unit::Bytes, "Bytes that wait for events sockets that are behind, by thread");
    describe_gauge!(EVENTS_AUDIENCE, Unit::Count, "Audience of all rooms with events sockets, by delivery");
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

/// `outcome`: see `routes/cmcd.rs`; or `malformed` or `limited`, once for a whole request.
pub(crate) fn cmcd(outcome: &'static str) {
    counter!(CMCD_REPORTS, "outcome" => outcome).increment(1);
}

/// `receiver`: its place among the URLs of webhooks.
pub(crate) fn webhooks_waiting(receiver: usize, count: usize) {
    gauge!(WEBHOOKS_WAITING, "receiver" => receiver.to_string()).set(count as f64);
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

pub(crate) fn events_connected() {
    gauge!(EVENTS_CONNECTIONS).increment(1.0);
}

/// `reason`: see `events/shard/connection.rs`.
pub(crate) fn events_ended(reason: &'static str) {
    gauge!(EVENTS_CONNECTIONS).decrement(1.0);
    counter!(EVENTS_ENDED, "reason" => reason).increment(1);
}

pub(crate) fn events_sent(frames: u64, bytes: u64, dropped: u64) {
    for (name, count) in [(EVENTS_FRAMES, frames), (EVENTS_BYTES, bytes), (EVENTS_DROPPED, dropped)] {
        if count > 0 {
            counter!(name).increment(count);
        }
    }
}

pub(crate) fn events_refused() {
    counter!(EVENTS_REFUSED).increment(1);
}

pub(crate) fn events_backlog(thread: usize, bytes: usize) {
    gauge!(EVENTS_BACKLOG, "thread" => thread.to_string()).set(bytes as f64);
}

/// One room's audience changed.
pub(crate) fn events_audience(before: Audience, now: Audience) {
    let interactive = f64::from(now.interactive) - f64::from(before.interactive);
    let broadcast = f64::from(now.broadcast) - f64::from(before.broadcast);
    gauge!(EVENTS_AUDIENCE, "delivery" => "interactive").increment(interactive);
    gauge!(EVENTS_AUDIENCE, "delivery" => "broadcast").increment(broadcast);
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
