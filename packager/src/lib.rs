//! Access units in, CMAF parts, segments and LL-HLS playlists out.
//!
//! Knows no HTTP and no GStreamer: `ingest` delivers, `api` asks.

pub mod delivery;
pub mod origin;
