//! The task of one broadcast: takes deliveries, writes the windows, wakes waiting requests, hands segments to the
//! recorder.
//!
//! One task owns the broadcast; nothing in it waits but for the next delivery, so a slow store or a slow viewer costs
//! the live edge nothing.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use object_store::ObjectStore;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::delivery::{BroadcastSpec, Delivery, RenditionId};
use crate::live::master::{self, ServedFrom};
use crate::live::playlist::{self, Control};
use crate::live::programme::{Output, Programme};
use crate::live::release::{self, InStore};
use crate::live::shared::{Recorded, Rendered, Shared};
use crate::live::window::Segment;
use crate::recording::{Completed, Recorder};
use crate::{Config, Error, Origin, metrics};

/// A broadcast that was started.
#[derive(Debug)]
pub struct Running {
    /// Answers requests; `api` asks it.
    pub origin: Origin,
    /// Done when the broadcast has ended and its recording is complete, or given up.
    pub done: JoinHandle<Summary>,
}

/// The counts of a broadcast that is over.
#[derive(Debug, Default)]
pub struct Summary {
    /// Parts published, all renditions.
    pub parts: u64,
    /// Parts among them that are gaps.
    pub gaps: u64,
    /// Parts among them that the lowest rung lent to rungs at rest.
    pub lent: u64,
    /// Segments completed, all renditions.
    pub segments: u64,
    /// Access units that went into no part.
    pub units_dropped: u64,
    /// Segments and init segments stored.
    pub stored: u64,
    /// Segments and init segments given up.
    pub store_failed: u64,
    /// The reason why the broadcast never began: the spec or the configuration is impossible.
    pub refused: Option<Error>,
}

/// Starts a broadcast on the current tokio runtime. It runs until [`Delivery::End`] or until the channel closes; then
/// it ends the playlists and finishes the recording, for a bounded time. An impossible `spec` or `config` (call
/// [`BroadcastSpec::validate`] and [`Config::validate`] first) ends at once, with [`Summary::refused`].
pub fn start(
    spec: BroadcastSpec,
    config: Config,
    store: Option<Arc<dyn ObjectStore>>,
    deliveries: mpsc::Receiver<Delivery>,
) -> Running {
    metrics::describe();
    let refused = spec.validate().and(config.validate().map_err(Error::Config)).err();
    let shared = Arc::new(Shared::new(spec, &config, store.clone()));
    let origin = Origin { shared: shared.clone() };
    let done = match refused {
        Some(refused) => {
            tracing::error!(%refused, "broadcast not started");
            shared.ended.store(true, Relaxed);
            tokio::spawn(async { Summary { refused: Some(refused), ..Summary::default() } })
        }
        None => tokio::spawn(async move { Broadcast::new(shared, config, store).run(deliveries).await }),
    };
    Running { origin, done }
}

struct Broadcast {
    shared: Arc<Shared>,
    config: Config,
    programme: Programme,
    control: Control,
    codecs: Vec<Option<String>>,
    /// Renditions whose parts are gaps at present.
    absent: Vec<bool>,
    recorder: Option<Recorder>,
    summary: Summary,
    /// Bytes of the parts that were cut but not published yet, and when their last frame left the encoder.
    cut_since: Vec<(usize, Instant)>,
}

impl Broadcast {
    fn new(shared: Arc<Shared>, config: Config, store: Option<Arc<dyn ObjectStore>>) -> Self {
        let spec = &shared.spec;
        Self {
            programme: Programme::new(spec.clone(), config.gap_after_parts),
            control: Control::new(spec, config.part_hold_back_parts, 0),
            codecs: vec![None; spec.renditions.len()],
            absent: vec![false; spec.renditions.len()],
            recorder: store.map(|store| Recorder::start(spec, &config, store)),
            summary: Summary::default(),
            cut_since: Vec::new(),
            config,
            shared,
        }
    }

    async fn run(mut self, mut deliveries: mpsc::Receiver<Delivery>) -> Summary {
        let mut outputs = Vec::new();
        while let Some(delivery) = deliveries.recv().await {
            if let Delivery::Clock { programme_zero_utc_ms } = delivery {
                self.control.programme_zero_utc_ms = programme_zero_utc_ms;
            }
            if matches!(delivery, Delivery::End) {
                break;
            }
            self.programme.push(delivery, &mut outputs);
            let changed = self.apply(&mut outputs);
            self.publish(&changed);
        }
        self.programme.push(Delivery::End, &mut outputs);
        self.apply(&mut outputs);
        self.end();
        self.finish().await
    }

    /// Writes the windows; answers with the renditions that changed.
    fn apply(&mut self, outputs: &mut Vec<Output>) -> BTreeSet<RenditionId> {
        let mut changed = BTreeSet::new();
        for output in outputs.drain(..) {
            match output {
                Output::Init { rendition, map, bytes, rfc6381 } => {
                    self.shared.renditions[rendition.0].write().add_init(map, bytes.clone());
                    self.codecs[rendition.0] = Some(rfc6381);
                    self.list_renditions();
                    if let Some(recorder) = &self.recorder {
                        recorder.init(rendition, map, bytes);
                    }
                }
                Output::Cut { rendition, source, next, discontinuity, cut } => {
                    let completed = self.shared.renditions[rendition.0].write().push(source, next, discontinuity, &cut);
                    self.summary.parts += 1;
                    match &cut.media {
                        Some(_) if source.lent => self.summary.lent += 1,
                        Some(media) => self.cut_since.push((media.bytes.len(), media.encoded_at)),
                        None => {
                            self.summary.gaps += 1;
                            metrics::gap_published();
                        }
                    }
                    let whole = completed.as_ref().is_some_and(|segment| !segment.has_gap());
                    self.note_presence(rendition, cut.media.is_some(), whole);
                    changed.insert(rendition);
                    self.completed(rendition, completed);
                }
                Output::Dropped(rendition, why) => {
                    tracing::trace!(rendition = rendition.0, ?why, "access unit dropped");
                    self.summary.units_dropped += 1;
                    metrics::unit_dropped();
                }
                Output::Refused(rendition, error) => {
                    let rendition = &self.shared.spec.renditions[rendition.0].name;
                    tracing::warn!(%rendition, %error, "decoder configuration refused");
                }
            }
        }
        changed
    }

    /// A rung that gives gaps (one at rest gives none) is left out of the multivariant playlist until it has given a
    /// whole segment again, so that no new player starts on it. Players that are on it see the gaps and switch.
    fn note_presence(&mut self, rendition: RenditionId, media: bool, whole_segment: bool) {
        let absent = if media { self.absent[rendition.0] && !whole_segment } else { true };
        if absent != self.absent[rendition.0] {
            self.absent[rendition.0] = absent;
            self.list_renditions();
        }
    }

    /// Renders the multivariant playlist.
    fn list_renditions(&self) {
        let spec = &self.shared.spec;
        let listed = |leave_out_absent: bool| -> Vec<Option<String>> {
            let each = self.codecs.iter().zip(&self.absent).zip(&spec.renditions);
            each.map(|((codec, absent), r)| codec.clone().filter(|_| !(leave_out_absent && *absent && !r.is_audio())))
                .collect()
        };
        let mut codecs = listed(true);
        let has_picture =
            |codecs: &[Option<String>]| codecs.iter().zip(&spec.renditions).any(|(c, r)| c.is_some() && !r.is_audio());
        if !has_picture(&codecs) {
            codecs = listed(false);
        }
        let text = Rendered::new(master::render(spec, &codecs, ServedFrom::Room));
        *self.shared.multivariant.write().unwrap_or_else(PoisonError::into_inner) = Some(text);
    }

    fn completed(&mut self, rendition: RenditionId, segment: Option<Segment>) {
        let Some(segment) = segment else { return };
        self.summary.segments += 1;
        metrics::segment_completed();
        if let Some(recorder) = &self.recorder {
            let timescale = self.shared.spec.renditions[rendition.0].timescale();
            recorder.segment(rendition, to_record(segment, &self.control, timescale));
        }
    }

    /// Renders the playlists that changed, once, and wakes their waiters.
    fn publish(&mut self, changed: &BTreeSet<RenditionId>) {
        if changed.is_empty() {
            return;
        }
        let began = Instant::now();
        let spec = &self.shared.spec;
        let progress = self.shared.progress();
        for id in changed {
            let view = self.shared.render(id.0, &self.control, &progress);
            self.shared.renditions[id.0].view.send_replace(Some(Arc::new(view)));
        }
        if !self.shared.live.load(Relaxed) && self.may_go_live() {
            self.shared.live.store(true, Relaxed);
            tracing::info!(room = %spec.room, epoch = %spec.epoch, "broadcast is live");
        }
        metrics::published(began.elapsed());
        for (bytes, encoded_at) in self.cut_since.drain(..) {
            metrics::part_published(bytes, encoded_at.elapsed());
        }
    }

    /// Every rendition that has a decoder configuration has enough segments, and there is one (a picture, if there is
    /// any).
    fn may_go_live(&self) -> bool {
        let renditions = || self.shared.spec.renditions.iter().zip(&self.shared.renditions).zip(&self.codecs);
        let wants_video = self.shared.spec.renditions.iter().any(|rendition| !rendition.is_audio());
        let known = || renditions().filter(|(_, codec)| codec.is_some()).map(|(rendition, _)| rendition);
        let enough =
            known().all(|(_, state)| state.read().listed_complete() >= self.config.segments_before_live as usize);
        enough && known().any(|(rendition, _)| !wants_video || !rendition.is_audio())
    }

    fn end(&mut self) {
        for at in 0..self.shared.renditions.len() {
            let last = self.shared.renditions[at].write().end();
            self.completed(RenditionId(at), last);
        }
        // In this order: whoever sees the flag finds ENDLIST in the playlist.
        self.publish(&(0..self.shared.renditions.len()).map(RenditionId).collect());
        self.shared.ended.store(true, Relaxed);
        tracing::info!(room = %self.shared.spec.room, epoch = %self.shared.spec.epoch, "broadcast has ended");
    }

    /// Completes the recording, and sees to it that the memory is released later.
    async fn finish(mut self) -> Summary {
        let mut in_store = InStore::default();
        if let Some(recorder) = self.recorder.take() {
            let multivariant = master::render(&self.shared.spec, &self.codecs, ServedFrom::Broadcast);
            let finished = recorder.finish(multivariant).await;
            in_store = InStore::of(&finished);
            (self.summary.stored, self.summary.store_failed) = (finished.stored, finished.failed);
            let playlists = finished.playlists.into_iter().map(Rendered::new).collect();
            *self.shared.recorded.write().unwrap_or_else(PoisonError::into_inner) = Recorded::Held(playlists);
        }
        self.shared.finished.store(true, Relaxed);
        let delay = release::delay(&self.shared.spec, &self.config);
        let releasing = release::after(delay, Arc::downgrade(&self.shared), in_store, self.control);
        self.shared.lingering.lock().unwrap_or_else(PoisonError::into_inner).spawn(releasing);
        self.summary
    }
}

/// A segment of the window, as it is recorded.
fn to_record(segment: Segment, control: &Control, timescale: u32) -> Completed {
    Completed {
        msn: segment.msn,
        start: segment.start,
        starts_at: playlist::instant(control.programme_zero_utc_ms, segment.start, timescale),
        duration: segment.duration,
        map: segment.source.map,
        discontinuity: segment.discontinuity,
        bytes: segment.bytes,
    }
}
