//! Who sees and hears whom: rooms, WHIP, WHEP, and the WebRTC media plane behind them.
//!
//! Knows no HLS, no SQL, no GStreamer and no HTTP server: `api` holds the routes and calls [`Sfu`].

mod config;
mod connection;
pub mod control;
mod error;
mod ids;
pub mod media;
mod metrics;
mod pending;
mod room;
mod sfu;
mod shard;
pub mod signalling;
mod start;
pub mod transport;

pub use config::Config;
pub use connection::Connection;
pub use control::{
    Client, ConnectRequest, Event, JoinRequest, Joined, Notice, NoticeKind, Patched, SessionId, SfuError, Speaker,
};
pub use error::StartError;
pub use sfu::Sfu;
pub use transport::network::Network;
