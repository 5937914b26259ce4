//! Turns what peers say (SDP) into what the media plane needs, and back. Pure.

pub mod livekit;
pub mod sdp;
pub mod sdpfrag;
