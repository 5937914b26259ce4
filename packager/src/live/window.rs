//! One rendition's live window: the segments that its playlist lists, and the bytes that are kept.
//!
//! A segment leaves the playlist when the rest is long enough without it; its bytes stay for another playlist's length
//! and one segment more, so that no player that still holds the older playlist is refused (RFC 8216 §6.2.2). A finished
//! segment is laid out once in memory and its parts become slices of it. No I/O and no clock. Driven by `run.rs`, read
//! by `origin.rs`.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::{Bytes, BytesMut};

use crate::delivery::{BroadcastSpec, RenditionSpec};
use crate::live::lending::Source;
use crate::live::segmenter::Cut;
use crate::object::Position;

/// One part in the window.
#[derive(Clone, Debug)]
pub struct Part {
    /// Duration, ticks of the rendition.
    pub duration: u64,
    /// Whether it starts with a keyframe.
    pub independent: bool,
    /// Whether there are no bytes anywhere.
    pub gap: bool,
    /// Its bytes; `None`: a gap, or lent.
    pub bytes: Option<Bytes>,
}

/// One segment in the window; the last may still be growing.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Media sequence number.
    pub msn: u64,
    /// Decode time of its first sample, ticks.
    pub start: u64,
    /// Duration of the parts so far, ticks.
    pub duration: u64,
    /// The media it consists of.
    pub source: Source,
    /// Whether EXT-X-DISCONTINUITY stands before it.
    pub discontinuity: bool,
    /// Its parts so far.
    pub parts: Vec<Part>,
    /// Whether it has all its parts.
    pub complete: bool,
    /// All its bytes, once complete and without a gap; `None` if they are lent.
    pub bytes: Option<Bytes>,
}

impl Segment {
    /// Whether any of its parts is missing (it then carries EXT-X-GAP).
    pub fn has_gap(&self) -> bool {
        self.parts.iter().any(|part| part.gap)
    }
}

/// The progress of a rendition, which decides about blocking requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RenditionProgress {
    /// The first part that has not been published.
    pub next: Position,
    /// Whether the playlist has EXT-X-ENDLIST.
    pub ended: bool,
}

/// How much a playlist lists, seconds: what is configured, but never under six target durations.
pub(crate) fn listed_seconds(spec: &BroadcastSpec, playlist_seconds: u32) -> u32 {
    playlist_seconds.max(6 * spec.target_duration_seconds())
}

/// A rendition's window.
#[derive(Clone, Debug)]
pub struct Window {
    timescale: u32,
    /// Name of the rendition whose media stand in while this one rests.
    lender: String,
    parts_per_segment: u32,
    playlist_ticks: u64,
    segments: VecDeque<Segment>,
    /// How many segments at the front are kept but no longer listed.
    unlisted: usize,
    /// The media of the next part.
    next_source: Source,
    discontinuity_sequence: u64,
    inits: VecDeque<(u32, Bytes)>,
    ended: bool,
}

impl Window {
    /// An empty window that lists `playlist_seconds`, but never under six target durations.
    pub fn new(spec: &BroadcastSpec, rendition: &RenditionSpec, playlist_seconds: u32) -> Self {
        let seconds = listed_seconds(spec, playlist_seconds);
        Self {
            timescale: rendition.timescale(),
            lender: spec.lender().and_then(|id| spec.renditions.get(id.0)).map_or_else(String::new, |r| r.name.clone()),
            parts_per_segment: spec.parts_per_segment(),
            playlist_ticks: u64::from(seconds) * u64::from(rendition.timescale()),
            segments: VecDeque::new(),
            unlisted: 0,
            next_source: Source::default(),
            discontinuity_sequence: 0,
            inits: VecDeque::new(),
            ended: false,
        }
    }

    /// Ticks a second.
    pub fn timescale(&self) -> u32 {
        self.timescale
    }

    /// EXT-X-DISCONTINUITY-SEQUENCE.
    pub fn discontinuity_sequence(&self) -> u64 {
        self.discontinuity_sequence
    }

    /// Name of the rendition whose media are lent to this one.
    pub fn lender(&self) -> &str {
        &self.lender
    }

    /// The media of the part after the last, as far as is known.
    pub fn next_source(&self) -> Source {
        self.next_source
    }

    /// Keeps an init segment.
    pub fn add_init(&mut self, map: u32, bytes: Bytes) {
        self.inits.push_back((map, bytes));
    }

    /// Appends a part of `source`, after which one of `next` will follow; answers with the segment that it completes.
    pub fn push(&mut self, source: Source, next: Source, discontinuity: bool, cut: &Cut) -> Option<Segment> {
        let Position { msn, part } = cut.position;
        self.next_source = next;
        if part == 0 || self.segments.is_empty() {
            self.segments.push_back(Segment {
                msn,
                start: cut.start,
                duration: 0,
                source,
                discontinuity,
                parts: Vec::with_capacity(self.parts_per_segment as usize),
                complete: false,
                bytes: None,
            });
        }
        let segment = self.segments.back_mut()?;
        segment.duration += cut.duration;
        segment.parts.push(Part {
            duration: cut.duration,
            independent: cut.media.as_ref().is_some_and(|media| media.independent),
            gap: cut.media.is_none(),
            bytes: cut.media.as_ref().filter(|_| !source.lent).map(|media| media.bytes.clone()),
        });
        if part + 1 < self.parts_per_segment {
            return None;
        }
        complete(segment);
        let completed = segment.clone();
        self.trim();
        Some(completed)
    }

    /// Ends the playlist; answers with the last segment if it was still growing.
    pub fn end(&mut self) -> Option<Segment> {
        self.ended = true;
        let last = self.segments.back_mut().filter(|segment| !segment.complete)?;
        complete(last);
        Some(last.clone())
    }

    /// The rendition's progress.
    pub fn progress(&self) -> RenditionProgress {
        let next = self.segments.back().map_or(Position::default(), |last| {
            if last.complete {
                return Position { msn: last.msn + 1, part: 0 };
            }
            Position { msn: last.msn, part: last.parts.len() as u32 }
        });
        RenditionProgress { next, ended: self.ended }
    }

    /// The segments in the playlist, oldest first; the last may be growing.
    pub fn listed(&self) -> impl DoubleEndedIterator<Item = &Segment> + Clone {
        self.segments.range(self.unlisted..)
    }

    /// How many complete segments the playlist lists.
    pub fn listed_complete(&self) -> usize {
        self.listed().filter(|segment| segment.complete).count()
    }

    /// The bytes of a whole segment.
    pub fn segment(&self, msn: u64) -> Option<Bytes> {
        self.find(msn)?.bytes.clone()
    }

    /// The bytes of a part.
    pub fn part(&self, at: Position) -> Option<Bytes> {
        self.find(at.msn)?.parts.get(at.part as usize)?.bytes.clone()
    }

    /// The bytes of an init segment.
    pub fn init(&self, map: u32) -> Option<Bytes> {
        self.inits.iter().find(|(number, _)| *number == map).map(|(_, bytes)| bytes.clone())
    }

    /// End of the last part, ticks.
    pub fn live_edge(&self) -> Option<u64> {
        self.segments.back().map(|last| last.start + last.duration)
    }

    /// Lets all bytes go. Afterwards no segment is listed.
    pub fn release(&mut self) {
        self.segments.clear();
        self.inits.clear();
        self.unlisted = 0;
    }

    fn find(&self, msn: u64) -> Option<&Segment> {
        let first = self.segments.front()?.msn;
        self.segments.get(usize::try_from(msn.checked_sub(first)?).ok()?)
    }

    fn trim(&mut self) {
        let mut listed: u64 = self.listed().map(|segment| segment.duration).sum();
        while let Some(oldest) = self.segments.get(self.unlisted)
            && listed - oldest.duration >= self.playlist_ticks
        {
            listed -= oldest.duration;
            self.discontinuity_sequence += u64::from(oldest.discontinuity);
            self.unlisted += 1;
        }
        let mut kept: u64 = self.segments.range(..self.unlisted).map(|segment| segment.duration).sum();
        while let Some(oldest) = self.segments.front()
            && kept > self.playlist_ticks + 2 * oldest.duration
        {
            kept -= oldest.duration;
            self.unlisted -= 1;
            self.segments.pop_front();
        }
        let mut own = self.segments.iter().filter(|segment| !segment.source.lent);
        let oldest_map = own.find_map(|segment| segment.source.map);
        while let Some((map, _)) = self.inits.front()
            && oldest_map.is_some_and(|oldest| *map < oldest)
        {
            self.inits.pop_front();
        }
    }
}

/// Lays the parts out in one buffer, which they share from then on.
fn complete(segment: &mut Segment) {
    segment.complete = true;
    if segment.has_gap() || segment.source.lent {
        return;
    }
    let mut all = BytesMut::with_capacity(segment.parts.iter().flat_map(|part| &part.bytes).map(Bytes::len).sum());
    let mut ranges: Vec<Range<usize>> = Vec::with_capacity(segment.parts.len());
    for bytes in segment.parts.iter().flat_map(|part| &part.bytes) {
        let from = all.len();
        all.extend_from_slice(bytes);
        ranges.push(from..all.len());
    }
    let all = all.freeze();
    for (part, range) in segment.parts.iter_mut().zip(ranges) {
        part.bytes = Some(all.slice(range));
    }
    segment.bytes = Some(all);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{spec, window};

    #[test]
    fn segment_stays_fetchable_one_playlist_length_after_it_was_unlisted() {
        // 12 s are listed: six segments. Another six and one more are kept.
        let spec = spec();
        let window = window(&spec, 12, 40);
        let listed: Vec<_> = window.listed().map(|segment| segment.msn).collect();
        assert_eq!(listed, (34..40).collect::<Vec<_>>());
        assert!((27..40).all(|msn| window.segment(msn).is_some()));
        assert!(window.segment(20).is_none(), "memory is bounded");
        assert!(window.init(0).is_some());
    }

    #[test]
    fn a_finished_segment_and_its_parts_share_one_buffer() {
        let window = window(&spec(), 12, 3);
        let (whole, part) = (window.segment(1).unwrap(), window.part(Position { msn: 1, part: 4 }).unwrap());
        assert!(whole.as_ptr_range().contains(&part.as_ptr()));
    }
}
