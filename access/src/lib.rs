//! Access tokens, the names of rooms and participants, seat classes, and the limits of all texts.
//!
//! Pure: `now` comes in, and no function here does I/O. [`random_text`] and [`random_id`] alone ask the system, for
//! randomness. Depends on no other crate of ours; every other crate may depend on this one.

mod by_class;
mod class;
pub mod limits;
mod name;
mod random;
mod token;

pub use by_class::ByClass;
pub use class::{Class, UnknownClass};
pub use name::{BadName, Identity, ParticipantSid, RoomName};
pub use random::{random_id, random_text};
pub use token::{
    Grants, Guest, Keys, Permission, PlaybackBounds, Renewal, ServiceGrants, Standing, TokenError, TokenSpec, nobody,
};
