//! What the server writes, judged by others' code and by code of our own that shares nothing with the server's.

pub mod ffprobe;
pub mod fmp4;
pub mod hls;
pub mod lipsync;
pub mod recorder;
