//! SDP offers and answers (RFC 8866, 8829, 9143) in the few shapes that an SFU uses.
//!
//! A [`RemoteDescription`], offer or answer, is parsed strictly and within limits; [`negotiate_publish`],
//! [`negotiate_uplink`] and [`negotiate_subscribe`] decide which sections of an offer we serve; a [`LocalDescription`]
//! is printed. We are always ICE-lite, on one BUNDLE transport, and take whichever DTLS role the peer leaves us. Pure,
//! and free of the rest of the crate, so that it can be fuzzed alone; of the plane it takes three plain types. Driven
//! by the WHIP and WHEP sessions.
//!
//! The grammar is our own ([`lines`]) because all input must be bounded and exact: stray white space,
//! missing lines and duplicate attributes are refused here rather than trimmed.

mod candidate;
mod codec;
mod feedback;
mod formats;
mod limits;
mod lines;
mod local;
mod matching;
mod negotiate;
mod remote;
mod section;
mod sources;
#[cfg(test)]
mod tests;
mod types;

pub use plane::{DtlsRole, Fingerprint, MESSAGE_BYTES_MAX};

pub use candidate::{Candidate, CandidateKind, TcpType, Transport, host_candidates};
pub use codec::{Codec, CodecName, OfferedCodec};
pub use feedback::Feedback;
pub use limits::{Limits, OFFER_BYTES_MAX, SUBSCRIBED_SECTIONS_MAX};
pub(super) use lines::{is_ice_string, printable};
pub use local::LocalDescription;
pub use matching::match_codec;
pub use negotiate::{
    NegotiatedSection, PublishPolicy, SubscribePolicy, Take, negotiate_downlink, negotiate_publish,
    negotiate_subscribe, negotiate_uplink,
};
pub use remote::RemoteDescription;
pub use section::RemoteSection;
pub use types::{Direction, Extension, IceCredentials, Msid, SectionKind, SendStream, Setup};

/// Why an SDP text is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// It does not parse (HTTP 400).
    #[error("{0}")]
    Malformed(String),
    /// It parses, but this server cannot serve it (HTTP 422).
    #[error("{0}")]
    Unacceptable(String),
}

fn malformed<T>(why: impl Into<String>) -> Result<T, SdpError> {
    Err(SdpError::Malformed(why.into()))
}

fn unacceptable<T>(why: impl Into<String>) -> Result<T, SdpError> {
    Err(SdpError::Unacceptable(why.into()))
}
