//! ONE cache policy: the origin's headers and every edge's configuration are printed from it.
//!
//! A playlist that was asked for with delivery directives has a URL of its own for every state, so it may be cached
//! long; the bare one changes in place and may not. Media URIs carry the broadcast's epoch and never change; those of
//! a recording are the ones that it had live. A "not yet" must be forgotten at once, or a cache would keep answering it
//! after the object exists; a store that is down says nothing about its objects, so its 503 is kept by no cache.
//!
//! Pure: no clock, no I/O, no other crate. `api` asks it for headers, and so does whatever prints an edge's
//! configuration.

use std::time::Duration;

/// A year: the longest lifetime caches honour (RFC 9111 §1.2.2 advises no more).
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
/// How long a cache may repeat a bare media playlist.
const BARE_PLAYLIST_MAX: Duration = Duration::from_millis(500);
/// The multivariant playlist changes only when a rendition's codec does, or when the epoch turns over.
const MULTIVARIANT: Duration = Duration::from_secs(5);
/// An ended playlist never changes, but a room's stable entry may start a new broadcast.
const ENDED: Duration = Duration::from_secs(3600);
/// The stored playlist of a broadcast that runs elsewhere grows by a segment at a time; that of one that broke off may
/// be completed.
const UNFINISHED: Duration = Duration::from_secs(1);
/// 400 and 404 for what may exist a moment later.
const NOT_YET: Duration = Duration::from_secs(1);

/// The class of a response, by which a cache decides how long to keep it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CacheClass {
    /// The multivariant playlist, `index.m3u8`.
    Multivariant,
    /// A media playlist that was asked for with `_HLS_msn`: its URL names one state of the playlist.
    BlockingPlaylist,
    /// A media playlist without delivery directives: the same URL changes with every part.
    BarePlaylist,
    /// Init segment, segment or part. The epoch is in the URI, so the bytes never change.
    Media,
    /// A media playlist with EXT-X-ENDLIST.
    EndedPlaylist,
    /// The multivariant playlist of a recording, which is written once.
    RecordingMultivariant,
    /// A media playlist of a complete recording.
    RecordingPlaylist,
    /// A stored media playlist without EXT-X-ENDLIST: its broadcast still runs, or broke off.
    UnfinishedPlaylist,
    /// Init segment or segment of a recording, under the URI that it had live.
    RecordingMedia,
    /// 404 for an object that may come to exist.
    NotFoundYet,
    /// 400 for directives that lie too far ahead now, and may not in a second.
    BadRequest,
    /// 503 and everything that must not be stored.
    NoStore,
}

impl CacheClass {
    /// Every class, in the order in which tables are printed.
    pub const ALL: [Self; 12] = [
        Self::Multivariant,
        Self::BlockingPlaylist,
        Self::BarePlaylist,
        Self::Media,
        Self::EndedPlaylist,
        Self::RecordingMultivariant,
        Self::RecordingPlaylist,
        Self::UnfinishedPlaylist,
        Self::RecordingMedia,
        Self::NotFoundYet,
        Self::BadRequest,
        Self::NoStore,
    ];

    /// How long a shared cache may answer from its copy. Zero: not at all.
    pub fn ttl(self, target_duration: Duration) -> Duration {
        match self {
            Self::Multivariant => MULTIVARIANT,
            Self::BlockingPlaylist => target_duration * 6,
            Self::BarePlaylist => BARE_PLAYLIST_MAX.min(target_duration / 2),
            Self::Media | Self::RecordingMedia => YEAR,
            Self::EndedPlaylist | Self::RecordingMultivariant | Self::RecordingPlaylist => ENDED,
            Self::UnfinishedPlaylist => UNFINISHED,
            Self::NotFoundYet | Self::BadRequest => NOT_YET,
            Self::NoStore => Duration::ZERO,
        }
    }

    /// The value of `Cache-Control` (RFC 9111 §5.2) of a response that anybody may have.
    ///
    /// HTTP counts in whole seconds, so a lifetime under one second becomes `max-age=1` here, while an edge that is
    /// configured from [`CacheClass::ttl`] can keep to the finer figure.
    pub fn cache_control(self, target_duration: Duration) -> String {
        let ttl = self.ttl(target_duration);
        if ttl.is_zero() {
            return "no-store".to_owned();
        }
        let max_age_seconds = ttl.as_secs().max(1);
        match self {
            Self::Media | Self::RecordingMedia => format!("public, max-age={max_age_seconds}, immutable"),
            _ => format!("public, max-age={max_age_seconds}"),
        }
    }

    /// The value of `Cache-Control` of a response to a playback token.
    ///
    /// The token is a part of the URL, so a shared cache that knows nothing of tokens answers from its copy those alone
    /// who show the same token, and not for longer than it holds. Of a token for some addresses no shared cache keeps
    /// anything: it would not look at the address.
    pub fn cache_control_for_token(self, target_duration: Duration, token: TokenBounds) -> String {
        let max_age_seconds = self.ttl(target_duration).as_secs().max(1).min(token.remaining.as_secs());
        if self == Self::NoStore || max_age_seconds == 0 {
            return "no-store".to_owned();
        }
        let stored_by = if token.one_address { "private" } else { "public" };
        match self {
            Self::Media | Self::RecordingMedia => format!("{stored_by}, max-age={max_age_seconds}, immutable"),
            _ => format!("{stored_by}, max-age={max_age_seconds}"),
        }
    }
}

/// The bounds of a playback token, as caches must keep to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenBounds {
    /// The time until the token expires.
    pub remaining: Duration,
    /// Whether the token holds for some addresses alone.
    pub one_address: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_its_lifetime_and_header() {
        let table = [
            (CacheClass::Multivariant, 5_000, "public, max-age=5"),
            (CacheClass::BlockingPlaylist, 12_000, "public, max-age=12"),
            (CacheClass::BarePlaylist, 500, "public, max-age=1"),
            (CacheClass::Media, 31_536_000_000, "public, max-age=31536000, immutable"),
            (CacheClass::EndedPlaylist, 3_600_000, "public, max-age=3600"),
            (CacheClass::RecordingMultivariant, 3_600_000, "public, max-age=3600"),
            (CacheClass::RecordingPlaylist, 3_600_000, "public, max-age=3600"),
            (CacheClass::UnfinishedPlaylist, 1_000, "public, max-age=1"),
            (CacheClass::RecordingMedia, 31_536_000_000, "public, max-age=31536000, immutable"),
            (CacheClass::NotFoundYet, 1_000, "public, max-age=1"),
            (CacheClass::BadRequest, 1_000, "public, max-age=1"),
            (CacheClass::NoStore, 0, "no-store"),
        ];
        assert_eq!(table.map(|(class, ..)| class), CacheClass::ALL);
        for (class, ttl_ms, header) in table {
            let target_duration = Duration::from_secs(2);
            assert_eq!(class.ttl(target_duration), Duration::from_millis(ttl_ms), "{class:?}");
            assert_eq!(class.cache_control(target_duration), header, "{class:?}");
        }
    }

    #[test]
    fn no_copy_outlives_the_token_that_it_was_fetched_with() {
        let target_duration = Duration::from_secs(2);
        let bounds = |seconds, one_address| TokenBounds { remaining: Duration::from_secs(seconds), one_address };
        for (class, token, header) in [
            (CacheClass::Media, bounds(3600, false), "public, max-age=3600, immutable"),
            (CacheClass::Media, bounds(40_000_000, false), "public, max-age=31536000, immutable"),
            (CacheClass::Media, bounds(3600, true), "private, max-age=3600, immutable"),
            (CacheClass::RecordingMedia, bounds(3600, false), "public, max-age=3600, immutable"),
            (CacheClass::Multivariant, bounds(3600, false), "public, max-age=5"),
            (CacheClass::BlockingPlaylist, bounds(7, false), "public, max-age=7"),
            (CacheClass::BarePlaylist, bounds(7, true), "private, max-age=1"),
            (CacheClass::BarePlaylist, bounds(0, false), "no-store"),
            (CacheClass::NoStore, bounds(3600, false), "no-store"),
        ] {
            assert_eq!(class.cache_control_for_token(target_duration, token), header, "{class:?} {token:?}");
        }
    }

    #[test]
    fn a_bare_playlist_is_never_older_than_half_a_target_duration() {
        for target_duration_ms in [200, 500, 1_000, 2_000, 6_000] {
            let target_duration = Duration::from_millis(target_duration_ms);
            assert!(CacheClass::BarePlaylist.ttl(target_duration) <= target_duration / 2);
        }
    }

    #[test]
    fn what_does_not_exist_yet_is_forgotten_within_a_second() {
        for class in [CacheClass::NotFoundYet, CacheClass::BadRequest, CacheClass::NoStore] {
            assert!(class.ttl(Duration::from_secs(6)) <= Duration::from_secs(1), "{class:?}");
        }
    }
}
