//! What can go wrong with rooms.

use crate::failure::Failure;

/// Why a room or an ingress cannot be had, made or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database could not be opened.
    #[error("opening the database {database}")]
    OpenDatabase {
        /// The file or the server, without its password.
        database: String,
        /// The reason.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A statement failed.
    #[error("asking the database")]
    Database(#[source] sqlx::Error),
    /// The database cannot do it just now, and may soon: it is not reached, starts or ends, or is full.
    #[error("the database does not answer")]
    DatabaseDown(#[source] sqlx::Error),
    /// No such room.
    #[error("no such room")]
    UnknownRoom,
    /// A room of that name exists.
    #[error("a room of that name exists")]
    RoomExists,
    /// The limit of rooms is reached.
    #[error("there may be no more than {0} rooms")]
    TooManyRooms(u32),
    /// No such ingress.
    #[error("no such ingress")]
    UnknownIngress,
    /// The ingress by whose key somebody would enter a room was deleted.
    #[error("the ingress that this token is the key of was deleted")]
    IngressDeleted,
    /// The limit of ingresses is reached.
    #[error("there may be no more than {0} ingresses")]
    TooManyIngresses(u32),
    /// A setting that cannot be.
    #[error("{0}")]
    Invalid(String),
    /// Those who follow the changes have as many to read as may wait, or changes wait for each other too long.
    #[error("too many changes are pending")]
    Busy,
    /// The process ends.
    #[error("the server is shutting down")]
    ShuttingDown,
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match Failure::of(&error) {
            Failure::Passing | Failure::Conflict => Self::DatabaseDown(error),
            Failure::Fault => Self::Database(error),
        }
    }
}

impl Error {
    /// The transaction met another, and would succeed if it were tried again.
    pub(crate) fn is_conflict(&self) -> bool {
        matches!(self, Self::DatabaseDown(error) if Failure::of(error) == Failure::Conflict)
    }

    /// Whether the database did it is not known: its answer may have been lost.
    pub(crate) fn leaves_doubt(&self) -> bool {
        matches!(self, Self::DatabaseDown(_) | Self::Database(_))
    }
}
