//! What can go wrong between the stage and the packager.

/// Why something in this crate failed. Display says what was being done, the source says why.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IngestError {
    /// The configuration asks for the impossible.
    #[error("ingest configuration: {0}")]
    Config(String),
    /// GStreamer could not be initialised.
    #[error("initialising GStreamer")]
    Init(#[source] gstreamer::glib::Error),
    /// An element is missing (a Debian package is not installed) or a pipeline could not be built.
    #[error("building the {what}: {reason}")]
    Pipeline {
        /// Which pipeline.
        what: &'static str,
        /// What GStreamer said.
        reason: String,
    },
    /// A pipeline would not change its state.
    #[error("starting the {what}")]
    State {
        /// Which pipeline.
        what: &'static str,
        /// What GStreamer said.
        #[source]
        source: gstreamer::StateChangeError,
    },
    /// A thread could not be started.
    #[error("starting the {what} thread")]
    Thread {
        /// Which one.
        what: &'static str,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A WHIP or WHEP endpoint refused, or could not be reached.
    #[error("signalling with the media server")]
    Signal(#[from] crate::signalling::SignalError),
    /// The peer connection could not be negotiated.
    #[error("negotiating a peer connection: {0}")]
    Negotiation(String),
    /// Somebody with this identity stands on the stage already (with the same session).
    #[error("this speaker is on the stage already")]
    DuplicateSpeaker,
}

impl IngestError {
    pub(crate) fn pipeline(what: &'static str, reason: impl ToString) -> Self {
        Self::Pipeline { what, reason: reason.to_string() }
    }
}
