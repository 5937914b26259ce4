//! The parsers that read what the network sends, compiled from their own sources without the rest of their crates: a
//! cold build takes seconds, not the minutes of the cryptography beneath the SFU. They refer to each other by `super`.

/// `interactive_sfu::signalling`.
#[path = "../../interactive-sfu/src/signalling"]
pub mod signalling {
    pub mod sdp;
    pub mod sdpfrag;
}

// `signalling` takes plain types of the plane: here they come from the same source.
extern crate self as plane;
pub use transport::association::{DtlsRole, Fingerprint, MESSAGE_BYTES_MAX};

/// `plane::media`.
#[path = "../../interactive-sfu/plane/src/media"]
pub mod media {
    pub mod rtcp;
    pub mod rtp;
}

/// `plane::transport`.
#[path = "../../interactive-sfu/plane/src/transport"]
pub mod transport {
    pub mod association;
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
