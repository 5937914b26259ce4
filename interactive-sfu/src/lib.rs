//! Who sees and hears whom: rooms, WHIP, WHEP, and the WebRTC media plane behind them.
//!
//! Knows no HLS, no SQL, no GStreamer and no HTTP server: `api` holds the routes and calls [`Sfu`].

mod config;
pub mod control;
mod error;
pub mod media;
mod metrics;
mod room;
mod sfu;
mod shard;
pub mod signalling;
mod start;
pub mod transport;

pub use config::Config;
pub use control::{
    Event, JoinRequest, Joined, Participant, Patched, Published, SessionId, SfuError, Speaker, TrackKind,
};
pub use error::StartError;
pub use sfu::Sfu;
