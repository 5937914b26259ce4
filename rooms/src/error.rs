//! What can go wrong with rooms.

use std::path::PathBuf;

/// Why a room or an ingress cannot be had, made or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database file could not be opened.
    #[error("opening the database {}", path.display())]
    OpenDatabase {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A statement failed.
    #[error("asking the database")]
    Database(#[source] sqlx::Error),
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
    /// Those who follow the changes have as many to read as may wait.
    #[error("too many changes are pending")]
    Busy,
    /// The process ends.
    #[error("the server is shutting down")]
    ShuttingDown,
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}
