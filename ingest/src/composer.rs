//! The composer: at every tick one canvas, whatever the speakers do, and the ladder encoded from it.
//!
//! One thread, paced by the clock. A tick costs one copy of the plate and of every tile that needs no scaling; a lone
//! speaker whose picture has the canvas's size is passed through untouched. When the thread is late it skips frames,
//! but never a segment start, and never makes time up by running faster.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gstreamer as gst;
use gstreamer_video as gst_video;
use gstreamer_video::prelude::*;
use packager::delivery::{Delivery, RenditionId};

use crate::canvas::{Placer, Planes};
use crate::clock::{FrameClock, ProgrammeClock};
use crate::config::Config;
use crate::encoder::VideoEncoder;
use crate::error::IngestError;
use crate::layout::Rect;
use crate::line::{Canvases, Line};
use crate::metrics;
use crate::metrics::Stage as Latency;
use crate::outlet::Outlet;
use crate::plan::Plan;
use crate::rests::{Rests, Turn};
use crate::shedding::{Change, Shedding};
use crate::stage::{Picture, SpeakerLane, Stage};
use crate::text::Writer;

/// Counts that [`crate::Status`] shows.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    pub(crate) frames: AtomicU64,
    pub(crate) skipped: AtomicU64,
    pub(crate) shed: AtomicU64,
    pub(crate) resting: AtomicU64,
}

/// Everything the composer's thread owns.
pub(crate) struct Composer {
    room: String,
    config: Config,
    stage: Arc<Stage>,
    clock: ProgrammeClock,
    frames: FrameClock,
    outlet: Arc<Outlet>,
    progress: Arc<Progress>,
    /// By rung: whether it is to rest.
    wishes: Arc<[AtomicBool]>,
    rests: Rests,
    /// Turns that the packager has not been told of: at most one a rung.
    turns: VecDeque<Turn>,
    /// Rungs counted as encoded and as resting.
    counted: (f64, f64),
    writer: Writer,
    canvases: Canvases,
    lines: Vec<Line>,
    shedding: Shedding,
    placers: HashMap<String, Placer>,
    plan: Option<Plan>,
}

impl Composer {
    /// Starts the encoders; the caller starts the thread.
    pub(crate) fn new(
        room: String,
        config: Config,
        stage: Arc<Stage>,
        clock: ProgrammeClock,
        outlet: Arc<Outlet>,
        progress: Arc<Progress>,
        wishes: Arc<[AtomicBool]>,
    ) -> Result<Self, IngestError> {
        let rungs = config.ladder.rungs();
        let lines = rungs.iter().enumerate();
        let lines = lines.map(|(n, rung)| Line::start(*rung, RenditionId(n), &config, outlet.clone()));
        let (top, fps) = (config.top_rung(), config.frames_per_second);
        Ok(Self {
            lines: lines.collect::<Result<_, _>>()?,
            canvases: Canvases::new(top.width, top.height, fps)?,
            frames: FrameClock::new(fps),
            writer: Writer::load(&config.font),
            shedding: Shedding::new(config.shedding.clone(), rungs.len()),
            rests: Rests::new(rungs.len(), config.segment_frames()),
            turns: VecDeque::new(),
            counted: (0.0, 0.0),
            wishes,
            placers: HashMap::new(),
            plan: None,
            room,
            config,
            stage,
            clock,
            outlet,
            progress,
        })
    }

    /// Composes until `stop`. Returns the encoders, which have been told to finish.
    pub(crate) fn run(mut self, stop: &AtomicBool) -> Vec<VideoEncoder> {
        let delay_ns = u64::from(self.config.playout_delay_ms) * 1_000_000;
        let part_frames = u64::from(self.config.part_ms * self.config.frames_per_second / 1000);
        let mut last = None;
        while !stop.load(Ordering::Relaxed) {
            let due = self.frames.frame_ns(last.map_or(0, |last| last + 1)) + delay_ns;
            if let Some(wait) = due.checked_sub(self.clock.now_ns()) {
                std::thread::sleep(Duration::from_nanos(wait));
            }
            let programme_ns = self.clock.now_ns().saturating_sub(delay_ns);
            let frame = last.map_or(0, |last| self.frames.next_frame(last, programme_ns, self.config.segment_frames()));
            let skipped = last.map_or(0, |last| frame - last - 1);
            if skipped > 0 {
                metrics::frames_skipped(skipped);
                self.progress.skipped.fetch_add(skipped, Ordering::Relaxed);
            }
            self.turn(frame);
            self.tick(frame);
            if frame / part_frames != last.unwrap_or(0) / part_frames {
                let late = programme_ns.saturating_sub(self.frames.frame_ns(frame));
                self.relieve(Duration::from_nanos(late));
            }
            last = Some(frame);
        }
        self.progress.shed.store(0, Ordering::Relaxed);
        metrics::rungs_shed(-(self.shedding.shed() as i32));
        self.count((0.0, 0.0));
        self.lines.into_iter().filter_map(Line::finish).collect()
    }

    fn tick(&mut self, frame: u64) {
        let started = Instant::now();
        let Some(mut source) = self.compose(frame) else {
            tracing::error!("a canvas could not be composed");
            return;
        };
        metrics::latency(Latency::Compose, started.elapsed());
        let shed = self.shedding.shed();
        for (n, line) in self.lines.iter_mut().enumerate() {
            let wanted = n >= shed && !self.rests.rests(n);
            if let Some(picture) = line.frame(frame, &source, wanted, &self.config, &self.outlet) {
                source = picture;
            }
        }
        self.progress.frames.fetch_add(1, Ordering::Relaxed);
    }

    /// Lets rungs rest and wakes them, and tells the packager.
    fn turn(&mut self, frame: u64) {
        let wishes = &self.wishes;
        let wished = |rung: usize| wishes.get(rung).is_some_and(|rests| rests.load(Ordering::Relaxed));
        let turns = self.rests.step(frame, self.shedding.shed(), wished);
        for turn in turns {
            let rung = self.config.ladder.rungs().get(turn.rung).map_or("", |rung| rung.name);
            tracing::debug!(room = self.room, rung, rests = turn.rests, "a rung turns");
            if !turn.rests {
                metrics::rung_woken();
            }
            self.turns.retain(|older| older.rung != turn.rung);
            self.turns.push_back(turn);
        }
        while let Some(Turn { rung, from, rests }) = self.turns.front().copied() {
            let (rendition, from) = (RenditionId(rung), self.frames.ticks(from));
            let turn = if rests { Delivery::Rest { rendition, from } } else { Delivery::Wake { rendition, from } };
            if !self.outlet.offer(turn) {
                break;
            }
            self.turns.pop_front();
        }
        self.progress.resting.store(self.rests.count() as u64, Ordering::Relaxed);
        let idle = (0..self.lines.len()).filter(|rung| *rung < self.shedding.shed() || self.rests.rests(*rung)).count();
        self.count(((self.lines.len() - idle) as f64, self.rests.count() as f64));
    }

    /// Shows in the metrics how many rungs are encoded, and how many rest.
    fn count(&mut self, (encoded, resting): (f64, f64)) {
        let before = std::mem::replace(&mut self.counted, (encoded, resting));
        if before != self.counted {
            metrics::rungs_encoded(encoded - before.0);
            metrics::rungs_resting(resting - before.1);
        }
    }

    fn relieve(&mut self, late: Duration) {
        let lag = self.lines.iter().map(Line::take_lag).fold(late, Duration::max);
        let Some(change) = self.shedding.observe(lag, Instant::now()) else { return };
        let lag_ms = lag.as_millis() as u64;
        match change {
            Change::Shed(shed) => {
                metrics::rungs_shed(1);
                tracing::warn!(room = self.room, shed, lag_ms, "encoders fall behind: a rung is shed");
            }
            Change::Restored(shed) => {
                metrics::rungs_shed(-1);
                tracing::info!(room = self.room, shed, lag_ms, "a rung is restored");
            }
        }
        metrics::ladder_changed();
        self.progress.shed.store(self.shedding.shed() as u64, Ordering::Relaxed);
    }

    fn compose(&mut self, frame: u64) -> Option<Picture> {
        let tick_ns = self.frames.frame_ns(frame) as i64;
        let view = self.stage.view_since(self.plan.as_ref().map(|plan| plan.view.revision));
        let view = view.or_else(|| self.plan.as_ref().map(|plan| plan.view.clone()))?;
        let pictures: Vec<_> = view.seats.iter().map(|seat| self.pick(seat, tick_ns)).collect();
        let cards: Vec<_> = pictures.iter().map(Option::is_none).collect();
        let top = self.config.top_rung();
        if self.plan.as_ref().is_none_or(|plan| plan.view.revision != view.revision || plan.cards != cards) {
            self.placers.retain(|identity, _| view.seats.iter().any(|seat| seat.speaker.identity == *identity));
            self.plan = Some(Plan::new(view, cards, (top.width, top.height), &self.room, &self.writer));
        }
        let plan = self.plan.as_ref()?;
        if let Some(picture) = untouched(plan, &pictures, &self.canvases.info) {
            return Some(picture);
        }
        let placers = &mut self.placers;
        self.canvases.draw(|canvas| paint(plan, &pictures, canvas, placers))
    }

    /// The picture of a seat at this tick; `None` if it has none, or one that has stood still for too long.
    fn pick(&self, seat: &Arc<SpeakerLane>, tick_ns: i64) -> Option<Picture> {
        let limit_ns = i64::from(self.config.freeze_after_ms) * 1_000_000;
        let mut lane = crate::locked(&seat.pictures);
        let (time_ns, picture) = lane.pick(tick_ns, self.frames.frame_ns(1) as i64)?;
        let picture = picture.clone();
        if lane.is_stale(tick_ns, limit_ns) {
            return None;
        }
        drop(lane);
        let waited = (self.clock.now_ns() as i64).saturating_sub(time_ns);
        metrics::latency(Latency::Playout, Duration::from_nanos(waited.max(0) as u64));
        Some(picture)
    }
}

/// A single picture that is the whole canvas already, if that is all there is to show.
fn untouched(plan: &Plan, pictures: &[Option<Picture>], canvas: &gst_video::VideoInfo) -> Option<Picture> {
    let mut shown = plan.tiles.iter().zip(pictures).filter_map(|(tile, picture)| Some((tile.as_ref()?, picture)));
    let (tile, picture) = shown.next()?;
    let picture = picture.as_ref()?;
    let size = |info: &gst_video::VideoInfo| (info.format(), info.width(), info.height());
    let fills = (tile.rect.width, tile.rect.height) == (canvas.width(), canvas.height());
    let same = size(&picture.info) == size(canvas) && fills;
    (same && shown.next().is_none() && !plan.has_captions()).then(|| picture.clone())
}

fn paint(
    plan: &Plan,
    pictures: &[Option<Picture>],
    canvas: &mut gst_video::VideoFrameRef<&mut gst::BufferRef>,
    placers: &mut HashMap<String, Placer>,
) -> bool {
    let whole = Rect { x: 0, y: 0, width: canvas.width(), height: canvas.height() };
    let places: Vec<_> =
        pictures.iter().enumerate().map(|(n, picture)| plan.place(n, picture.as_ref()?.size())).collect();
    if !places.contains(&Some(whole)) {
        lay_plate(&plan.plate, canvas);
    }
    for ((picture, place), seat) in pictures.iter().zip(places).zip(&plan.view.seats) {
        let (Some(Picture { buffer, info }), Some(place)) = (picture, place) else { continue };
        let Ok(frame) = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, info) else { continue };
        placers.entry(seat.speaker.identity.clone()).or_default().draw(&frame, canvas, place);
    }
    plan.caption(&mut Planes::of(canvas));
    true
}

/// Plates are laid out as canvas buffers are: plane after plane, same strides.
fn lay_plate(plate: &[u8], canvas: &mut gst_video::VideoFrameRef<&mut gst::BufferRef>) {
    let mut rest = plate;
    let Planes { planes, .. } = Planes::of(canvas);
    for plane in planes {
        let (now, later) = rest.split_at(plane.len().min(rest.len()));
        plane[..now.len()].copy_from_slice(now);
        rest = later;
    }
}
