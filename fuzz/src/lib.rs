//! The parsers that read what the network sends, compiled from their own sources without the rest of their crates: a
//! cold build takes seconds, not the minutes of the cryptography beneath the SFU. They refer to each other by `super`.

/// `interactive_sfu::signalling`.
#[path = "../../interactive-sfu/src/signalling"]
pub mod signalling {
    pub mod sdp;
    pub mod sdpfrag;
}

/// `interactive_sfu::media`.
#[path = "../../interactive-sfu/src/media"]
pub mod media {
    pub mod rtcp;
    pub mod rtp;
}

/// `interactive_sfu::transport`.
#[path = "../../interactive-sfu/src/transport"]
pub mod transport {
    pub mod framing;
    pub mod hello;
    pub mod profile;
    pub mod stun;
}

/// `packager::live`.
#[path = "../../packager/src/live"]
pub mod packager {
    pub mod query;
}

pub use codec_headers as codec;
