//! The parts of a server that can be started by themselves: media, broadcasts, HTTP.
//!
//! Each has a `start`, which takes what it depends on and returns a handle, and the handle has an `end`, which returns
//! within a bound. `role.rs` says which of them a process runs, and in which order they start and end.

pub(crate) mod audience;
pub(crate) mod broadcast;
pub(crate) mod http;
mod load;
pub(crate) mod sfu;
