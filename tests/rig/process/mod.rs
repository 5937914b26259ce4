//! The server's process and its HTTP surface, children in general, and what processes use.

pub(crate) mod child;
pub mod disk;
pub mod http;
mod ports;
pub mod prometheus;
pub mod server;
pub mod stats;
pub mod token;
mod usage;
pub mod wait;
pub mod webhooks;

pub use usage::*;
