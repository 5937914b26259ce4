//! LiveKit's client protocol: what travels over a participant's WebSocket (`livekit_rtc.proto`).
//!
//! [`Frame`]s come in and go out, binary protobuf or its JSON mapping; [`message`] turns them into requests and back,
//! `info` says who and what there is in the protocol's words. What follows from a request is the room's to decide.

pub mod frame;
pub(crate) mod info;
pub mod join;
pub(crate) mod message;

pub use frame::Frame;
pub use join::Join;
