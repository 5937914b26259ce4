//! Bots on the `webrtc` crate's own peer connection: another implementation than the server's and than the rig's
//! [`peer`].
//!
//! [`Publisher`] comes by WHIP, [`Viewer`] by WHEP, [`Participant`] by LiveKit's protocol with two peer connections.
//! They publish the rig's [`clip`] and count what comes. All calls block; the peer connections share one tokio runtime
//! of [`THREADS`] threads, so that a test can have dozens of bots.
//!
//! | module | does |
//! |---|---|
//! | `connection` | one peer connection: descriptions, its state, its data channels |
//! | `sending` | the clip as RTP |
//! | `receiving` | counts of what comes |
//! | `http` | WHIP and WHEP |
//! | `livekit`, `signal`, `data` | LiveKit's protocol, the WebSocket that it comes by, data in it |
//!
//! [`peer`]: crate::peer
//! [`clip`]: crate::clip

mod connection;
mod data;
mod http;
mod livekit;
mod receiving;
mod sending;
mod signal;

use std::sync::LazyLock;

use tokio::runtime::{Builder, Runtime};

pub use data::Message;
pub use http::{Publisher, Viewer};
pub use livekit::Participant;
pub use receiving::Received;

/// Threads that drive all bots of a process.
const THREADS: usize = 2;

/// The side that a bot takes in the DTLS handshake (RFC 8842 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DtlsRole {
    /// The crate's own choice: `actpass` in offers, and `passive` in answers to an ICE-lite server.
    Own,
    /// `active`: the bot is the client.
    Client,
    /// `passive`: the bot is the server.
    Server,
}

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let runtime = Builder::new_multi_thread().worker_threads(THREADS).thread_name("bots").enable_all().build();
    runtime.unwrap_or_else(|error| panic!("the bots' runtime does not start: {error}"))
});
