//! What the broadcast's task writes and the origin's requests read.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use object_store::ObjectStore;
use tokio::sync::watch;

use crate::Config;
use crate::delivery::BroadcastSpec;
use crate::reload::Rules;
use crate::store::StoreCounters;
use crate::window::{Progress, Window};

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
    pub(crate) progress: Progress,
    pub(crate) full: Rendered,
    pub(crate) delta: Option<Rendered>,
}

/// One rendition.
#[derive(Debug)]
pub(crate) struct RenditionState {
    window: RwLock<Window>,
    /// Replaced once a change; whoever waits for the rendition is woken by that. `None` before the first part.
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

/// One broadcast.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) spec: BroadcastSpec,
    pub(crate) rules: Rules,
    pub(crate) waiting_requests_max: usize,
    pub(crate) renditions: Vec<RenditionState>,
    pub(crate) multivariant: RwLock<Option<Rendered>>,
    /// The recording's playlists by rendition, once it is complete.
    pub(crate) recording: RwLock<Vec<Rendered>>,
    pub(crate) live: AtomicBool,
    pub(crate) ended: AtomicBool,
    pub(crate) finished: AtomicBool,
    pub(crate) programme_zero_utc_ms: AtomicI64,
    pub(crate) waiting: AtomicUsize,
    pub(crate) store: Option<Arc<dyn ObjectStore>>,
    pub(crate) store_counters: Arc<StoreCounters>,
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
            multivariant: RwLock::new(None),
            recording: RwLock::new(Vec::new()),
            live: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            finished: AtomicBool::new(false),
            programme_zero_utc_ms: AtomicI64::new(0),
            waiting: AtomicUsize::new(0),
            store,
            store_counters: Arc::default(),
            spec,
        }
    }
}
