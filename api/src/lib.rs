//! Rooms, the LL-HLS origin, the WHIP and WHEP routes, health and metrics, and the embedded pages.
//!
//! Knows HTTP, and neither SQL nor media: `rooms` says which rooms there are, `packager` what a viewer gets,
//! `interactive-sfu` who publishes and watches. [`router`] is the whole surface, without a socket; [`server`] puts it
//! on sockets. `src` composes both.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod accept_encoding;
mod address_prefix;
mod addresses;
mod admission;
mod app;
mod auth;
mod config;
mod cors;
mod demand;
mod error;
mod events;
mod extract;
mod ice_servers;
mod idle;
mod joins;
mod kind;
mod lifecycle;
mod livekit;
mod media;
mod metrics;
mod moves;
mod node;
mod openapi;
mod playback;
mod players;
mod problem;
mod problem_type;
mod registry;
mod routes;
mod seats;
pub mod server;
mod telemetry;
#[cfg(test)]
mod testing;
mod websocket;

pub use address_prefix::{AddressPrefix, BadAddressPrefix};
pub use app::AppParts;
pub use config::{Config, Lobby, MetricsAccess, Tls};
pub use demand::Demand;
pub(crate) use error::Error;
pub use error::{ConfigFault, StartError};
pub use events::{
    Audience, AudienceSnapshot, BadEvent, Delivery, EVENT_BYTES_MAX, Epoch, Event, EventsHub, Lane, OnBroadcast,
    Playing, Position, Seated, Seats, TooFast, Wish, follow_rooms,
};
pub use ice_servers::IceServer;
pub use idle::close_idle_rooms;
pub use lifecycle::Lifecycle;
pub use livekit::webhooks;
pub use media::{BoxFuture, Media};
pub use moves::{MoveError, Moves, Promotion};
pub use node::{DrainOrder, DrainProgress, NodeDesk, NodeStatus};
pub use playback::{PlaybackKeys, PlaybackSpec};
pub use players::Players;
pub use registry::{BroadcastRun, OriginRegistry, Playback};
pub use routes::{metrics_router, router};
pub use seats::seat_limits;
