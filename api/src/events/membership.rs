//! The place of a socket: among all, of its address, and in its room. Given back when it is dropped.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use access::{Class, Identity};
use serde_json::Value;

use super::core::Core;
use super::log::Position;
use super::room::RoomHub;
use crate::addresses::Counted;
use crate::extract::Place;

/// A socket's place in its room.
pub(crate) struct Membership {
    pub(super) core: Arc<Core>,
    pub(super) room: Arc<RoomHub>,
    pub(super) identity: Identity,
    pub(super) class: Class,
    /// Names the socket.
    pub(super) number: u64,
    pub(super) shard: u16,
    /// Not counted in any audience.
    pub(super) is_hidden: bool,
    /// Admitted because the room is open, and to end when it is private.
    pub(super) is_stranger: bool,
    pub(super) places: Places,
}

/// The places of a socket among connections.
#[derive(Default)]
pub(super) struct Places {
    /// Among all connections.
    pub(super) connection: Option<Place>,
    /// Among those of the client's address, which is not that of the connection behind a proxy.
    pub(super) _address: Option<Counted>,
}

/// A place for a socket that is being opened.
pub(crate) struct Reserved {
    pub(super) membership: Membership,
    /// Where the room's events were before `view` was taken.
    pub(super) began: Position,
    /// Where an earlier connection of the client was.
    pub(super) resume: Option<Position>,
    /// The room, as told in the greeting.
    pub(crate) view: Value,
    /// The id that the client reports under, as told in the greeting.
    pub(crate) session: String,
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.room.release(&self.core, &self.identity, self.number, Instant::now());
        self.core.connections.fetch_sub(1, Ordering::AcqRel);
    }
}
