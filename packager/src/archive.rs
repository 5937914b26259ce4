//! What a recording lists.
//!
//! A playlist in the store names only what was stored: while the broadcast runs, the segments up to the first upload
//! that is still pending; at its end all of them, with EXT-X-GAP where one was lost or never made. Pure; m3u8-rs
//! writes. Driven by `store.rs`.

use m3u8_rs::{ExtTag, Map, MediaPlaylist, MediaPlaylistType, MediaSegment};

use crate::playlist::instant;
use crate::window::Segment;

/// What became of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Its upload is queued or under way.
    Pending,
    /// It is in the store.
    Stored,
    /// It was given up, or was a gap from the start.
    Lost,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    msn: u64,
    start: u64,
    duration: u64,
    map: Option<u32>,
    discontinuity: bool,
    fate: Fate,
}

/// The segments of one rendition, from the broadcast's first: some 50 bytes each.
#[derive(Clone, Debug)]
pub(crate) struct Archive {
    name: String,
    timescale: u32,
    target_duration_seconds: u32,
    entries: Vec<Entry>,
}

impl Archive {
    pub(crate) fn new(name: &str, timescale: u32, target_duration_seconds: u32) -> Self {
        Self { name: name.to_owned(), timescale, target_duration_seconds, entries: Vec::new() }
    }

    /// Notes a completed segment.
    pub(crate) fn add(&mut self, segment: &Segment) {
        self.entries.push(Entry {
            msn: segment.msn,
            start: segment.start,
            duration: segment.duration,
            map: segment.map,
            discontinuity: segment.discontinuity,
            fate: if segment.bytes.is_some() { Fate::Pending } else { Fate::Lost },
        });
    }

    /// Notes what became of it.
    pub(crate) fn settle(&mut self, msn: u64, fate: Fate) {
        if let Ok(at) = self.entries.binary_search_by_key(&msn, |entry| entry.msn) {
            self.entries[at].fate = fate;
        }
    }

    /// The plain playlist of a broadcast that still runs: the last `seconds` of what is stored without a hole in
    /// between.
    pub(crate) fn running(&self, zero_utc_ms: i64, seconds: u32) -> Option<String> {
        let settled = self.entries.iter().position(|entry| entry.fate == Fate::Pending).unwrap_or(self.entries.len());
        let entries = &self.entries[..settled];
        let last = entries.last()?;
        let from = (last.start + last.duration).saturating_sub(u64::from(seconds) * u64::from(self.timescale));
        let first = entries.partition_point(|entry| entry.start < from);
        let skipped = entries[..first].iter().filter(|entry| entry.discontinuity).count();
        Some(self.write(&entries[first..], skipped as u64, zero_utc_ms, false))
    }

    /// The recording.
    pub(crate) fn recording(&self, zero_utc_ms: i64) -> String {
        self.write(&self.entries, 0, zero_utc_ms, true)
    }

    /// Whether anything is not in the store.
    pub(crate) fn has_holes(&self) -> bool {
        self.entries.iter().any(|entry| entry.fate != Fate::Stored)
    }

    fn write(&self, entries: &[Entry], discontinuity_sequence: u64, zero_utc_ms: i64, ended: bool) -> String {
        let mut map = None;
        let segment = |entry: &Entry| {
            let new_map = entry.map.filter(|_| map != entry.map);
            map = entry.map;
            self.segment(entry, new_map, zero_utc_ms)
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

    fn segment(&self, entry: &Entry, new_map: Option<u32>, zero_utc_ms: i64) -> MediaSegment {
        let gap = ExtTag { tag: "X-GAP".to_owned(), rest: None };
        MediaSegment {
            uri: format!("{}/{}.m4s", self.name, entry.msn),
            duration: (entry.duration as f64 / f64::from(self.timescale)) as f32,
            discontinuity: entry.discontinuity,
            map: new_map.map(|map| Map { uri: format!("{}/init-{map}.mp4", self.name), ..Default::default() }),
            program_date_time: Some(instant(zero_utc_ms, entry.start, self.timescale).fixed_offset()),
            unknown_tags: if entry.fate == Fate::Stored { Vec::new() } else { vec![gap] },
            ..MediaSegment::empty()
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn archive(fates: &[Fate]) -> Archive {
        let mut archive = Archive::new("720p", 90_000, 2);
        for (msn, fate) in (0u64..).zip(fates) {
            let segment = Segment {
                msn,
                start: msn * 180_000,
                duration: 180_000,
                map: Some(0),
                discontinuity: false,
                parts: vec![],
                complete: true,
                bytes: Some(Bytes::new()),
            };
            archive.add(&segment);
            archive.settle(msn, *fate);
        }
        archive
    }

    #[test]
    fn a_running_playlist_stops_before_the_first_pending_upload() {
        let archive = archive(&[Fate::Stored, Fate::Lost, Fate::Stored, Fate::Pending, Fate::Stored]);
        let text = archive.running(0, 30).unwrap();
        let (_, parsed) = m3u8_rs::parse_media_playlist(text.as_bytes()).unwrap();
        let uris: Vec<_> = parsed.segments.iter().map(|segment| segment.uri.as_str()).collect();
        assert_eq!(uris, ["720p/0.m4s", "720p/1.m4s", "720p/2.m4s"]);
        assert!(!parsed.end_list && text.matches("#EXT-X-GAP").count() == 1, "{text}");
    }

    #[test]
    fn a_running_playlist_slides() {
        let text = archive(&[Fate::Stored; 10]).running(0, 6).unwrap();
        let (_, parsed) = m3u8_rs::parse_media_playlist(text.as_bytes()).unwrap();
        assert_eq!((parsed.media_sequence, parsed.segments.len()), (7, 3));
        assert!(parsed.segments[0].map.is_some());
    }

    #[test]
    fn a_recording_is_a_valid_vod_with_gaps_for_what_was_lost() {
        let archive = archive(&[Fate::Stored, Fate::Lost, Fate::Pending, Fate::Stored]);
        let text = archive.recording(1_700_000_000_000);
        let (_, parsed) = m3u8_rs::parse_media_playlist(text.as_bytes()).unwrap();
        assert_eq!((parsed.segments.len(), parsed.playlist_type), (4, Some(MediaPlaylistType::Vod)));
        assert!(parsed.end_list && text.ends_with("#EXT-X-ENDLIST\n") && archive.has_holes());
        assert_eq!(text.matches("#EXT-X-GAP\n").count(), 2, "{text}");
        assert!(text.contains("#EXTINF:2"), "{text}");
    }
}
