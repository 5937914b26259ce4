//! Packets for peers to send, and to read: pictures and sound with a mark to know them again, and reports.

pub mod clip;
pub mod mark;
pub mod opus;
pub mod pictures;
pub mod rtcp;
pub mod rtp;
pub mod vp8;
