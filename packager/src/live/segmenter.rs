//! Access units of one rendition in, parts out.
//!
//! A part leaves with its LAST frame: whether another frame belongs to it follows from the grid, never from the next
//! frame's arrival. Every part lies on the grid; where the units do not, the segmenter bends their times by less than a
//! part, so that decode times never leap: each tfdt is the one before plus the durations between.
//!
//! Units that did not come leave a gap; after a gap video resumes at a keyframe. A keyframe that comes early opens no
//! segment, one that comes late is tolerated: the segment starts on the grid all the same, and its first part is then
//! not called independent. No I/O and no clock. Driven by `programme.rs`.

use std::time::Instant;

use bytes::Bytes;

use crate::cmaf::{self, Sample};
use crate::delivery::{AAC_FRAME_SAMPLES, AccessUnit, BroadcastSpec, RenditionSpec};
use crate::live::grid::Grid;
use crate::object::Position;

/// Units in one part; more come only from a broken clock.
const UNITS_PER_PART_MAX: usize = 512;
/// Bytes in one unit.
const UNIT_BYTES_MAX: usize = 16 << 20;
/// How far ahead of its rendition a unit may lie: ten minutes of quarter-second parts.
const PARTS_AHEAD_MAX: u64 = 2_400;

/// One part of one rendition, on its way to the window.
#[derive(Clone, Debug)]
pub struct Cut {
    /// The part's place in the programme.
    pub position: Position,
    /// Decode time of its first sample, ticks of the rendition.
    pub start: u64,
    /// Duration, ticks of the rendition.
    pub duration: u64,
    /// The bytes, unless it is a gap.
    pub media: Option<Media>,
}

/// The bytes of a part.
#[derive(Clone, Debug)]
pub struct Media {
    /// `[styp] moof mdat`.
    pub bytes: Bytes,
    /// It starts with a unit that is decodable on its own.
    pub independent: bool,
    /// When its last unit left the encoder.
    pub encoded_at: Instant,
}

/// Why a unit was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// It lies before the broadcast's first part, or before what is published already.
    Late,
    /// It is not later than its predecessor, is one more than a part can hold, is too large, or lies absurdly far
    /// ahead.
    Malformed,
    /// Something before it is missing, and it is no keyframe.
    AwaitingKeyframe,
    /// The decoder configuration changes with a segment that has not begun.
    AwaitingSegment,
}

/// The parts of one rendition.
#[derive(Debug)]
pub(crate) struct Segmenter {
    grid: Grid,
    audio: bool,
    timescale: u32,
    part_target: u64,
    /// Index of the part being filled.
    next: u64,
    /// End of the last part, ticks of the rendition.
    cursor: Option<u64>,
    pending: Vec<AccessUnit>,
    /// The next unit must be a keyframe.
    resuming: bool,
    /// Units of earlier parts are dropped.
    resume_from: u64,
    sequence: u32,
}

impl Segmenter {
    /// A segmenter for `rendition`, at the grid's first part.
    pub(crate) fn new(spec: &BroadcastSpec, rendition: &RenditionSpec, grid: Grid) -> Self {
        Self {
            grid,
            audio: rendition.is_audio(),
            timescale: rendition.timescale(),
            part_target: spec.part_target_ticks(rendition),
            next: 0,
            cursor: None,
            pending: Vec::new(),
            resuming: true,
            resume_from: 0,
            sequence: 0,
        }
    }

    /// Index of the first part that has not been cut.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// Whether a part is being filled.
    pub(crate) fn is_filling(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Takes a unit; pushes the parts that are complete with it.
    pub(crate) fn push(&mut self, unit: AccessUnit, out: &mut Vec<Cut>) -> Result<(), Dropped> {
        let part = self.place(&unit)?;
        if part > self.next && !self.pending.is_empty() {
            self.close_late(out);
        }
        // A lone missing part borrows the unit behind it: shown a little early, but no reference is lost. Not across
        // the start of a segment, which belongs to the keyframe.
        let bridges = part == self.next + 1 && !self.audio && !self.resuming && self.grid.position(part).part != 0;
        if part > self.next && !bridges {
            self.skip_to(part, out);
        }
        if part < self.resume_from {
            return Err(Dropped::AwaitingSegment);
        }
        if self.resuming && !unit.keyframe {
            return Err(Dropped::AwaitingKeyframe);
        }
        self.resuming = false;
        let next_middle = unit.time + u64::from(unit.duration) + u64::from(unit.duration / 2);
        self.pending.push(unit);
        if next_middle >= self.grid.part_start(self.next + 1, self.timescale) {
            self.close(out);
        }
        Ok(())
    }

    /// Publishes gaps up to part `part`, after whatever is being filled. Video then needs a keyframe.
    pub(crate) fn skip_to(&mut self, part: u64, out: &mut Vec<Cut>) {
        if part > self.next && !self.pending.is_empty() {
            self.close_late(out);
        }
        while self.next < part {
            let start = self.start_of_next(None);
            let end = self.gap_end(start);
            self.resuming = true;
            self.cut(start, end, None, out);
        }
    }

    /// Leaves the next part, which ends at `end`, to another rendition. Video then needs a keyframe.
    pub(crate) fn pass(&mut self, end: u64) {
        self.pending.clear();
        self.resuming = true;
        self.cursor = Some(end);
        self.next += 1;
    }

    /// Drops units until segment `msn`, which has another decoder configuration. The part that is being filled is
    /// published.
    pub(crate) fn restart_at(&mut self, msn: u64, out: &mut Vec<Cut>) {
        if !self.pending.is_empty() {
            self.close_late(out);
        }
        self.resume_from = msn * u64::from(self.grid.parts_per_segment());
        self.resuming = true;
    }

    /// Publishes the part that is being filled, as short as it is.
    pub(crate) fn finish(&mut self, out: &mut Vec<Cut>) {
        if let Some(last) = self.pending.last() {
            let end = last.time + u64::from(last.duration);
            self.close_at(end, out);
        }
    }

    /// The part a unit belongs to.
    fn place(&self, unit: &AccessUnit) -> Result<u64, Dropped> {
        let follows = self.pending.last().is_none_or(|last| unit.time > last.time);
        let sane = unit.time < 1 << 53 && (1..=1 << 24).contains(&unit.duration) && unit.data.len() <= UNIT_BYTES_MAX;
        if !follows || !sane || self.pending.len() >= UNITS_PER_PART_MAX {
            return Err(Dropped::Malformed);
        }
        let middle = unit.time + u64::from(unit.duration / 2);
        let part = self.grid.part_at(middle, self.timescale).ok_or(Dropped::Late)?;
        if part > self.next + PARTS_AHEAD_MAX {
            return Err(Dropped::Malformed);
        }
        // A frame that comes after its part was closed on the beat: the next part takes it, no reference is lost.
        if part + 1 == self.next && !self.resuming {
            return Ok(self.next);
        }
        if part < self.next { Err(Dropped::Late) } else { Ok(part) }
    }

    fn close(&mut self, out: &mut Vec<Cut>) {
        let grid_end = self.grid.part_start(self.next + 1, self.timescale);
        match self.pending.last() {
            Some(last) if self.audio => self.close_at(last.time + u64::from(last.duration), out),
            _ => self.close_at(grid_end, out),
        }
    }

    /// Its last frame never came: the one before stands in for it, so that the next part starts where it belongs.
    fn close_late(&mut self, out: &mut Vec<Cut>) {
        let start = self.start_of_next(self.pending.first().map(|first| first.time));
        self.close_at(self.gap_end(start), out);
    }

    /// Cuts the pending units as one part that ends at `end`, or a little off it if the units leave no other way.
    fn close_at(&mut self, end: u64, out: &mut Vec<Cut>) {
        let units = std::mem::take(&mut self.pending);
        let (Some(first), Some(last)) = (units.first(), units.last()) else { return };
        let (keyframe, encoded_at) = (first.keyframe, last.encoded_at);
        let start = self.start_of_next(Some(first.time));
        let end = end.clamp(start + units.len() as u64, (start + self.part_target).max(start + units.len() as u64));
        let samples = lay_out(units, start, end);
        let opens_segment = self.grid.position(self.next).part == 0;
        let media = match cmaf::chunk(self.sequence, start, &samples, opens_segment) {
            Ok(bytes) => Some(Media { bytes, independent: keyframe, encoded_at }),
            Err(error) => {
                // Only a payload over 4 GiB can do this, and `place` lets none through.
                tracing::error!(%error, "part could not be written");
                None
            }
        };
        self.sequence = self.sequence.wrapping_add(1);
        self.cut(start, end, media, out);
    }

    fn cut(&mut self, start: u64, end: u64, media: Option<Media>, out: &mut Vec<Cut>) {
        out.push(Cut { position: self.grid.position(self.next), start, duration: end - start, media });
        self.cursor = Some(end);
        self.next += 1;
    }

    /// The start of the next part: the end of the last. The broadcast's first audio part starts with its first frame.
    fn start_of_next(&self, first_time: Option<u64>) -> u64 {
        let grid_start = self.grid.part_start(self.next, self.timescale);
        let first = if self.audio { first_time.unwrap_or(grid_start) } else { grid_start };
        self.cursor.unwrap_or(first)
    }

    /// A gap of video fills its place in the grid; one of audio lasts as many AAC frames as would have fitted.
    fn gap_end(&self, start: u64) -> u64 {
        let grid_end = self.grid.part_start(self.next + 1, self.timescale);
        if !self.audio {
            return grid_end.max(start + 1);
        }
        let frame = u64::from(AAC_FRAME_SAMPLES);
        let frames = grid_end.saturating_sub(start + frame / 2).div_ceil(frame);
        start + frames.clamp(1, self.part_target / frame) * frame
    }
}

/// Gives each unit the stretch from its own time to its successor's, within `start..end`.
fn lay_out(units: Vec<AccessUnit>, start: u64, end: u64) -> Vec<Sample> {
    let count = units.len() as u64;
    let mut starts = Vec::with_capacity(units.len() + 1);
    let mut earliest = start;
    for (at, unit) in units.iter().enumerate() {
        // Every unit behind this one still needs a tick of its own.
        let latest = end - (count - at as u64);
        let begin = if at == 0 { start } else { unit.time.clamp(earliest, latest) };
        starts.push(begin);
        earliest = begin + 1;
    }
    starts.push(end);
    let sample = |(unit, times): (AccessUnit, &[u64])| Sample {
        duration: (times[1] - times[0]) as u32,
        sync: unit.keyframe,
        data: unit.data,
    };
    units.into_iter().zip(starts.windows(2)).map(sample).collect()
}

#[cfg(test)]
mod tests;
