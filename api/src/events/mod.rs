//! The events socket tells everybody who watches a room what happens in it, by whichever path they watch.
//!
//! axum does the handshake (`routes/events.rs`). Then the socket leaves hyper and tokio for a thread of [`shard`],
//! where an idle connection is an entry in a table. [`EventsHub`] is the handle of the rest of the server: it publishes
//! events to a room, tells single people something, and counts the audience. Each room has a hub ([`room`]) while
//! somebody is connected, and for two minutes more.
//!
//! | file | does |
//! |---|---|
//! | `hub.rs` | the handle |
//! | `room.rs`, `core.rs` | a room's hub; its ticks, by the clock |
//! | `log.rs`, `frame.rs`, `event.rs` | events, their order, and the window for those who come back |
//! | `presence.rs`, `seats.rs` | the audience |
//! | `shard/` | threads and sockets |
//! | `framing.rs`, `wire.rs` | RFC 6455, and the messages |
//! | `backlog.rs`, `gcra.rs` | bounds of one connection |
//! | `feed.rs` | the events that the rest of the server gives rise to |

mod backlog;
mod core;
mod event;
mod feed;
mod frame;
mod framing;
mod gcra;
mod hub;
mod log;
mod membership;
mod presence;
mod room;
mod seats;
mod shard;
mod wire;

pub use self::core::Wish;
pub use event::{BadEvent, EVENT_BYTES_MAX, Event, Lane};
pub use feed::follow_rooms;
pub(crate) use feed::room_view;
pub(crate) use framing::frame_head;
pub(crate) use hub::Newcomer;
pub use hub::{AudienceSnapshot, EventsHub};
pub use log::{Epoch, Position, TooFast};
pub use presence::{Audience, Delivery, OnBroadcast, Playing};
pub use seats::{Seated, Seats};

#[cfg(test)]
mod tests;
