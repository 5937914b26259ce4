//! Failures between the stage and the packager, and settings that cannot work.

/// A setting that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {sentence}")]
pub struct ConfigFault {
    /// The key of the setting, below `[ingest]`: `part_ms`, `shedding.calm_ms`.
    pub key: &'static str,
    /// The rule that the setting breaks: "must be at least 1".
    pub sentence: String,
}

impl ConfigFault {
    pub(crate) fn new(key: &'static str, sentence: impl Into<String>) -> Self {
        Self { key, sentence: sentence.into() }
    }
}

/// Failures of this crate. Display says what was being done, the source says why.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IngestError {
    /// The configuration asks for the impossible.
    #[error("ingest configuration: {0}")]
    Config(ConfigFault),
    /// A broadcast's shape is not the one that its settings promise ([`crate::Config::spec`]).
    #[error("the broadcast's spec was not made by this configuration")]
    ForeignSpec,
    /// The receiver of the deliveries is gone.
    #[error("nobody takes the deliveries")]
    NoReceiver,
    /// GStreamer could not be initialised.
    #[error("initialising GStreamer")]
    Init(#[source] gstreamer::glib::Error),
    /// An element is missing (a Debian package is not installed) or a pipeline could not be built.
    #[error("building the {what}: {reason}")]
    Pipeline {
        /// Name of the pipeline.
        what: &'static str,
        /// GStreamer's message.
        reason: String,
    },
    /// A pipeline would not change its state.
    #[error("starting the {what}")]
    State {
        /// Name of the pipeline.
        what: &'static str,
        /// GStreamer's error.
        #[source]
        source: gstreamer::StateChangeError,
    },
    /// A thread could not be started.
    #[error("starting the {what} thread")]
    Thread {
        /// Name of the thread.
        what: &'static str,
        /// The system's error.
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
