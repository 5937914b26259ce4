//! A broadcast while it runs: access units in, parts, segments and playlists out, and the requests that wait for them.
//!
//! The decisions are pure: `grid` and `segmenter` cut parts, `programme` keeps renditions in step and `lending` says
//! which of them rest, `window` says which segments a playlist lists and which bytes are kept, `playlist` and `master`
//! write, `query` and `reload` decide what a request gets and when. The edge is thin: `run` owns the broadcast's task,
//! `origin` the waiting requests, `demand` notes what was asked for, `release` has what is left of a broadcast that has
//! ended; `shared` lies between them.

mod demand;
mod grid;
pub(crate) mod lending;
mod master;
pub mod origin;
pub(crate) mod playlist;
pub(crate) mod programme;
pub(crate) mod query;
mod release;
mod reload;
mod run;
pub(crate) mod segmenter;
mod shared;
pub(crate) mod window;

pub use run::{Running, Summary, start};
