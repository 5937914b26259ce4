//! The rig that the end-to-end tests and the measuring programs share.
//!
//! It knows the server only from outside: its binary, its HTTP surface and its UDP port. Nothing here links a part of
//! the product, so that a mistake in a parser of ours cannot hide in both ends of a test.
//!
//! | module | gives |
//! |---|---|
//! | [`server`] | the server's process: free ports, data folder, readiness, its end |
//! | [`http`], [`prometheus`], [`token`] | its HTTP surface |
//! | [`sdp`], [`candidate`], [`session`], [`ice`], [`dtls`], [`credentials`], [`channels`], [`peer`] | one WebRTC peer of our own, for load and for ill-behaved clients |
//! | [`signal`], [`livekit`] | the same by LiveKit's protocol |
//! | [`vp8`], [`opus`], [`mark`], [`rtcp`], [`flow`] | packets for it to send, and to get |
//! | [`relay`], [`impairment`] | a bad network between a peer and the server, the same one for the same seed |
//! | [`livekit_proxy`] | the same for clients that take the server's candidates themselves |
//! | [`browser`], [`gst`], [`livekit_clients`], [`participant`], [`meeting_page`] | real clients: Chromium, GStreamer and LiveKit's |
//! | [`bot`], [`clip`] | the `webrtc` crate's own peer connection as a client, and real frames for it to send |
//! | [`rtp`], [`livekit_speaker`], [`meeting`] | native participants with these frames, any number on one thread |
//! | [`fmp4`], [`hls`], [`recorder`], [`ffprobe`], [`lipsync`] | what is written, judged by others' and by independent code |
//! | [`disk`] | a disk that can be filled |
//! | [`floods`], [`pictures`] | what hostile clients send |
//! | [`process`], [`stats`] | figures: CPU and memory of processes, from procfs |

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod bot;
pub mod browser;
pub mod candidate;
pub mod channels;
pub mod clip;
pub mod credentials;
pub mod disk;
pub mod dtls;
mod error;
pub mod ffprobe;
pub mod floods;
pub mod flow;
pub mod fmp4;
pub mod gst;
mod heard;
pub mod hls;
pub mod http;
pub mod ice;
pub mod impairment;
pub mod lipsync;
pub mod livekit;
pub mod livekit_clients;
pub mod livekit_proxy;
pub mod livekit_speaker;
pub mod mark;
pub mod meeting;
pub mod meeting_page;
pub mod opus;
pub mod participant;
pub mod peer;
pub mod pictures;
pub mod process;
pub mod prometheus;
pub mod recorder;
pub mod relay;
pub mod rtcp;
pub mod rtp;
pub mod sdp;
pub mod server;
pub mod session;
pub mod signal;
pub mod stats;
pub mod token;
pub mod vp8;
pub mod wait;

pub use error::{Error, Result};
