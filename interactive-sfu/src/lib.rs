//! Who sees and hears whom: rooms, WHIP, WHEP and LiveKit's protocol, above the media plane (crate `plane`).
//!
//! Knows no HLS, no SQL, no GStreamer and no HTTP server: `api` holds the routes and calls [`Sfu`].

mod config;
mod connection;
pub mod control;
mod error;
mod metrics;
mod room;
mod sfu;
pub mod signalling;
mod start;

pub use config::Config;
pub use connection::Connection;
pub use control::{
    Admission, Ask, Client, CloseRoom, Command, ConnectRequest, Demote, GrantSeat, JoinRequest, Joined, Leave,
    LimitLayer, MOVE_TOPIC, NoSeat, Patch, Patched, Publish, Reply, RoomEvent, RoomSeats, SeatAnswer, SeatLimits,
    Seated, SendAway, SessionId, SetSeats, SfuError, Speaker, Subscribe, TellRoom,
};
pub use error::{ConfigFault, StartError};
pub use plane::{Network, Sent};
pub use sfu::Sfu;

/// The simulated room, whose steps a fuzzer makes.
#[cfg(all(feature = "simulation", not(test)))]
pub use room::simulation::run as simulate;
