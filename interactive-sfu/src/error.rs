//! Why the SFU does not start.

/// A setting that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {sentence}")]
pub struct ConfigFault {
    /// The key of the setting: "sessions_max".
    pub key: &'static str,
    /// The fault in words that continue the key: "must be 1 to 1000000, not 0".
    pub sentence: String,
}

impl From<plane::ConfigFault> for ConfigFault {
    fn from(plane::ConfigFault { key, sentence }: plane::ConfigFault) -> Self {
        Self { key, sentence }
    }
}

/// The errors of [`crate::Sfu::start`].
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An impossible setting.
    #[error(transparent)]
    Config(#[from] ConfigFault),
    /// The media plane does not start.
    #[error(transparent)]
    Plane(#[from] plane::StartError),
    /// The system gives no thread.
    #[error("starting the rooms' thread")]
    Thread(#[source] std::io::Error),
}
