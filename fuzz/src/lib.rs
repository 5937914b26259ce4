//! The parsers that read what the network sends, compiled from their own sources without the rest of their crates: of
//! other people's code only what the sources name is built. They refer to each other by `crate` and `super`. Crates
//! that read and do nothing else, `access` and `codec-headers`, are taken whole, and so is `interactive-sfu`, whose
//! rooms are simulated.

#[cfg(feature = "protocols")]
pub mod frames;
#[cfg(feature = "protocols")]
pub mod opener;
#[cfg(feature = "protocols")]
pub mod tokens;

/// `interactive_sfu::signalling`.
#[path = "../../interactive-sfu/src/signalling"]
pub mod signalling {
    pub mod sdp;
    pub mod sdpfrag;

    #[cfg(feature = "protocols")]
    pub mod livekit {
        #[allow(dead_code)]
        pub mod frame;
    }
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
    #[cfg(feature = "protocols")]
    #[allow(dead_code, unused_imports)]
    pub mod srtp;
    pub mod stun;
}

/// `api::events`.
#[path = "../../api/src/events"]
pub mod events {
    pub mod framing;
}

/// `api::players`.
#[path = "../../api/src/players"]
#[allow(dead_code)]
pub mod players {
    mod dictionary;
    mod report;

    pub const REPORTS_MAX: usize = report::REPORTS_MAX;

    /// The number of reports in a body; `None`: it is refused.
    pub fn reports(body: &str) -> Option<usize> {
        report::reports(body).ok().map(|reports| reports.len())
    }
}

/// `packager::live`.
#[path = "../../packager/src/live"]
pub mod packager {
    pub mod query;
}

#[cfg(feature = "protocols")]
pub use access;
pub use codec_headers as codec;
