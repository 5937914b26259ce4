//! Pulls the stage of a room out of the SFU, composes it and encodes one aligned ladder.
//!
//! ```text
//! SFU ──WHEP──▶ speaker (webrtcbin, decoders) ──pictures──▶ FrameLane ──▶ composer ──▶ encoders ──▶ outlet ──▶ packager
//!                   one pipeline a speaker     ──samples──▶ SampleLane ─▶ mixer ─────▶ encoder ──▶
//! ```
//!
//! The composer and the mixer run by the clock, not by their inputs: whatever the speakers do, a picture is made at
//! every tick and a stretch of sound for every AAC frame. A speaker's pipeline shares nothing with them but two small
//! queues, so it can stall, fail and be rebuilt alone. Decisions are pure: [`layout`], [`frames`], [`samples`],
//! [`keyframes`], [`shedding`], [`rests`], [`clock`]. Knows no HTTP server and no playlists. [`synthetic`] makes
//! speakers for demos and tests.

mod broadcast;
mod canvas;
pub mod clock;
mod composer;
mod config;
mod encoder;
mod error;
pub mod frames;
pub mod keyframes;
pub mod ladder;
pub mod layout;
mod line;
mod metrics;
mod mixer;
mod outlet;
mod peer;
mod pipeline;
mod plan;
mod receiver;
pub mod rests;
pub mod samples;
pub mod shedding;
mod shrink;
pub mod signalling;
mod speaker;
mod stage;
pub mod synthetic;
mod text;
mod voice;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use broadcast::{Broadcast, Connector, Status, start, start_with};
pub use config::{Config, Layout, X264Preset};
pub use error::{ConfigFault, IngestError};
pub use outlet::RenditionStatus;
pub use signalling::{TokenProvider, WhepSource};
pub use stage::{Input, Speaker};

/// A lock whose holder panicked still guards usable data: counters and queues, nothing half-written.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
