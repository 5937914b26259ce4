//! The answers to requests for objects, in memory or from the store. `api` makes HTTP responses of them.

use bytes::Bytes;

use crate::live::query::QueryError;
use crate::object::ObjectKind;
use crate::recording::Stored;

/// An object that can be sent.
#[derive(Debug)]
pub struct Served {
    /// Its kind: content type and cache policy follow from it.
    pub kind: ObjectKind,
    /// Its bytes, whole.
    pub body: Body,
    /// The same bytes, gzipped once for everybody who asks for them so. Playlists in memory only.
    pub gzip: Option<Bytes>,
}

/// The bytes of an object.
#[derive(Debug)]
pub enum Body {
    /// In memory, shared with everybody who is sent them.
    Held(Bytes),
    /// In the store, to be read piece by piece.
    Stored(Stored),
}

impl Body {
    /// Length of the whole object, bytes.
    pub fn length_bytes(&self) -> u64 {
        match self {
            Self::Held(bytes) => bytes.len() as u64,
            Self::Stored(stored) => stored.length_bytes(),
        }
    }
}

/// Reasons why a request gets no body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotServed {
    /// The query breaks the protocol's rules (400).
    #[error("{0}")]
    BadRequest(String),
    /// No such object, now or ever (404).
    #[error("no such object")]
    NotFound,
    /// Blocked longer than three target durations (503).
    #[error("the playlist did not advance in time")]
    TimedOut,
    /// Too many requests are waiting already (503).
    #[error("too many blocked requests")]
    TooManyWaiting,
    /// The store of recordings fails or does not answer in time, so whether the object exists is unknown (503).
    #[error("the store of recordings does not answer")]
    StoreDown,
}

impl From<QueryError> for NotServed {
    fn from(error: QueryError) -> Self {
        Self::BadRequest(error.to_string())
    }
}
