//! Access units in; CMAF parts, segments and LL-HLS playlists out; recordings in a store.
//!
//! Knows no HTTP and no GStreamer: `ingest` delivers ([`delivery`]), `api` asks ([`Origin`] for a broadcast in memory,
//! [`Recordings`] for those in the store).
//!
//! `live/` is a broadcast while it runs, `recording/` what is kept of it. Between them lie the names: `epoch` of
//! broadcasts, `object` of everything that can be fetched. `cmaf` writes the boxes, `served` is an answer.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::type_complexity))]

mod cmaf;
mod config;
pub mod delivery;
mod epoch;
mod error;
mod live;
mod metrics;
mod object;
mod recording;
mod served;
mod spec;
#[cfg(test)]
mod testing;

pub use config::Config;
pub use epoch::epoch;
pub use error::{ConfigFault, Error};
pub use live::origin::{self, Origin};
pub use live::{Running, Summary, start};
pub use object::{Object, ObjectKey, ObjectKind, Position};
pub use recording::{Chunks, ReadFailed, Recordings, Stored};
pub use served::{Body, NotServed, Served};

/// The parts that the benchmark measures; they are no part of this crate's interface.
#[doc(hidden)]
pub mod bench {
    pub use crate::cmaf::{Sample, chunk};
    pub use crate::live::lending::Source;
    pub use crate::live::playlist::{Control, Report, render};
    pub use crate::live::programme::{Output, Programme};
    pub use crate::live::window::Window;
}
