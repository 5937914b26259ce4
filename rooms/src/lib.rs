//! Rooms, and what is remembered of them: how each is set, when its broadcast was switched, who may publish into it by
//! an ingress, and what those who follow changes and facts have still to be told. [`overflow`] decides, without any
//! I/O, who has a seat and who watches the broadcast.
//!
//! The only SQL (SQLite and PostgreSQL), in `store/`. Knows no HTTP and no media: whoever ends a room passes what is to
//! be done to the people in it. [`Rooms`] is the handle. One process owns the database, so that what it keeps in memory
//! is true.

mod cache;
mod database;
mod directory;
mod doors;
mod error;
mod facts;
mod failure;
mod idle;
mod ingress;
mod leases;
mod orders;
pub mod overflow;
mod room;
mod room_access;
mod settings;
mod store;
mod switch;
#[cfg(test)]
mod testing;

pub use database::DatabaseUrl;
pub use directory::{Entry, MakeRoom, Rooms};
pub use error::Error;
pub use facts::{EndReason, Fact, FactKind, Facts, MovedViewer};
pub use idle::{IdleRooms, SeenRoom};
pub use ingress::Ingress;
pub use orders::{Order, Orders};
pub use room::{Layout, Room};
pub use room_access::RoomAccess;
pub use settings::{BroadcastSetting, RecordSetting, RoomSettings, Visibility};
pub use switch::BroadcastSwitch;
