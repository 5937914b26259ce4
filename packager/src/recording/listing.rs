//! The playlists of a recording.
//!
//! A playlist in the store names only what was stored: while the broadcast runs, the segments up to the first upload
//! that is still pending; at its end all of them, with EXT-X-GAP where one was lost or never made. Pure; m3u8-rs
//! writes. Driven by `recorder.rs`.

use chrono::{DateTime, Utc};
use m3u8_rs::{ExtTag, Map, MediaPlaylist, MediaPlaylistType, MediaSegment};

use super::Completed;
use crate::object::Object;

/// Stands in the head of a complete recording's playlist, and in no other that [`Listing`] writes.
const COMPLETE: &[u8] = b"\n#EXT-X-PLAYLIST-TYPE:VOD\n";

/// Whether a stored playlist that begins so is a complete recording's.
pub(super) fn is_complete(head: &[u8]) -> bool {
    head.windows(COMPLETE.len()).any(|window| window == COMPLETE)
}

/// The fate of a segment's upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Its upload is queued or under way.
    Pending,
    /// It is in the store.
    Stored,
    /// Its upload was given up.
    Lost,
    /// It has no bytes: some of its parts were never made.
    Gap,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    msn: u64,
    start: u64,
    starts_at: DateTime<Utc>,
    duration: u64,
    map: Option<u32>,
    discontinuity: bool,
    fate: Fate,
}

/// The segments of one rendition, from the broadcast's first: some 60 bytes each.
#[derive(Clone, Debug)]
pub(super) struct Listing {
    rendition: String,
    timescale: u32,
    target_duration_seconds: u32,
    entries: Vec<Entry>,
}

impl Listing {
    /// An empty listing; `timescale` is the rendition's, ticks a second.
    pub(super) fn new(rendition: &str, timescale: u32, target_duration_seconds: u32) -> Self {
        Self { rendition: rendition.to_owned(), timescale, target_duration_seconds, entries: Vec::new() }
    }

    /// Notes a completed segment.
    pub(super) fn add(&mut self, segment: &Completed) {
        self.entries.push(Entry {
            msn: segment.msn,
            start: segment.start,
            starts_at: segment.starts_at,
            duration: segment.duration,
            map: segment.map,
            discontinuity: segment.discontinuity,
            fate: if segment.bytes.is_some() { Fate::Pending } else { Fate::Gap },
        });
    }

    /// Notes the fate of a segment's upload.
    pub(super) fn settle(&mut self, msn: u64, fate: Fate) {
        if let Ok(index) = self.entries.binary_search_by_key(&msn, |entry| entry.msn) {
            self.entries[index].fate = fate;
        }
    }

    /// The plain playlist of a broadcast that still runs: the last `seconds` of the segments that are stored without a
    /// hole. `None`: no segment is stored yet.
    pub(super) fn running(&self, seconds: u32) -> Option<String> {
        let settled = self.entries.iter().position(|entry| entry.fate == Fate::Pending).unwrap_or(self.entries.len());
        let entries = &self.entries[..settled];
        let last = entries.last()?;
        let from = (last.start + last.duration).saturating_sub(u64::from(seconds) * u64::from(self.timescale));
        let first = entries.partition_point(|entry| entry.start < from);
        let skipped = entries[..first].iter().filter(|entry| entry.discontinuity).count();
        Some(self.write(&entries[first..], skipped as u64, false))
    }

    /// The playlist of the complete recording.
    pub(super) fn recording(&self) -> String {
        self.write(&self.entries, 0, true)
    }

    /// Whether any segment is not in the store.
    pub(super) fn has_holes(&self) -> bool {
        self.entries.iter().any(|entry| entry.fate != Fate::Stored)
    }

    /// Whether every segment that was made is in the store.
    pub(super) fn is_stored(&self) -> bool {
        self.entries.iter().all(|entry| matches!(entry.fate, Fate::Stored | Fate::Gap))
    }

    fn write(&self, entries: &[Entry], discontinuity_sequence: u64, ended: bool) -> String {
        let mut map = None;
        let segment = |entry: &Entry| {
            let new_map = entry.map.filter(|_| map != entry.map);
            map = entry.map;
            self.segment(entry, new_map)
        };
        let playlist = MediaPlaylist {
            version: Some(8),
            target_duration: self.target_duration_seconds.into(),
            media_sequence: entries.first().map_or(0, |entry| entry.msn),
            segments: entries.iter().map(segment).collect(),
            discontinuity_sequence,
            end_list: ended,
            playlist_type: ended.then_some(MediaPlaylistType::Vod),
            independent_segments: true,
            ..Default::default()
        };
        let mut text = Vec::new();
        // Writing into memory cannot fail.
        let _ = playlist.write_to(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    }

    fn segment(&self, entry: &Entry, new_map: Option<u32>) -> MediaSegment {
        let rendition = self.rendition.as_str();
        let gap = ExtTag { tag: "X-GAP".to_owned(), rest: None };
        let map_uri = |map| Object::Init { rendition, map }.to_string();
        MediaSegment {
            uri: Object::Segment { rendition, msn: entry.msn }.to_string(),
            duration: (entry.duration as f64 / f64::from(self.timescale)) as f32,
            discontinuity: entry.discontinuity,
            map: new_map.map(|map| Map { uri: map_uri(map), ..Default::default() }),
            program_date_time: Some(entry.starts_at.fixed_offset()),
            unknown_tags: if entry.fate == Fate::Stored { Vec::new() } else { vec![gap] },
            ..MediaSegment::empty()
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn listing(fates: &[Fate]) -> Listing {
        let mut listing = Listing::new("720p", 90_000, 2);
        for (msn, fate) in (0u64..).zip(fates) {
            let segment = Completed {
                msn,
                start: msn * 180_000,
                starts_at: DateTime::from_timestamp_millis(1_700_000_000_000 + msn as i64 * 2_000).unwrap(),
                duration: 180_000,
                map: Some(0),
                discontinuity: false,
                bytes: Some(Bytes::new()),
            };
            listing.add(&segment);
            listing.settle(msn, *fate);
        }
        listing
    }

    #[test]
    fn a_running_playlist_stops_before_the_first_pending_upload() {
        let listing = listing(&[Fate::Stored, Fate::Lost, Fate::Stored, Fate::Pending, Fate::Stored]);
        let text = listing.running(30).unwrap();
        let (_, parsed) = m3u8_rs::parse_media_playlist(text.as_bytes()).unwrap();
        let uris: Vec<_> = parsed.segments.iter().map(|segment| segment.uri.as_str()).collect();
        assert_eq!(uris, ["720p/0.m4s", "720p/1.m4s", "720p/2.m4s"]);
        assert!(!parsed.end_list && text.matches("#EXT-X-GAP").count() == 1, "{text}");
    }

    #[test]
    fn a_running_playlist_slides() {
        let text = listing(&[Fate::Stored; 10]).running(6).unwrap();
        let (_, parsed) = m3u8_rs::parse_media_playlist(text.as_bytes()).unwrap();
        assert_eq!((parsed.media_sequence, parsed.segments.len()), (7, 3));
        assert!(parsed.segments[0].map.is_some());
    }

    #[test]
    fn a_recording_is_a_valid_vod_with_gaps_for_what_was_lost() {
        let listing = listing(&[Fate::Stored, Fate::Lost, Fate::Pending, Fate::Stored]);
        let text = listing.recording();
        let (_, parsed) = m3u8_rs::parse_media_playlist(text.as_bytes()).unwrap();
        assert_eq!((parsed.segments.len(), parsed.playlist_type), (4, Some(MediaPlaylistType::Vod)));
        assert!(parsed.end_list && text.ends_with("#EXT-X-ENDLIST\n") && listing.has_holes());
        assert_eq!(text.matches("#EXT-X-GAP\n").count(), 2, "{text}");
        assert!(text.contains("#EXTINF:2"), "{text}");
        assert!(text.contains("#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:20"), "{text}");
    }

    #[test]
    fn complete_recording_is_recognised_by_its_first_lines() {
        let listing = listing(&[Fate::Stored; 3]);
        let complete = listing.recording();
        assert!(is_complete(&complete.as_bytes()[..200]) && !is_complete(listing.running(30).unwrap().as_bytes()));
    }

    #[test]
    fn gap_and_lost_upload_are_holes_and_only_the_lost_upload_counts_as_unstored() {
        for (fate, has_holes, is_stored) in [
            (Fate::Stored, false, true),
            (Fate::Gap, true, true),
            (Fate::Lost, true, false),
            (Fate::Pending, true, false),
        ] {
            let listing = listing(&[Fate::Stored, fate]);
            assert_eq!((listing.has_holes(), listing.is_stored()), (has_holes, is_stored), "{fate:?}");
        }
    }
}
