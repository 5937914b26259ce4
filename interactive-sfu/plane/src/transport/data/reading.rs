//! How fast a peer's messages are read: beyond that SCTP's window closes, and they wait at the peer's end.
//!
//! Two things are paid for: bytes read, and bytes that go out because of them. A message to a thousand receivers costs
//! a thousand times what it costs to one, and its sender pays for it.

use std::time::{Duration, Instant};

use rtc_sctp::{PayloadProtocolIdentifier, StreamId};

use super::{DataEvent, DataTransport, Named};
use crate::media::pace::Pace;
use crate::transport::association::MESSAGE_BYTES_MAX;

/// Bytes a second that are read of one peer, and at once.
const READ_BYTES_PER_SECOND: f64 = 2_000_000.0;
const READ_BURST_BYTES: f64 = 512.0 * 1024.0;
/// A message that is read costs at least so many bytes: it is work, however small.
const MESSAGE_COST_BYTES: usize = 256;
/// Bytes a second that go out because of one peer's messages, summed over their receivers, and at once.
const FAN_OUT_BYTES_PER_SECOND: f64 = 8_000_000.0;
const FAN_OUT_BURST_BYTES: f64 = 8.0 * 1024.0 * 1024.0;
/// A delivery costs at least so many bytes. With the rate above: 16,000 deliveries a second.
const DELIVERY_COST_BYTES: usize = 512;
/// Messages that are read at once, and the time until the next are: what they cost is known once their receivers are.
const READ_AT_ONCE: usize = 64;
const NEXT_AFTER: Duration = Duration::from_millis(5);

/// The work that a peer may still cause.
pub(super) struct Reading {
    bytes: Pace,
    fan_out: Pace,
    /// When the current turn began, and the messages read in it.
    turn: (Option<Instant>, usize),
    /// Messages wait to be read until then.
    pub(super) held_until: Option<Instant>,
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            bytes: Pace::new(READ_BYTES_PER_SECOND, READ_BURST_BYTES),
            fan_out: Pace::new(FAN_OUT_BYTES_PER_SECOND, FAN_OUT_BURST_BYTES),
            turn: (None, 0),
            held_until: None,
        }
    }
}

impl Reading {
    /// Whether one more message may be read. If not, reading is held for a while.
    fn may_read(&mut self, now: Instant) -> bool {
        let is_broke = self.bytes.left(now).min(self.fan_out.left(now)) <= 0.0;
        let (since, read) = &mut self.turn;
        if since.is_none_or(|since| now.saturating_duration_since(since) >= NEXT_AFTER) {
            (*since, *read) = (Some(now), 0);
        }
        if !is_broke && *read < READ_AT_ONCE {
            *read += 1;
            return true;
        }
        let wait = self.bytes.seconds_to_wait().max(self.fan_out.seconds_to_wait());
        self.held_until.get_or_insert(now + Duration::from_secs_f64(wait) + NEXT_AFTER);
        false
    }
}

impl DataTransport {
    /// A message of `bytes` that the peer sent goes to so many `receivers`: the peer pays for it.
    pub(crate) fn charge(&mut self, bytes: usize, receivers: usize, now: Instant) {
        self.reading.fan_out.left(now);
        self.reading.fan_out.charge((bytes.max(DELIVERY_COST_BYTES) * receivers) as f64);
    }

    /// Reads what was held, if it is time.
    pub(super) fn read_held(&mut self, now: Instant, events: &mut Vec<DataEvent>) {
        if self.reading.held_until.take_if(|until| *until <= now).is_some() {
            let streams: Vec<StreamId> =
                self.theirs.iter().map(|(id, _)| *id).chain(self.open.into_iter().flatten()).collect();
            streams.into_iter().for_each(|id| self.read(now, id, events));
        }
    }

    /// Reads what has come on a stream.
    pub(super) fn read(&mut self, now: Instant, id: StreamId, events: &mut Vec<DataEvent>) {
        while self.reading.may_read(now) {
            let Some(Named { association, .. }) = self.association.as_deref_mut() else { return };
            let Ok(Some(chunks)) = association.stream(id).and_then(|mut stream| stream.read_sctp()) else { return };
            self.reading.bytes.charge(chunks.len().max(MESSAGE_COST_BYTES) as f64);
            let is_control = chunks.ppi == PayloadProtocolIdentifier::Dcep;
            let Ok(message) = chunks.to_payload(MESSAGE_BYTES_MAX) else { continue };
            if is_control {
                self.control(now, id, &message, events);
            } else if let Some(channel) = self.channel_of(id) {
                events.push(DataEvent::Message(channel, message.freeze()));
            }
        }
    }
}
