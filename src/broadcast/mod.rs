//! Broadcasts: when a room is on the air, and what runs while it is.
//!
//! [`policy`] decides for one room, purely. [`director`] brings it the SFU's events and the rooms' orders, waits for
//! its deadlines and carries out its orders. [`pipeline`] is one broadcast, from the stage to the origin, of which
//! [`rungs`] decides which renditions are encoded.

mod directed;
mod director;
mod pipeline;
mod policy;
mod rungs;

pub(crate) use directed::{Need, Wanted};
pub(crate) use director::BroadcastDirector;
pub(crate) use pipeline::PipelineParts;
