//! Seats: how many identities a room may have at once, and the answers to those who ask for one.

use access::{ByClass, Class, Identity, RoomName};
use serde::{Deserialize, Serialize};

/// The limits by which a room grants seats. Speakers need a seat like everybody else; the broadcast's own viewer needs
/// none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatLimits {
    /// Identities at once; 0: as many as the configuration allows. LiveKit's `max_participants`.
    pub max: u32,
    /// Of these, seats that a class alone may take.
    pub reserved: ByClass,
    /// Classes served after this one get no seat.
    pub lowest_class: Class,
    /// Until then only leases from before a restart are honoured, milliseconds since the Unix epoch; 0: no such time.
    pub held_until_utc_ms: i64,
}

impl Default for SeatLimits {
    fn default() -> Self {
        Self { max: 0, reserved: ByClass::default(), lowest_class: Class::Anonymous, held_until_utc_ms: 0 }
    }
}

/// Sets the limits of a room's seats. Nobody who has a seat loses it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetSeats {
    /// The room.
    pub room: RoomName,
    /// The limits from now on.
    pub limits: SeatLimits,
}

/// Asks for a seat, to be taken within a while. An identity that has one keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantSeat {
    /// The room; `api` has checked that it exists.
    pub room: RoomName,
    /// The identity from the token.
    pub identity: Identity,
    /// The class from the token.
    pub class: Class,
    /// The limits, for a room that nobody is in yet.
    pub limits: SeatLimits,
    /// When a lease ends that the token carries, milliseconds since the Unix epoch: after a restart it is honoured.
    pub leased_until_utc_ms: Option<i64>,
}

/// The answer to [`GrantSeat`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SeatAnswer {
    /// The seat is the identity's until then, and as long as it is connected after that.
    Granted {
        /// When the lease ends unless the identity has connected, milliseconds since the Unix epoch.
        expires_at_utc_ms: i64,
    },
    /// There is no seat for that class now.
    Refused(NoSeat),
}

/// Why somebody gets no seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum NoSeat {
    /// All seats are taken or leased.
    #[error("the room is full")]
    RoomFull,
    /// The seats that are left are reserved for other classes, or the room has none for this class.
    #[error("the seats that are left are reserved for other classes")]
    ClassReserved,
    /// The server carries as much as it may, or has just started.
    #[error("this server takes nobody in at the moment")]
    NodeBusy,
    /// The server is about to end.
    #[error("this server is about to shut down and takes nobody in")]
    NodeDrains,
}

/// How the server as a whole lets people in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Admission {
    /// By the rooms' limits alone.
    #[default]
    Open,
    /// New seats are for speakers and hosts alone.
    Busy,
    /// Nobody gets a new seat: the server is about to end.
    Draining,
}

/// Moves somebody to the broadcast: a LiveKit client is told in a data packet of the topic [`MOVE_TOPIC`], and whoever
/// has not gone by `within_ms` is shown out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Demote {
    /// The room.
    pub room: RoomName,
    /// The identity that loses its seat.
    pub identity: Identity,
    /// The answer of `POST /v1/rooms/{room}/join`, JSON, as the client is told it.
    pub answer: String,
    /// How long the client may take, milliseconds.
    pub within_ms: u32,
}

/// Ends every session of a room as the server's end does, but for the broadcast's own: LiveKit's clients are told to
/// connect again, which leads them to another server where there is one. The room stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendAway(pub RoomName);

/// The topic of data packets that tell a LiveKit client to move between seat and broadcast.
pub const MOVE_TOPIC: &str = "spillway.move";

/// A room's seats as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoomSeats {
    /// The limits that the room was given last.
    pub limits: SeatLimits,
    /// The seats that there are: the room's, but no more than the configuration allows.
    pub max: u32,
    /// Seats that are taken or leased, by class.
    pub given: ByClass,
    /// Of these, leases that nobody has come for yet.
    pub leased: ByClass,
    /// Everybody who is there, by identity.
    pub seated: Vec<Seated>,
    /// Somebody publishes a track that is encrypted end to end.
    pub is_encrypted: bool,
}

/// An identity that is in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seated {
    /// The identity.
    pub identity: Identity,
    /// Its class.
    pub class: Class,
    /// Since when it is there, milliseconds since the Unix epoch.
    pub since_utc_ms: i64,
    /// Whether it publishes or is on stage.
    pub performs: bool,
    /// Whether others are not told of it.
    pub hidden: bool,
    /// Since when it watches nothing, milliseconds since the Unix epoch; `None`: it watches.
    pub idle_since_utc_ms: Option<i64>,
    /// It has been told to move to the broadcast.
    pub leaving: bool,
}
