//! Access units in, CMAF parts, segments and LL-HLS playlists out.
//!
//! Knows no HTTP and no GStreamer: `ingest` delivers ([`delivery`]), `api` asks ([`Origin`]).
//!
//! The decisions are pure: `grid` and `segmenter` cut parts, `programme` keeps renditions in step, `window` says what
//! stands in a playlist and which bytes are kept, `playlist` and `master` write, `query` and `reload` say what a
//! request gets and when, `archive` what a recording lists. The edge is thin: `run` owns the broadcast's task, `origin`
//! the waiting requests, `store` the uploads.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::type_complexity))]

mod archive;
pub mod cmaf;
mod config;
pub mod delivery;
mod error;
pub mod grid;
mod master;
mod metrics;
pub mod origin;
mod path;
pub mod playlist;
pub mod programme;
pub mod query;
pub mod reload;
mod run;
pub mod segmenter;
mod shared;
mod spec;
mod store;
#[cfg(test)]
mod testing;
mod upload;
mod upload_queue;
pub mod window;

pub use config::Config;
pub use error::Error;
pub use grid::Position;
pub use origin::{Origin, OriginStatus};
pub use query::{PlaylistQuery, QueryError};
pub use run::{Running, Summary, start};
