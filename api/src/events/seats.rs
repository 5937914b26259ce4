//! The seats of the SFU, as the events hub asks for them.

use access::{Class, Identity, RoomName};
use interactive_sfu::Sfu;

/// Somebody with a seat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seated {
    /// The identity that has the seat.
    pub identity: Identity,
    /// The seat class.
    pub class: Class,
    /// They are on stage or publish, and are no audience.
    pub performs: bool,
}

/// The seats of rooms. Asked at most once a second for each room that changed.
pub trait Seats: Send + Sync {
    /// Everybody who has a seat in the room, once each. The hidden and this server's own ingest have none.
    fn seated(&self, room: &RoomName) -> Vec<Seated>;
}

impl Seats for Sfu {
    fn seated(&self, room: &RoomName) -> Vec<Seated> {
        let seated = Sfu::seats(self, room).seated.into_iter().filter(|one| !one.hidden);
        seated.map(|one| Seated { identity: one.identity, class: one.class, performs: one.performs }).collect()
    }
}
