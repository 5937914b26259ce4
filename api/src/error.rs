//! Errors at the start ([`StartError`], [`ConfigFault`]) and with a request ([`Error`]). Each says what this crate was
//! doing.

use std::path::PathBuf;

use access::TokenError;
use interactive_sfu::SfuError;
use packager::NotServed;
use rooms::overflow::Reason;

/// A setting that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {sentence}")]
pub struct ConfigFault {
    /// The key of the setting, below `[api]`: `rooms_max`, `metrics.token`.
    pub key: &'static str,
    /// The rule that the setting breaks: "must be at least 1".
    pub sentence: String,
}

impl ConfigFault {
    pub(crate) fn new(key: &'static str, sentence: impl Into<String>) -> Self {
        Self { key, sentence: sentence.into() }
    }
}

/// Reasons why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("listening on {address}")]
    Bind {
        /// The address that cannot be had.
        address: std::net::SocketAddr,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
    /// The certificate or its key is no good.
    #[error("reading {}", path.display())]
    Certificate {
        /// The certificate's file, or its key's.
        path: PathBuf,
        /// The fault in it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The threads of the events sockets do not start.
    #[error("starting the events sockets")]
    EventsSockets(#[source] std::io::Error),
    /// The client that delivers webhooks cannot be made.
    #[error("preparing webhooks")]
    Webhooks(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Why a request is refused. `kind.rs` sorts these, [`crate::problem`] makes answers of them.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A request about a room or an ingress is refused, or the database fails.
    #[error(transparent)]
    Rooms(#[from] rooms::Error),
    /// Somebody who joins gets neither a seat nor the broadcast.
    #[error("{sentence}")]
    NoPlace {
        /// The word for programs.
        reason: Reason,
        /// Why, and what would change it.
        sentence: String,
        /// When to ask again, seconds.
        retry_after_s: u32,
    },
    /// The database does not answer at all.
    #[error("the database does not answer")]
    DatabaseDown,
    /// No media for this request.
    #[error("{0}")]
    NotServed(#[from] NotServed),
    /// The SFU refuses the request.
    #[error("{0}")]
    Sfu(#[from] SfuError),
    /// No bearer token where one is needed.
    #[error("this needs an Authorization: Bearer header")]
    TokenMissing,
    /// A token that does not verify.
    #[error("{0}")]
    Token(#[from] TokenError),
    /// A good token that does not allow this.
    #[error("{0}")]
    Forbidden(&'static str),
    /// No such path.
    #[error("there is nothing here")]
    NoRoute,
    /// The path is there, the method is not.
    #[error("this method is not for this path")]
    Method,
    /// The room has no broadcast (yet).
    #[error("this room is not live")]
    NoBroadcast,
    /// There is no key to sign a playback token with.
    #[error("there is no key to sign playback tokens with")]
    NoPlaybackKey,
    /// The body is of another type.
    #[error("the body must be {0}")]
    ContentType(&'static str),
    /// The body is longer than a limit.
    #[error("the body is longer than {0} bytes")]
    BodyTooLarge(usize),
    /// The body did not come in time, or broke off.
    #[error("the body did not arrive in time")]
    BodyLate,
    /// The body does not parse.
    #[error("{0}")]
    Malformed(String),
    /// The body parses, but asks for what cannot be.
    #[error("{0}")]
    Invalid(String),
    /// A Range that lies outside the object.
    #[error("the range lies outside the object")]
    RangeNotSatisfiable {
        /// Its length, bytes.
        length_bytes: usize,
    },
    /// Joins follow each other too fast.
    #[error("too many joins from this {by}; wait a little")]
    TooOften {
        /// `address` or `identity`.
        by: &'static str,
        /// The time until a join is allowed again, seconds.
        retry_after_s: u32,
    },
    /// Reports of players follow each other too fast.
    #[error("too many reports of players from this address; wait a little")]
    TooManyReports {
        /// The time until one is allowed again, seconds.
        retry_after_s: u32,
    },
    /// One address holds as many connections as it may.
    #[error("too many connections from this address")]
    TooManyConnections,
    /// One identity has as many events sockets in a room as it may.
    #[error("too many events sockets of this identity in this room")]
    TooManySockets,
    /// There are as many events sockets as there may be.
    #[error("the server has as many events sockets as it may")]
    EventsFull,
    /// A page of another origin than those that are allowed.
    #[error("pages of this origin may not open the events socket")]
    Origin,
    /// The server is shutting down.
    #[error("the server is shutting down")]
    ShuttingDown,
}
