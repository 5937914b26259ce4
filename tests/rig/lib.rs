//! The rig that the end-to-end tests and the measuring programs share.
//!
//! It knows the server only from outside: its binary, its HTTP surface and its UDP port. Nothing here links a part of
//! the product, so that a mistake in a parser of ours cannot hide in both ends of a test.
//!
//! | folder | module | gives |
//! |---|---|---|
//! | `process/` | [`server`] | the server's process: free ports, data folder, readiness, its end |
//! | | [`http`], [`prometheus`], [`token`] | its HTTP surface |
//! | | [`process`], [`stats`] | figures: CPU and memory of processes, from procfs |
//! | | [`disk`], [`postgres`], [`wait`] | a disk that can be filled; a database that can go away; waiting with a bound |
//! | | [`webhooks`] | a receiver of webhooks that answers as told |
//! | `native/` | [`sdp`], [`candidate`], [`session`], [`ice`], [`dtls`], [`credentials`], [`channels`], [`peer`] | one WebRTC peer of our own, for load and for ill-behaved clients |
//! | | [`signal`], [`livekit`], [`livekit_speaker`] | the same by LiveKit's protocol |
//! | | [`seats`], [`flow`] | publishers and viewers of a server under test; media from one to another |
//! | `packets/` | [`vp8`], [`opus`], [`rtp`], [`rtcp`], [`mark`], [`clip`] | packets for peers to send, and to get |
//! | | [`pictures`] | pictures of a size that decoders should not be asked for |
//! | `floods/` | [`floods`] | what an attacker does as fast as the server lets it |
//! | `network/` | [`relay`], [`impairment`] | a bad network between a peer and the server, the same one for the same seed |
//! | | [`livekit_proxy`] | the same for clients that take the server's candidates themselves |
//! | | [`link`], [`namespace`] | a bad network below all clients alike, UDP and TCP: the server at one end, they at the other |
//! | `clients/` | [`browser`], [`gst`], [`livekit_clients`], [`livekit_pair`], [`participant`], [`meeting_page`] | real clients: browsers, GStreamer and LiveKit's |
//! | | [`bot`] | the `webrtc` crate's own peer connection as a client |
//! | | [`meeting`] | native participants with real frames, any number on one thread |
//! | `judges/` | [`fmp4`], [`hls`], [`recorder`], [`ffprobe`], [`lipsync`] | what is written, judged by others' and by independent code |

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod clients;
mod error;
pub mod floods;
mod judges;
mod native;
mod network;
mod packets;
pub mod process;

pub use clients::{bot, browser, gst, livekit_clients, livekit_pair, meeting, meeting_page, participant};
pub use error::{Error, Result};
pub use judges::{ffprobe, fmp4, hls, lipsync, recorder};
pub(crate) use native::heard;
pub use native::{
    candidate, channels, credentials, dtls, flow, ice, livekit, livekit_speaker, peer, sdp, seats, session, signal,
};
pub use network::{impairment, link, livekit_proxy, namespace, relay};
pub use packets::{clip, mark, opus, pictures, rtcp, rtp, vp8};
pub use process::{disk, http, prometheus, server, stats, token, wait, webhooks};
pub use test_postgres as postgres;
