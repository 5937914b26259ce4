//! All renditions of one broadcast, kept in step.
//!
//! The first keyframe of any video rendition anchors the grid. From then on every rendition has every part: where units
//! fail to come while the foremost rendition moves on (a rung that load shedding dropped), its parts are published as
//! gaps, so its playlist keeps advancing, its viewers switch away, and its segment numbers stay those of its siblings.
//! A rung that rests (nobody watches it) has the lowest rung's parts instead: a player that comes to it plays on at
//! once, in the lowest quality, and finds its own parts from the next segment on.
//! A new decoder configuration takes effect at the first segment that no rendition has begun, behind a discontinuity in
//! all of them.
//!
//! No I/O and no clock. Driven by `run.rs`.

use std::collections::{BTreeSet, VecDeque};

use bytes::Bytes;

use crate::Error;
use crate::cmaf::{self, Codec};
use crate::delivery::{
    AUDIO_TIMESCALE, AccessUnit, BroadcastSpec, CodecConfig, Delivery, RenditionId, VIDEO_TIMESCALE,
};
use crate::live::grid::Grid;
use crate::live::lending::{Lending, Source};
use crate::live::segmenter::{Cut, Dropped, Segmenter};
use crate::object::Position;

/// Units kept while there is no anchor yet; the oldest go first.
const EARLY_UNITS_MAX: usize = 256;

/// An outcome of a delivery.
#[derive(Debug)]
pub enum Output {
    /// A rendition has a new init segment.
    Init {
        /// The rendition that it is of.
        rendition: RenditionId,
        /// Number of the init segment; cuts refer to it.
        map: u32,
        /// `ftyp` + `moov`.
        bytes: Bytes,
        /// The value of CODECS (RFC 6381).
        rfc6381: String,
    },
    /// A part, or a gap in its place.
    Cut {
        /// The rendition that it is of.
        rendition: RenditionId,
        /// The media it is of.
        source: Source,
        /// The media that the part after it will be of, as far as is known.
        next: Source,
        /// Its segment begins with EXT-X-DISCONTINUITY.
        discontinuity: bool,
        /// The part itself.
        cut: Cut,
    },
    /// A unit was dropped.
    Dropped(RenditionId, Dropped),
    /// A decoder configuration record was refused.
    Refused(RenditionId, Error),
}

#[derive(Debug)]
struct RenditionTrack {
    segmenter: Option<Segmenter>,
    config: Option<CodecConfig>,
    maps: u32,
    map: Option<u32>,
    /// From which segment on another map holds.
    next_map: Option<(u64, u32)>,
    /// Its last part was a gap because nothing came.
    absent: bool,
    lending: Lending,
    /// Units that came while lent parts were still due before them.
    held: VecDeque<AccessUnit>,
}

impl RenditionTrack {
    /// Number of the init segment of its own segment `msn`.
    fn map_of(&self, msn: u64) -> Option<u32> {
        self.next_map.filter(|(from, _)| *from <= msn).map(|(_, map)| map).or(self.map)
    }
}

/// The state of a broadcast between its encoders and its windows.
#[derive(Debug)]
pub struct Programme {
    spec: BroadcastSpec,
    gap_after_parts: u64,
    grid: Option<Grid>,
    tracks: Vec<RenditionTrack>,
    early: VecDeque<AccessUnit>,
    discontinuities: BTreeSet<u64>,
}

impl Programme {
    /// A broadcast before its first unit.
    pub fn new(spec: BroadcastSpec, gap_after_parts: u32) -> Self {
        let track = || RenditionTrack {
            segmenter: None,
            config: None,
            maps: 0,
            map: None,
            next_map: None,
            absent: false,
            lending: Lending::default(),
            held: VecDeque::new(),
        };
        Self {
            gap_after_parts: gap_after_parts.into(),
            grid: None,
            tracks: spec.renditions.iter().map(|_| track()).collect(),
            early: VecDeque::new(),
            discontinuities: BTreeSet::new(),
            spec,
        }
    }

    /// Takes a delivery. `Clock` is not for the programme; an unknown rendition is ignored.
    pub fn push(&mut self, delivery: Delivery, out: &mut Vec<Output>) {
        match delivery {
            Delivery::Clock { .. } => {}
            Delivery::Codec { rendition, config } => self.configure(rendition, config, out),
            Delivery::Rest { rendition, from } => self.turn(rendition, from, Lending::rest),
            Delivery::Wake { rendition, from } => self.turn(rendition, from, Lending::wake),
            Delivery::Unit(unit) => self.unit(unit, out),
            Delivery::End => self.finish(out),
        }
    }

    fn configure(&mut self, id: RenditionId, config: CodecConfig, out: &mut Vec<Output>) {
        let Some(rendition) = self.spec.renditions.get(id.0) else { return };
        if self.tracks[id.0].config.as_ref() == Some(&config) {
            return;
        }
        let made =
            Codec::read(rendition, &config).and_then(|codec| Ok((cmaf::init(rendition, &codec)?, codec.rfc6381)));
        let (bytes, rfc6381) = match made {
            Ok(made) => made,
            Err(error) => return out.push(Output::Refused(id, error)),
        };
        let unopened = self.first_unopened_segment();
        let track = &mut self.tracks[id.0];
        let map = track.maps;
        track.maps += 1;
        let changes = track.config.replace(config).is_some();
        out.push(Output::Init { rendition: id, map, bytes, rfc6381 });
        let started = track.segmenter.as_ref().is_some_and(|segmenter| segmenter.next() > 0);
        if !changes && !started {
            track.map = Some(map);
            return;
        }
        track.next_map = Some((unopened, map));
        if changes && started {
            self.discontinuities.insert(unopened);
        }
        let mut cuts = Vec::new();
        if let Some(segmenter) = &mut track.segmenter {
            segmenter.restart_at(unopened, &mut cuts);
        }
        self.emit(id, cuts, out);
    }

    fn unit(&mut self, unit: AccessUnit, out: &mut Vec<Output>) {
        let id = unit.rendition;
        let Some(rendition) = self.spec.renditions.get(id.0) else { return };
        if self.tracks[id.0].config.is_none() {
            return out.push(Output::Dropped(id, Dropped::AwaitingKeyframe));
        }
        if self.grid.is_none() {
            let has_video = self.spec.renditions.iter().any(|rendition| !rendition.is_audio());
            if rendition.is_audio() && has_video || !unit.keyframe || unit.time >= 1 << 53 {
                if self.early.len() == EARLY_UNITS_MAX {
                    self.early.pop_front();
                }
                return self.early.push_back(unit);
            }
            self.anchor(&unit);
            for early in std::mem::take(&mut self.early) {
                self.feed(early, out);
            }
        }
        self.feed(unit, out);
    }

    fn anchor(&mut self, first: &AccessUnit) {
        let zero_ticks = if self.spec.renditions[first.rendition.0].is_audio() {
            (u128::from(first.time) * u128::from(VIDEO_TIMESCALE) / u128::from(AUDIO_TIMESCALE)) as u64
        } else {
            first.time
        };
        let grid = Grid::new(&self.spec, zero_ticks);
        self.grid = Some(grid);
        for (track, rendition) in self.tracks.iter_mut().zip(&self.spec.renditions) {
            track.segmenter = Some(Segmenter::new(&self.spec, rendition, grid));
        }
    }

    fn feed(&mut self, unit: AccessUnit, out: &mut Vec<Output>) {
        let id = unit.rendition;
        let Some(unit) = self.hold(unit, out) else { return };
        let Some(segmenter) = &mut self.tracks[id.0].segmenter else { return };
        let mut cuts = Vec::new();
        if let Err(dropped) = segmenter.push(unit, &mut cuts) {
            out.push(Output::Dropped(id, dropped));
        }
        if !cuts.is_empty() {
            self.emit(id, cuts, out);
            self.fill_gaps(out);
        }
    }

    /// Publishes gaps for renditions that the foremost has left behind.
    fn fill_gaps(&mut self, out: &mut Vec<Output>) {
        let nexts = self.tracks.iter().filter_map(|track| track.segmenter.as_ref()).map(Segmenter::next);
        let Some(front) = nexts.max() else { return };
        let grid = self.grid;
        for at in 0..self.tracks.len() {
            let track = &mut self.tracks[at];
            let (Some(segmenter), Some(grid)) = (&mut track.segmenter, grid) else { continue };
            // The lowest rung has the parts of a rest.
            let rest = track.lending.from().map(|msn| grid.index(Position { msn, part: 0 }));
            let front = rest.filter(|rest| *rest > segmenter.next()).map_or(front, |rest| front.min(rest));
            if track.lending.covers(grid.position(segmenter.next()).msn) {
                continue;
            }
            let behind = front - segmenter.next();
            // A rendition that is known to be gone does not make its viewers wait again.
            let patience = if track.absent && !segmenter.is_filling() { 0 } else { self.gap_after_parts };
            if behind > patience {
                let mut cuts = Vec::new();
                segmenter.skip_to(front, &mut cuts);
                track.absent = true;
                self.emit(RenditionId(at), cuts, out);
            }
        }
    }

    fn finish(&mut self, out: &mut Vec<Output>) {
        for at in 0..self.tracks.len() {
            let mut cuts = Vec::new();
            if let Some(segmenter) = &mut self.tracks[at].segmenter {
                segmenter.finish(&mut cuts);
            }
            self.emit(RenditionId(at), cuts, out);
        }
    }

    fn emit(&mut self, rendition: RenditionId, cuts: Vec<Cut>, out: &mut Vec<Output>) {
        for cut in cuts {
            let track = &mut self.tracks[rendition.0];
            if let Some((msn, map)) = track.next_map
                && cut.position.msn >= msn
            {
                (track.map, track.next_map) = (Some(map), None);
            }
            track.absent &= cut.media.is_none();
            let source = Source { lent: false, map: track.map };
            let lent = (self.spec.lender() == Some(rendition)).then(|| cut.clone());
            self.publish(rendition, source, cut, out);
            if let Some(cut) = lent {
                self.lend(&cut, out);
            }
        }
        // A discontinuity is of no more interest once every rendition is past its segment.
        let per_segment = u64::from(self.spec.parts_per_segment());
        let nexts = self.tracks.iter().filter_map(|track| track.segmenter.as_ref()).map(Segmenter::next);
        let oldest = nexts.min().unwrap_or(0) / per_segment;
        self.discontinuities = self.discontinuities.split_off(&oldest);
    }

    /// The first segment of which no rendition has published a part.
    fn first_unopened_segment(&self) -> u64 {
        let first = |track: &RenditionTrack| {
            let segmenter = track.segmenter.as_ref()?;
            Some(self.grid?.segment_from(segmenter.next()))
        };
        self.tracks.iter().filter_map(first).max().unwrap_or(0)
    }
}

mod rests;
#[cfg(test)]
mod tests;
