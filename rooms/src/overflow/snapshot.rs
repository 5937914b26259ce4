//! A room as the overflow decision sees it: its seats, its audience, its broadcast and its node, at one instant.
//!
//! Counts are of the whole room. People by name are a selection, of whom [`CANDIDATES_MAX`] a list are looked at: the
//! loop that takes snapshots picks those who were idle or have asked longest. Times are milliseconds of the clock that
//! [`RoomOverflow::step`](super::RoomOverflow::step) is given, which never goes back.

use access::{ByClass, Class, Identity};

use super::node_load::{Admission, NodeLimits, NodeLoad};
use crate::BroadcastSetting;

/// People a list that the decision looks at; the rest of a longer list is ignored.
pub const CANDIDATES_MAX: usize = 256;

/// One room at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomSnapshot {
    /// When it was taken, milliseconds.
    pub taken_at_ms: u64,
    /// The setting `broadcast` of the room.
    pub setting: BroadcastSetting,
    /// Whether tracks of the room are end-to-end encrypted, so that it cannot be broadcast.
    pub is_encrypted: bool,
    /// The seats of the room.
    pub seats: Seats,
    /// People without a seat.
    pub audience: Audience,
    /// The run of the room's broadcast.
    pub broadcast: BroadcastState,
    /// The node that has the room's seats.
    pub node: NodeSnapshot,
}

/// The seats of a room, as the SFU counts them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seats {
    /// Seats that the SFU allows the room now, whatever the thresholds say.
    pub limit: u32,
    /// Seats of people who are connected.
    pub taken: ByClass,
    /// Seats of people who are not connected yet.
    pub leased: ByClass,
    /// Seats of people who are on stage; among `taken`.
    pub on_stage: u32,
    /// The SFU grants no seats for now: it waits for leases from before its restart to end.
    pub is_held: bool,
    /// Seated people who may be moved.
    pub candidates: Vec<Seated>,
}

impl Seats {
    /// Seats that are taken or leased, by class.
    pub fn occupied(&self) -> ByClass {
        self.taken.plus(&self.leased)
    }
}

/// Somebody in a seat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seated {
    /// Their identity.
    pub identity: Identity,
    /// Their class.
    pub class: Class,
    /// Since when they have the seat.
    pub seated_since_ms: u64,
    /// Since when they have shown no sign of looking; `None`: they look.
    pub idle_since_ms: Option<u64>,
    /// Whether they are on stage.
    pub on_stage: bool,
}

/// People without a seat, as the events hub counts them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audience {
    /// People who watch the broadcast or wait for it.
    pub people: ByClass,
    /// People who wait for the broadcast to start; among `people`.
    pub waiting: u32,
    /// People who may be moved to a seat.
    pub candidates: Vec<Watching>,
}

/// Somebody without a seat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watching {
    /// Their identity.
    pub identity: Identity,
    /// Their class.
    pub class: Class,
    /// Since when they have asked for a seat; `None`: they have not.
    pub asked_since_ms: Option<u64>,
    /// Since when they watch the broadcast; `None`: they wait for it.
    pub on_broadcast_since_ms: Option<u64>,
    /// Whether they asked for the broadcast, so that only their asking for a seat moves them.
    pub asked_for_broadcast: bool,
}

/// The run of a room's broadcast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BroadcastState {
    /// Off the air.
    Off {
        /// When the last run was ordered to start, if there was one.
        last_started_ms: Option<u64>,
    },
    /// On its way to the air; a start that failed and will be tried again counts.
    Starting {
        /// When it was ordered to start.
        started_ms: u64,
    },
    /// On the air: players find a playlist.
    OnAir {
        /// When it was ordered to start.
        started_ms: u64,
        /// When the last viewer left, if any was there.
        last_viewer_gone_ms: Option<u64>,
    },
    /// Ordered to stop, and not off yet.
    Ending,
}

impl BroadcastState {
    /// Whether players find a playlist.
    pub fn is_on_air(&self) -> bool {
        matches!(self, Self::OnAir { .. })
    }
}

/// The node that has a room's seats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeSnapshot {
    /// The limits of the node.
    pub limits: NodeLimits,
    /// The load of the node, all rooms together.
    pub load: NodeLoad,
    /// Whether the node gives new seats, as its [`NodeGate`](super::NodeGate) says.
    pub admission: Admission,
    /// Since when the node has been draining; `None`: it is not.
    pub draining_since_ms: Option<u64>,
    /// Seats that are taken on the node, all rooms together.
    pub seats_taken: u64,
}
