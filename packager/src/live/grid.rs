//! The grid of parts and segments that all renditions of a broadcast share.
//!
//! Part *n* covers the same stretch of programme in every rendition; a unit belongs to the part that holds its middle,
//! so that AAC frames, which fit no video boundary, go to the nearer side, and a frame that is a little off its beat
//! still lands where it was meant. Integers only, exact at any length of broadcast. Pure.

use crate::delivery::{BroadcastSpec, VIDEO_TIMESCALE};
use crate::object::Position;

/// The instants at which parts begin and end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grid {
    zero_ticks: u64,
    part_frames: u32,
    frames_per_second: u32,
    parts_per_segment: u32,
}

impl Grid {
    /// A grid whose first part starts at `zero_ticks` (90 kHz).
    pub(crate) fn new(spec: &BroadcastSpec, zero_ticks: u64) -> Self {
        Self {
            zero_ticks,
            part_frames: spec.part_frames,
            frames_per_second: spec.frames_per_second,
            parts_per_segment: spec.parts_per_segment(),
        }
    }

    /// Parts in a whole segment.
    pub(crate) fn parts_per_segment(&self) -> u32 {
        self.parts_per_segment
    }

    /// The instant at which part `part` (counted from the broadcast's first) starts, in `timescale`.
    pub(crate) fn part_start(&self, part: u64, timescale: u32) -> u64 {
        let frames = u128::from(part) * u128::from(self.part_frames) * u128::from(timescale);
        let offset = frames / u128::from(self.frames_per_second);
        (u128::from(self.zero(timescale)) + offset).min(u128::from(u64::MAX)) as u64
    }

    /// The part that holds the instant `time`; `None` before the first.
    pub(crate) fn part_at(&self, time: u64, timescale: u32) -> Option<u64> {
        let offset = u128::from(time.checked_sub(self.zero(timescale))?);
        let per_part = u128::from(self.part_frames) * u128::from(timescale);
        // The largest n with floor(n × per_part / fps) ≤ offset.
        let above = ((offset + 1) * u128::from(self.frames_per_second)).div_ceil(per_part);
        Some(above.saturating_sub(1).min(u128::from(u64::MAX)) as u64)
    }

    /// The position of part `part`: its segment and its index in it.
    pub(crate) fn position(&self, part: u64) -> Position {
        let per_segment = u64::from(self.parts_per_segment);
        Position { msn: part / per_segment, part: (part % per_segment) as u32 }
    }

    /// The part at a position.
    pub(crate) fn index(&self, at: Position) -> u64 {
        at.msn.saturating_mul(u64::from(self.parts_per_segment)).saturating_add(u64::from(at.part))
    }

    /// The first segment that begins at part `part` or later.
    pub(crate) fn segment_from(&self, part: u64) -> u64 {
        part.div_ceil(u64::from(self.parts_per_segment))
    }

    fn zero(&self, timescale: u32) -> u64 {
        let scaled = u128::from(self.zero_ticks) * u128::from(timescale) / u128::from(VIDEO_TIMESCALE);
        scaled.min(u128::from(u64::MAX)) as u64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::spec;

    proptest! {
        #[test]
        fn an_instant_lies_within_its_part(zero in 0u64..1 << 40, offset in 0u64..1 << 40,
                                           (fps, frames) in prop::sample::select(vec![(30, 6), (24, 5), (25, 5), (60, 12), (50, 9)])) {
            let mut spec = spec();
            (spec.frames_per_second, spec.part_frames, spec.segment_frames) = (fps, frames, frames * 10);
            let grid = Grid::new(&spec, zero);
            for timescale in [90_000, 48_000] {
                let time = grid.part_start(0, timescale) + offset;
                let part = grid.part_at(time, timescale).unwrap();
                prop_assert!(grid.part_start(part, timescale) <= time && time < grid.part_start(part + 1, timescale));
            }
        }
    }

    #[test]
    fn nothing_lies_before_the_first_part() {
        let grid = Grid::new(&spec(), 9_000);
        assert_eq!(grid.part_at(8_999, 90_000), None);
        assert_eq!(grid.part_at(9_000, 90_000), Some(0));
        assert_eq!(grid.part_at(4_799, 48_000), None);
        assert_eq!(grid.position(25), Position { msn: 2, part: 5 });
        assert_eq!((grid.segment_from(20), grid.segment_from(21)), (2, 3));
    }
}
