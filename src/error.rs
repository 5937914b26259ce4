//! Why the server does not start, or ends.

/// The one error that `main` prints.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The settings cannot be read, or cannot work.
    #[error("settings: {0}")]
    Settings(String),
    /// No token was made.
    #[error("making a token")]
    Token(#[from] access::TokenError),
    /// HTTP.
    #[error("{0}")]
    Api(#[from] api::StartError),
    /// The database.
    #[error(transparent)]
    Rooms(#[from] rooms::Error),
    /// Media sockets.
    #[error("starting the SFU")]
    Sfu(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// GStreamer, or an element of it.
    #[error("preparing the encoders")]
    Ingest(#[from] ingest::IngestError),
    /// The folder for recordings.
    #[error("opening the folder for recordings, {folder}")]
    Store {
        folder: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The metrics recorder.
    #[error("setting up metrics")]
    Metrics(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The async runtime, or a signal handler.
    #[error("{doing}")]
    System {
        doing: &'static str,
        #[source]
        source: std::io::Error,
    },
}
