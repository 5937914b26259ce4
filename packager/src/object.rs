//! The keys of objects: the paths below `/live/{room}/`, the URIs in playlists and the names in the store.
//!
//! All three have one form, which this file alone reads and prints. A key says what kind of object it names, so a file
//! name is looked at once. Pure, and safe on any input. Driven by `live/origin.rs`, `recording/` and the writers of
//! playlists.

use std::fmt;

use crate::delivery::AUDIO_RENDITION;
use crate::epoch;

/// A longer path names no object, bytes: an epoch, a rendition, and two numbers of at most 20 digits fit.
const PATH_BYTES_MAX: usize = 96;
/// Names the multivariant playlist, of a room and of a broadcast. No rendition is called `index`.
const MULTIVARIANT: &str = "index.m3u8";

/// A part's place: the media sequence number of its segment, and its index in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position {
    /// Media sequence number.
    pub msn: u64,
    /// Index of the part in its segment, from 0.
    pub part: u32,
}

/// An object of one broadcast. Prints as its path below the broadcast's folder, which is its URI in media playlists:
/// `720p/17.m4s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Object<'a> {
    /// `index.m3u8`: the multivariant playlist.
    Multivariant,
    /// `{rendition}.m3u8`: a media playlist.
    Playlist {
        /// Name of the rendition.
        rendition: &'a str,
    },
    /// `{rendition}/init-{map}.mp4`: an init segment.
    Init {
        /// Name of the rendition.
        rendition: &'a str,
        /// Number of the init segment, from 0.
        map: u32,
    },
    /// `{rendition}/{msn}.m4s`: a segment.
    Segment {
        /// Name of the rendition.
        rendition: &'a str,
        /// Media sequence number.
        msn: u64,
    },
    /// `{rendition}/{msn}.{part}.m4s`: a part of a segment.
    Part {
        /// Name of the rendition.
        rendition: &'a str,
        /// The part's place.
        at: Position,
    },
}

/// An object of a room: `{epoch}/` and an [`Object`], or the room's own `index.m3u8`. Prints as the path that
/// [`ObjectKey::parse`] reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ObjectKey<'a> {
    /// `None` for the room's entry alone.
    epoch: Option<&'a str>,
    object: Object<'a>,
}

/// The kind of an object, which decides about its content type and how long caches keep it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectKind {
    /// The multivariant playlist of the running broadcast.
    Multivariant,
    /// A media playlist that was asked for with `_HLS_msn`.
    BlockingPlaylist,
    /// A media playlist without delivery directives.
    BarePlaylist,
    /// A playlist with EXT-X-ENDLIST, of a broadcast in memory.
    EndedPlaylist,
    /// An init segment, a segment or a part of fMP4 video.
    VideoMedia,
    /// The same of audio.
    AudioMedia,
    /// The multivariant playlist of a recording.
    RecordingMultivariant,
    /// A media playlist of a complete recording, with EXT-X-ENDLIST.
    RecordingPlaylist,
    /// A stored media playlist without EXT-X-ENDLIST: its broadcast still runs, or broke off.
    UnfinishedPlaylist,
    /// An init segment or a segment of video, from the store.
    RecordingVideo,
    /// The same of audio.
    RecordingAudio,
}

impl<'a> Object<'a> {
    /// The kind of a broadcast's answer from memory, to a request without delivery directives.
    pub fn live_kind(self) -> ObjectKind {
        match self {
            Self::Multivariant => ObjectKind::Multivariant,
            Self::Playlist { .. } => ObjectKind::BarePlaylist,
            Self::Init { .. } | Self::Segment { .. } | Self::Part { .. } if self.is_audio() => ObjectKind::AudioMedia,
            Self::Init { .. } | Self::Segment { .. } | Self::Part { .. } => ObjectKind::VideoMedia,
        }
    }

    /// The kind of the stored object under this key, once the recording is complete.
    pub fn recording_kind(self) -> ObjectKind {
        match self {
            Self::Multivariant => ObjectKind::RecordingMultivariant,
            Self::Playlist { .. } => ObjectKind::RecordingPlaylist,
            Self::Init { .. } | Self::Segment { .. } | Self::Part { .. } if self.is_audio() => {
                ObjectKind::RecordingAudio
            }
            Self::Init { .. } | Self::Segment { .. } | Self::Part { .. } => ObjectKind::RecordingVideo,
        }
    }

    fn is_audio(self) -> bool {
        match self {
            Self::Multivariant => false,
            Self::Playlist { rendition }
            | Self::Init { rendition, .. }
            | Self::Segment { rendition, .. }
            | Self::Part { rendition, .. } => rendition == AUDIO_RENDITION,
        }
    }

    /// Reads a path below a broadcast's folder whose characters have been checked.
    fn parse(path: &'a str) -> Option<Self> {
        if path == MULTIVARIANT {
            return Some(Self::Multivariant);
        }
        let is_name = |name: &str| !name.is_empty() && !name.contains(['.', '/']);
        if let Some(rendition) = path.strip_suffix(".m3u8") {
            return is_name(rendition).then_some(Self::Playlist { rendition });
        }
        let (rendition, file) = path.split_once('/')?;
        if !is_name(rendition) {
            return None;
        }
        if let Some(map) = file.strip_prefix("init-").and_then(|file| file.strip_suffix(".mp4")) {
            return Some(Self::Init { rendition, map: number(map)?.try_into().ok()? });
        }
        let stem = file.strip_suffix(".m4s")?;
        match stem.split_once('.') {
            None => Some(Self::Segment { rendition, msn: number(stem)? }),
            Some((msn, part)) => {
                let at = Position { msn: number(msn)?, part: number(part)?.try_into().ok()? };
                Some(Self::Part { rendition, at })
            }
        }
    }
}

impl fmt::Display for Object<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Multivariant => f.write_str(MULTIVARIANT),
            Self::Playlist { rendition } => write!(f, "{rendition}.m3u8"),
            Self::Init { rendition, map } => write!(f, "{rendition}/init-{map}.mp4"),
            Self::Segment { rendition, msn } => write!(f, "{rendition}/{msn}.m4s"),
            Self::Part { rendition, at } => write!(f, "{rendition}/{}.{}.m4s", at.msn, at.part),
        }
    }
}

impl<'a> ObjectKey<'a> {
    /// The room's stable entry, `index.m3u8`: the multivariant playlist of whichever broadcast runs.
    pub const ENTRY: ObjectKey<'static> = ObjectKey { epoch: None, object: Object::Multivariant };

    /// An object of the broadcast called `epoch`.
    pub fn new(epoch: &'a str, object: Object<'a>) -> Self {
        Self { epoch: Some(epoch), object }
    }

    /// Reads a path below `/live/{room}/`; anything not of the exact form names no object.
    pub fn parse(path: &'a str) -> Option<Self> {
        if path == MULTIVARIANT {
            return Some(Self::ENTRY);
        }
        let is_plain = |b: u8| b.is_ascii_digit() || b.is_ascii_lowercase() || b"-./".contains(&b);
        if path.len() > PATH_BYTES_MAX || !path.bytes().all(is_plain) {
            return None;
        }
        let (epoch, rest) = path.split_once('/')?;
        if epoch.is_empty() || epoch.contains(['.', '-']) {
            return None;
        }
        Some(Self::new(epoch, Object::parse(rest)?))
    }

    /// The broadcast that the object belongs to. `None`: the room's entry.
    pub fn epoch(self) -> Option<&'a str> {
        self.epoch
    }

    /// The object within its broadcast.
    pub fn object(self) -> Object<'a> {
        self.object
    }

    /// When its broadcast began, UTC, milliseconds since the Unix epoch. `None`: the room's entry, or no epoch of
    /// [`crate::epoch()`].
    pub fn began_at_utc_ms(self) -> Option<i64> {
        epoch::began_at_utc_ms(self.epoch?)
    }
}

impl fmt::Display for ObjectKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.epoch {
            Some(epoch) => write!(f, "{epoch}/{}", self.object),
            None => write!(f, "{}", self.object),
        }
    }
}

impl ObjectKind {
    /// Whether it is media rather than a playlist.
    pub fn is_media(self) -> bool {
        match self {
            Self::VideoMedia | Self::AudioMedia | Self::RecordingVideo | Self::RecordingAudio => true,
            Self::Multivariant
            | Self::BlockingPlaylist
            | Self::BarePlaylist
            | Self::EndedPlaylist
            | Self::RecordingMultivariant
            | Self::RecordingPlaylist
            | Self::UnfinishedPlaylist => false,
        }
    }

    /// Its media type (RFC 8216 §4, RFC 4337).
    pub fn content_type(self) -> &'static str {
        match self {
            Self::VideoMedia | Self::RecordingVideo => "video/mp4",
            Self::AudioMedia | Self::RecordingAudio => "audio/mp4",
            Self::Multivariant
            | Self::BlockingPlaylist
            | Self::BarePlaylist
            | Self::EndedPlaylist
            | Self::RecordingMultivariant
            | Self::RecordingPlaylist
            | Self::UnfinishedPlaylist => "application/vnd.apple.mpegurl",
        }
    }
}

/// A decimal number in its one spelling: a second one would be a second cache entry.
fn number(text: &str) -> Option<u64> {
    let canonical = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    canonical.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests;
