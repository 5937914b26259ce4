//! Failures of this crate, and settings that cannot work.

/// A setting that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {sentence}")]
pub struct ConfigFault {
    /// The key of the setting, below `[packager]`: `gap_after_parts`.
    pub key: &'static str,
    /// The rule that the setting breaks: "must be at least 1".
    pub sentence: String,
}

impl ConfigFault {
    pub(crate) fn new(key: &'static str, sentence: impl Into<String>) -> Self {
        Self { key, sentence: sentence.into() }
    }
}

/// Failures of the packager. Display says what it was doing at the time.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration contradicts itself or the protocol.
    #[error("packager configuration: {0}")]
    Config(ConfigFault),
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
