//! Rungs that rest, and the parts that the lowest rung lends them.

use std::collections::VecDeque;

use super::{Output, Programme};
use crate::delivery::{AccessUnit, RenditionId, VIDEO_TIMESCALE};
use crate::live::lending::{Lending, Source};
use crate::live::segmenter::{Cut, Dropped};
use crate::object::Position;

/// Units of one rung that are kept until its rest is over; further ones are dropped.
const HELD_UNITS_MAX: usize = 256;

impl Programme {
    /// A rung rests, or is encoded again, from the segment at tick `from` on.
    pub(super) fn turn(&mut self, id: RenditionId, from: u64, turn: fn(&mut Lending, u64)) {
        let (Some(grid), Some(track)) = (self.grid, self.tracks.get_mut(id.0)) else { return };
        let Some(segmenter) = track.segmenter.as_ref().filter(|_| self.spec.lender().is_some_and(|lender| id < lender))
        else {
            return;
        };
        let due = grid.part_at(from, VIDEO_TIMESCALE).unwrap_or(0).max(segmenter.next());
        turn(&mut track.lending, grid.segment_from(due));
        track.absent = false;
    }

    /// Keeps a unit of a rung that wakes until the lowest rung has lent the last part of the rest: its encoder may be
    /// the slower one.
    pub(super) fn hold(&mut self, unit: AccessUnit, out: &mut Vec<Output>) -> Option<AccessUnit> {
        let (Some(grid), Some(track)) = (self.grid, self.tracks.get_mut(unit.rendition.0)) else { return Some(unit) };
        let next = track.segmenter.as_ref().map(|segmenter| grid.position(segmenter.next()));
        if !next.is_some_and(|next| track.lending.covers(next.msn)) {
            return Some(unit);
        }
        if track.held.len() < HELD_UNITS_MAX {
            track.held.push_back(unit);
        } else {
            out.push(Output::Dropped(unit.rendition, Dropped::Late));
        }
        None
    }

    /// Publishes a part, or a gap in its place.
    pub(super) fn publish(&mut self, rendition: RenditionId, source: Source, cut: Cut, out: &mut Vec<Output>) {
        let Position { msn, part } = cut.position;
        let next = if part + 1 < self.spec.parts_per_segment() { source } else { self.source_of(rendition, msn + 1) };
        let discontinuity = self.discontinuities.contains(&msn);
        out.push(Output::Cut { rendition, source, next, discontinuity, cut });
    }

    /// The media of a segment that has not begun.
    fn source_of(&self, rendition: RenditionId, msn: u64) -> Source {
        let map_of = |id: RenditionId| self.tracks.get(id.0).and_then(|track| track.map_of(msn));
        let lender = self.tracks.get(rendition.0).filter(|track| track.lending.covers(msn)).and(self.spec.lender());
        Source { lent: lender.is_some(), map: map_of(lender.unwrap_or(rendition)) }
    }

    /// Publishes a part of the lowest rung in each rung that rests.
    pub(super) fn lend(&mut self, cut: &Cut, out: &mut Vec<Output>) {
        let (Some(grid), Some(lender)) = (self.grid, self.spec.lender()) else { return };
        let map = self.tracks.get(lender.0).and_then(|track| track.map);
        for id in (0..lender.0).map(RenditionId) {
            let Some(track) = self.tracks.get_mut(id.0).filter(|track| track.lending.covers(cut.position.msn)) else {
                continue;
            };
            let Some(segmenter) = &mut track.segmenter else { continue };
            // Its own last parts are missed if they come after this.
            let mut own = Vec::new();
            segmenter.skip_to(grid.index(cut.position), &mut own);
            let is_next = grid.position(segmenter.next()) == cut.position;
            if is_next {
                segmenter.pass(cut.start + cut.duration);
            }
            let is_awake = !track.lending.covers(grid.position(segmenter.next()).msn);
            let held = if is_awake { std::mem::take(&mut track.held) } else { VecDeque::new() };
            self.emit(id, own, out);
            if is_next {
                self.publish(id, Source { lent: true, map }, cut.clone(), out);
            }
            held.into_iter().for_each(|unit| self.feed(unit, out));
        }
    }
}
