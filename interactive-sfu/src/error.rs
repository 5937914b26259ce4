//! Why the SFU does not start.

/// What [`crate::Sfu::start`] can fail with.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An impossible setting; the sentence names its key.
    #[error("{0}")]
    Config(String),
    /// The media plane does not start.
    #[error(transparent)]
    Plane(#[from] plane::StartError),
    /// The system gives no thread.
    #[error("starting the rooms' thread")]
    Thread(#[source] std::io::Error),
}
