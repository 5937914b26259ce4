//! An event of a room, as JSON, and the lane it goes by.

use bytes::Bytes;
use serde::Serialize;

/// The longest event, bytes of JSON.
pub const EVENT_BYTES_MAX: usize = 16 * 1024;

/// The way of an event to a connection that does not keep up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Chat and the like: left out for a connection that is behind, which is told how many it missed.
    Droppable,
    /// Gifts, delivery, moderation: sent to every connection, or the connection ends.
    Durable,
}

/// An event of a room: a JSON object.
#[derive(Clone, Debug)]
pub struct Event {
    pub(super) lane: Lane,
    pub(super) json: Bytes,
}

/// A value that cannot be an event.
#[derive(Debug, thiserror::Error)]
pub enum BadEvent {
    /// It has no form in JSON.
    #[error("writing an event as JSON")]
    Json(#[from] serde_json::Error),
    /// It is longer than [`EVENT_BYTES_MAX`].
    #[error("an event of {0} bytes is longer than {EVENT_BYTES_MAX}")]
    TooLong(usize),
}

impl Event {
    /// `value` becomes a JSON object with a `type`.
    pub fn new(lane: Lane, value: &impl Serialize) -> Result<Self, BadEvent> {
        let json = serde_json::to_vec(value)?;
        if json.len() > EVENT_BYTES_MAX {
            return Err(BadEvent::TooLong(json.len()));
        }
        Ok(Self { lane, json: json.into() })
    }
}
