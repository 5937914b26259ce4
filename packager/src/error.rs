//! The failures of this crate. Each says what the packager was doing at the time.

/// Why the packager refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration contradicts itself or the protocol.
    #[error("packager configuration: {0}")]
    Config(String),
    /// The broadcast's shape cannot be packaged.
    #[error("broadcast: {0}")]
    Spec(String),
    /// A decoder configuration record does not parse.
    #[error("reading the decoder configuration: {0}")]
    Codec(String),
    /// A box could not be written.
    #[error("writing CMAF boxes")]
    Boxes(#[source] mp4_atom::Error),
}
