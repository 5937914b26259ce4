//! What can go wrong here, and what we were doing at the time.

use std::path::PathBuf;

use access::TokenError;
use interactive_sfu::SfuError;
use packager::origin::NotServed;

/// Why a request is refused, or the server cannot start. [`crate::problem`] makes answers of these.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration contradicts itself.
    #[error("{0}")]
    Config(String),
    /// A socket could not be had.
    #[error("listening on {address}")]
    Bind {
        /// Where.
        address: std::net::SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The certificate or its key is no good.
    #[error("reading {}", path.display())]
    Certificate {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The database file could not be opened.
    #[error("opening the database {}", path.display())]
    OpenDatabase {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A statement failed.
    #[error("asking the database")]
    Database(#[source] sqlx::Error),
    /// The database does not answer at all.
    #[error("the database does not answer")]
    DatabaseDown,

    /// No media for this request.
    #[error("{0}")]
    NotServed(#[from] NotServed),
    /// The SFU refuses.
    #[error("{0}")]
    Sfu(#[from] SfuError),
    /// No bearer token where one is needed.
    #[error("this needs an Authorization: Bearer header")]
    TokenMissing,
    /// A token that does not verify.
    #[error("{0}")]
    Token(#[from] TokenError),
    /// A good token of an ingress that was deleted.
    #[error("the ingress that this token is the key of was deleted")]
    IngressDeleted,
    /// A good token that does not allow this.
    #[error("{0}")]
    Forbidden(&'static str),
    /// No such path.
    #[error("there is nothing here")]
    NoRoute,
    /// The path is there, the method is not.
    #[error("this method is not for this path")]
    Method,
    /// No such room.
    #[error("no such room")]
    UnknownRoom,
    /// The room has no broadcast (yet).
    #[error("this room is not live")]
    NoBroadcast,
    /// A room of that name exists.
    #[error("a room of that name exists")]
    RoomExists,
    /// The limit of rooms is reached.
    #[error("there may be no more than {0} rooms")]
    TooManyRooms(u32),
    /// No such ingress.
    #[error("no such ingress")]
    UnknownIngress,
    /// The limit of ingresses is reached.
    #[error("there may be no more than {0} ingresses")]
    TooManyIngresses(u32),
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
        /// How long, seconds.
        retry_after_s: u32,
    },
    /// One address holds as many connections as it may.
    #[error("too many connections from this address")]
    TooManyConnections,
    /// The queue of orders to the broadcasts is full.
    #[error("too many changes are pending")]
    Busy,
    /// The server is shutting down.
    #[error("the server is shutting down")]
    ShuttingDown,
}
