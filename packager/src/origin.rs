//! The read side: what does this request get, and when?
//!
//! Knows paths and queries, no HTTP: `api` maps [`Served`] and [`NotServed`] onto responses. Paths are relative to
//! `/live/{room}/`: `index.m3u8`, `{epoch}/720p.m3u8`, `{epoch}/720p/…`.

use bytes::Bytes;

/// A body that can be sent, and what kind of object it is (the cache policy hangs on that).
#[derive(Clone, Debug)]
pub struct Served {
    /// What it is.
    pub kind: ObjectKind,
    /// The body.
    pub body: Bytes,
    /// The same body, gzipped once for everybody who asks for it so. Playlists only.
    pub gzip: Option<Bytes>,
}

/// What kind of object a [`Served`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectKind {
    /// The multivariant playlist.
    Multivariant,
    /// A media playlist that was asked for with `_HLS_msn`.
    BlockingPlaylist,
    /// A media playlist without delivery directives.
    BarePlaylist,
    /// A playlist with EXT-X-ENDLIST.
    EndedPlaylist,
    /// An init segment, a segment or a part of fMP4 video.
    VideoMedia,
    /// The same of audio.
    AudioMedia,
}

/// Why a request gets no body.
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
}
