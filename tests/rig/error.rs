//! What can go wrong in the rig.

use std::path::PathBuf;

/// The rig's result.
pub type Result<T> = std::result::Result<T, Error>;

/// Why the rig could not do what was asked. Display says what the rig was doing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A request got no answer at all.
    #[error("no answer from {url}")]
    Http {
        /// The URL asked.
        url: String,
        /// Why.
        #[source]
        source: Box<ureq::Error>,
    },
    /// An answer of another status than the caller can use.
    #[error("{url} answered {status}: {body}")]
    Status {
        /// The URL asked.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The beginning of its body.
        body: String,
    },
    /// The answer to an offer lacks something a client needs.
    #[error("the SDP answer has no {0}")]
    Answer(&'static str),
    /// ICE got no answer to its checks.
    #[error("no answer to connectivity checks at {0}")]
    Unreachable(std::net::SocketAddr),
    /// The DTLS handshake failed or did not end in time.
    #[error("the DTLS handshake: {0}")]
    Dtls(String),
    /// Keys or packets that SRTP refuses.
    #[error("SRTP: {0}")]
    Srtp(String),
    /// A STUN message could not be made.
    #[error("STUN: {0}")]
    Stun(String),
    /// A program the rig needs is missing or did not start.
    #[error("{program} does not start ({hint})")]
    Program {
        /// Which.
        program: PathBuf,
        /// How to get it.
        hint: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A child process reported a failure of its own.
    #[error("{0}")]
    Child(String),
    /// A bot's peer connection refused something.
    #[error("a bot, {doing}: {detail}")]
    Bot {
        /// What the bot was doing.
        doing: &'static str,
        /// Why it failed.
        detail: String,
    },
    /// Something did not happen in time.
    #[error("{what} did not happen within {seconds} s{detail}")]
    Timeout {
        /// What was waited for.
        what: String,
        /// How long, seconds.
        seconds: u64,
        /// What was seen instead.
        detail: String,
    },
    /// A file or text that does not have the form it must have.
    #[error("malformed {what}: {detail}")]
    Malformed {
        /// Of what.
        what: &'static str,
        /// Where and why.
        detail: String,
    },
    /// Sockets and files.
    #[error("{doing}")]
    Io {
        /// What the rig was doing.
        doing: &'static str,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
}

impl Error {
    /// For `map_err`: says what was being done.
    pub fn io(doing: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { doing, source }
    }
}
