//! WebRTC peers of our own, by WHIP, WHEP and LiveKit's protocol: for load, and for clients that behave badly on
//! purpose.

pub mod candidate;
pub mod channels;
pub mod credentials;
pub mod dtls;
pub mod flow;
pub(crate) mod heard;
pub mod ice;
pub mod livekit;
pub mod livekit_speaker;
pub mod peer;
pub mod sdp;
pub mod seats;
pub mod session;
pub mod signal;
