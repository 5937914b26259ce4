//! The errors that keep the server from starting, or end it.

/// The one error that `main` prints.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The settings cannot be read, or cannot work.
    #[error("settings: {0}")]
    Settings(String),
    /// A token cannot be made of what was asked for.
    #[error("making a token")]
    Token(#[from] access::TokenError),
    /// An address cannot be had, or a certificate cannot be read.
    #[error("{0}")]
    Api(#[from] api::StartError),
    /// The database cannot be opened or read.
    #[error(transparent)]
    Rooms(#[from] rooms::Error),
    /// The SFU does not start: its sockets, threads or settings.
    #[error("starting the SFU")]
    Sfu(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// GStreamer or one of its elements is missing, or the encoders do not start.
    #[error("preparing the encoders")]
    Ingest(#[from] ingest::IngestError),
    /// The folder for recordings cannot be made or opened.
    #[error("opening the folder for recordings, {folder}")]
    Store {
        folder: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The metrics recorder cannot be installed.
    #[error("setting up metrics")]
    Metrics(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The system gives no async runtime, or no signal handler.
    #[error("{doing}")]
    System {
        doing: &'static str,
        #[source]
        source: std::io::Error,
    },
}
