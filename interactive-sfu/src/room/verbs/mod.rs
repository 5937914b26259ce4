//! Everything that can happen in a room, one kind a file; each adds to [`Room`](super::machine::Room).
//!
//! `joining` and `leaving` say how participants come and go, `requests` what LiveKit's clients ask, `publishing` and
//! `subscribing` what they publish and are sent, `choosing` what they want of it, `data` their messages; `dynacast`
//! asks publishers for no more than is looked at; `stage` follows who performs, `news` tells everybody, `moderation`
//! obeys the server's API, `reports` hears the media plane, `sessions` serves WHIP and WHEP, `seats` gives and
//! empties seats, `upkeep` does what is due.

mod choosing;
mod data;
mod dynacast;
mod joining;
mod leaving;
mod moderation;
mod news;
mod publishing;
mod reports;
mod requests;
mod seats;
mod sessions;
mod stage;
mod subscribing;
mod upkeep;

pub(super) use reports::peer_of;
pub(super) use seats::Moving;
pub(super) use subscribing::Offered;
