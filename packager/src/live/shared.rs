//! The state of a broadcast that its task writes and the origin's requests read.

use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use object_store::ObjectStore;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::delivery::BroadcastSpec;
use crate::live::demand::Demand;
use crate::live::playlist::{self, Control, Report};
use crate::live::reload::Rules;
use crate::live::window::{RenditionProgress, Window};
use crate::object::Position;
use crate::{Config, Recordings};

/// A text, rendered and compressed once for all who ask.
#[derive(Clone, Debug)]
pub(crate) struct Rendered {
    pub(crate) text: Bytes,
    pub(crate) gzip: Option<Bytes>,
}

impl Rendered {
    pub(crate) fn new(text: String) -> Self {
        use std::io::Write as _;
        let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 4), Compression::new(4));
        let gzip = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish());
        Self { text: text.into(), gzip: gzip.ok().map(Bytes::from) }
    }
}

/// One state of a rendition's playlist.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) progress: RenditionProgress,
    pub(crate) full: Rendered,
    pub(crate) delta: Option<Rendered>,
}

/// The window of one rendition and its playlist as it was rendered last.
#[derive(Debug)]
pub(crate) struct RenditionState {
    window: RwLock<Window>,
    /// Replaced once a change, which wakes the requests that wait for the rendition. `None` before the first part, and
    /// when no playlist is left.
    pub(crate) view: watch::Sender<Option<Arc<View>>>,
}

impl RenditionState {
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Window> {
        self.window.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Window> {
        self.window.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The recording's media playlists.
#[derive(Debug)]
pub(crate) enum Recorded {
    /// The recording is not complete, or there is none.
    NotYet,
    /// In memory, by rendition.
    Held(Vec<Rendered>),
    /// In the store alone.
    InStore,
}

/// The state of one broadcast.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) spec: BroadcastSpec,
    pub(crate) rules: Rules,
    pub(crate) waiting_requests_max: usize,
    pub(crate) renditions: Vec<RenditionState>,
    pub(crate) demand: Demand,
    pub(crate) multivariant: RwLock<Option<Rendered>>,
    pub(crate) recorded: RwLock<Recorded>,
    pub(crate) live: AtomicBool,
    pub(crate) ended: AtomicBool,
    pub(crate) finished: AtomicBool,
    pub(crate) waiting: AtomicUsize,
    /// Serves what is no longer in memory; `None`: the broadcast is not recorded.
    pub(crate) recordings: Option<Recordings>,
    /// Waits to release the broadcast's memory; ends with it.
    pub(crate) lingering: Mutex<JoinSet<()>>,
}

impl Shared {
    pub(crate) fn new(spec: BroadcastSpec, config: &Config, store: Option<Arc<dyn ObjectStore>>) -> Self {
        let state = |rendition| RenditionState {
            window: RwLock::new(Window::new(&spec, rendition, config.playlist_seconds)),
            view: watch::Sender::new(None),
        };
        Self {
            rules: Rules::new(&spec),
            waiting_requests_max: config.waiting_requests_max,
            renditions: spec.renditions.iter().map(state).collect(),
            demand: Demand::new(spec.renditions.len()),
            multivariant: RwLock::new(None),
            recorded: RwLock::new(Recorded::NotYet),
            live: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            finished: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
            recordings: store.map(|store| Recordings::new(store, config)),
            lingering: Mutex::default(),
            spec,
        }
    }

    /// The progress of every rendition.
    pub(crate) fn progress(&self) -> Vec<RenditionProgress> {
        self.renditions.iter().map(|state| state.read().progress()).collect()
    }

    /// Renders the playlist of one rendition, which reports where the others stand.
    pub(crate) fn render(&self, index: usize, control: &Control, progress: &[RenditionProgress]) -> View {
        let spec = &self.spec;
        let others = spec.renditions.iter().zip(progress).enumerate().filter(|(other, _)| *other != index);
        let reports = others.filter_map(|(_, (other, progress))| {
            let last = last_before(progress.next, spec.parts_per_segment())?;
            Some(Report { name: other.name.clone(), last })
        });
        let (rendition, reports) = (&spec.renditions[index], reports.collect::<Vec<_>>());
        let part_target_ticks = spec.part_target_ticks(rendition);
        let playlist =
            playlist::render(rendition, part_target_ticks, &self.renditions[index].read(), control, &reports);
        View { progress: progress[index], full: Rendered::new(playlist.full), delta: playlist.delta.map(Rendered::new) }
    }
}

/// The part before `next`.
fn last_before(next: Position, parts_per_segment: u32) -> Option<Position> {
    match (next.msn, next.part) {
        (0, 0) => None,
        (msn, 0) => Some(Position { msn: msn - 1, part: parts_per_segment - 1 }),
        (msn, part) => Some(Position { msn, part: part - 1 }),
    }
}
