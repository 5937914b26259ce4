//! Writes the recording of one broadcast: init segments and completed segments, then the playlists that name them.
//!
//! The live path only appends to a bounded queue. When that is full the oldest segment is given up, and counted: a full
//! disk or an unreachable store costs the recording and nothing else. Uploads are tried again with back-off, a few at
//! once. One task owns it all; `live/run.rs` ends it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use object_store::path::Path;
use object_store::{ObjectStore, PutMode};
use tokio::sync::{Notify, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, timeout_at};

use super::listing::{Fate, Listing};
use super::queue::{Queue, Upload, UploadKey};
use super::store_path;
use super::upload::Uploader;
use crate::delivery::{BroadcastSpec, RenditionId, RenditionSpec};
use crate::object::{Object, ObjectKey};
use crate::{Config, metrics};

/// A segment to which no part will be added.
#[derive(Clone, Debug)]
pub(crate) struct Completed {
    /// Media sequence number.
    pub(crate) msn: u64,
    /// Decode time of its first sample, ticks.
    pub(crate) start: u64,
    /// The same in programme time.
    pub(crate) starts_at: DateTime<Utc>,
    /// Duration, ticks of the rendition.
    pub(crate) duration: u64,
    /// Number of its init segment.
    pub(crate) map: Option<u32>,
    /// Whether EXT-X-DISCONTINUITY stands before it.
    pub(crate) discontinuity: bool,
    /// Its bytes, unless parts of it are missing.
    pub(crate) bytes: Option<Bytes>,
}

/// The outcome of a recording.
#[derive(Debug, Default)]
pub(crate) struct Finished {
    /// The media playlists, by rendition.
    pub(crate) playlists: Vec<String>,
    /// Whether all playlists are in the store.
    pub(crate) playlists_stored: bool,
    /// Whether every segment that was made is in the store, by rendition.
    pub(crate) segments_stored: Vec<bool>,
    /// Segments and init segments stored.
    pub(crate) stored: u64,
    /// Segments and init segments given up.
    pub(crate) failed: u64,
}

#[derive(Debug)]
struct State {
    queue: Queue,
    listings: Vec<Listing>,
    /// Renditions whose plain playlist is out of date.
    dirty: Vec<bool>,
}

#[derive(Debug)]
struct Inner {
    room: String,
    epoch: String,
    /// Names of the renditions.
    renditions: Vec<String>,
    playlist_seconds: u32,
    uploader: Uploader,
    state: Mutex<State>,
    wake: Notify,
    stored: AtomicU64,
    failed: AtomicU64,
    /// Whether the recording lacks an object or is about to; logged once.
    degraded: AtomicBool,
}

/// The recording of one broadcast while it is written.
#[derive(Debug)]
pub(crate) struct Recorder {
    inner: Arc<Inner>,
    finish_max: Duration,
    stop: oneshot::Sender<Instant>,
    task: JoinHandle<()>,
}

impl Recorder {
    /// Starts the task that uploads.
    pub(crate) fn start(spec: &BroadcastSpec, config: &Config, store: Arc<dyn ObjectStore>) -> Self {
        let listing = |rendition: &RenditionSpec| {
            Listing::new(&rendition.name, rendition.timescale(), spec.target_duration_seconds())
        };
        let state = State {
            queue: Queue::new(config.store_queue_max),
            listings: spec.renditions.iter().map(listing).collect(),
            dirty: vec![false; spec.renditions.len()],
        };
        let inner = Arc::new(Inner {
            room: spec.room.clone(),
            epoch: spec.epoch.clone(),
            renditions: spec.renditions.iter().map(|rendition| rendition.name.clone()).collect(),
            playlist_seconds: config.playlist_seconds,
            uploader: Uploader::new(store, config),
            state: Mutex::new(state),
            wake: Notify::new(),
            stored: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            degraded: AtomicBool::new(false),
        });
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(work(inner.clone(), config.store_uploads_at_once, stopped));
        Self { inner, finish_max: config.store_finish_max(), stop, task }
    }

    /// Queues an init segment. Never waits.
    pub(crate) fn init(&self, rendition: RenditionId, map: u32, bytes: Bytes) {
        self.enqueue(Upload { rendition, key: UploadKey::Init(map), bytes });
    }

    /// Notes a completed segment and queues its bytes, if it has any. Never waits.
    pub(crate) fn segment(&self, rendition: RenditionId, segment: Completed) {
        self.inner.lock().listings[rendition.0].add(&segment);
        if let Some(bytes) = segment.bytes {
            self.enqueue(Upload { rendition, key: UploadKey::Segment(segment.msn), bytes });
        }
    }

    fn enqueue(&self, upload: Upload) {
        let given_up = self.inner.lock().queue.push(upload);
        if let Some(given_up) = given_up {
            self.inner.give_up(&given_up, "the upload queue is full");
        }
        self.inner.count_queue();
        self.inner.wake.notify_one();
    }

    /// Uploads the pending objects and the recording's playlists, for a bounded time.
    pub(crate) async fn finish(self, multivariant: String) -> Finished {
        let deadline = Instant::now() + self.finish_max;
        let _ = self.stop.send(deadline);
        let _ = self.task.await;
        self.inner.finish(multivariant, deadline).await
    }
}

/// The task: keeps up to `at_once` uploads going until it is stopped and the queue is empty, or its deadline has
/// passed.
async fn work(inner: Arc<Inner>, at_once: usize, mut stopped: oneshot::Receiver<Instant>) {
    let mut uploads = JoinSet::new();
    let mut under_way: Vec<Upload> = Vec::with_capacity(at_once);
    let mut deadline: Option<Instant> = None;
    loop {
        while uploads.len() < at_once
            && let Some(upload) = inner.next()
        {
            let inner = inner.clone();
            let which = (upload.rendition, upload.key);
            under_way.push(upload.clone());
            uploads.spawn(async move {
                inner.upload(upload).await;
                which
            });
        }
        if deadline.is_some() && uploads.is_empty() {
            break;
        }
        let expiry = deadline.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
        tokio::select! {
            Some(done) = uploads.join_next() => forget(&mut under_way, done.ok()),
            () = inner.wake.notified(), if deadline.is_none() => {}
            stop = &mut stopped, if deadline.is_none() => deadline = Some(stop.unwrap_or_else(|_| Instant::now())),
            () = tokio::time::sleep_until(expiry) => if deadline.is_some() { break },
        }
    }
    uploads.abort_all();
    while let Some(done) = uploads.join_next().await {
        forget(&mut under_way, done.ok());
    }
    for upload in under_way.into_iter().chain(std::iter::from_fn(|| inner.next())) {
        inner.give_up(&upload, "the broadcast's time to finish is over");
    }
}

/// Removes a finished upload from those under way. An aborted one, whose `done` is `None`, stays there.
fn forget(under_way: &mut Vec<Upload>, done: Option<(RenditionId, UploadKey)>) {
    under_way.retain(|upload| Some((upload.rendition, upload.key)) != done);
}

impl Inner {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> Option<Upload> {
        let next = self.lock().queue.pop();
        self.count_queue();
        next
    }

    fn count_queue(&self) {
        metrics::store_queue(self.lock().queue.len());
    }

    /// The place of an object of this broadcast in the store.
    fn path(&self, object: Object<'_>) -> Path {
        store_path(&self.room, ObjectKey::new(&self.epoch, object))
    }

    async fn upload(&self, upload: Upload) {
        let path = self.path(upload.key.object(&self.renditions[upload.rendition.0]));
        if !self.uploader.put_with_retries(&path, upload.bytes.clone(), PutMode::Create).await {
            return self.give_up(&upload, "its uploads failed");
        }
        self.stored.fetch_add(1, Relaxed);
        metrics::stored();
        self.degraded.store(false, Relaxed);
        if let UploadKey::Segment(msn) = upload.key {
            self.settle(upload.rendition, msn, Fate::Stored);
            self.put_running_playlist(upload.rendition).await;
        }
    }

    fn settle(&self, rendition: RenditionId, msn: u64, fate: Fate) {
        let mut state = self.lock();
        state.listings[rendition.0].settle(msn, fate);
        state.dirty[rendition.0] = true;
    }

    /// Writes the plain playlist unless another upload just did. One attempt: the next segment brings the next.
    async fn put_running_playlist(&self, rendition: RenditionId) {
        let text = {
            let mut state = self.lock();
            let dirty = std::mem::take(&mut state.dirty[rendition.0]);
            dirty.then(|| state.listings[rendition.0].running(self.playlist_seconds)).flatten()
        };
        let Some(text) = text else { return };
        let path = self.path(Object::Playlist { rendition: &self.renditions[rendition.0] });
        if !self.uploader.put(&path, text.into(), PutMode::Overwrite).await {
            tracing::debug!(%path, "plain playlist not stored");
        }
    }

    fn give_up(&self, upload: &Upload, why: &str) {
        self.failed.fetch_add(1, Relaxed);
        metrics::store_failed();
        if let UploadKey::Segment(msn) = upload.key {
            self.settle(upload.rendition, msn, Fate::Lost);
        }
        if !self.degraded.swap(true, Relaxed) {
            let (room, epoch, key) = (&self.room, &self.epoch, upload.key);
            tracing::warn!(room, epoch, ?key, why, "recording is degraded; the broadcast goes on");
        }
    }

    async fn finish(&self, multivariant: String, deadline: Instant) -> Finished {
        let (playlists, segments_stored, has_holes) = {
            let listings = &self.lock().listings;
            let playlists: Vec<String> = listings.iter().map(Listing::recording).collect();
            let stored: Vec<bool> = listings.iter().map(Listing::is_stored).collect();
            (playlists, stored, listings.iter().any(Listing::has_holes))
        };
        let media = |rendition: &String| self.path(Object::Playlist { rendition });
        let named = self.renditions.iter().map(media).zip(playlists.iter().cloned());
        let all = named.chain([(self.path(Object::Multivariant), multivariant)]);
        // The playlists are what makes a recording: they get their attempts even when the segments used up the time.
        let deadline = deadline.max(Instant::now() + self.uploader.attempt_max);
        let mut playlists_stored = true;
        for (path, text) in all {
            let put = self.uploader.put_with_retries(&path, text.into(), PutMode::Overwrite);
            if !matches!(timeout_at(deadline, put).await, Ok(true)) {
                playlists_stored = false;
                tracing::warn!(%path, "the recording's playlist could not be stored");
            }
        }
        if has_holes {
            tracing::warn!(room = self.room, epoch = self.epoch, "the recording has gaps");
        }
        let (stored, failed) = (self.stored.load(Relaxed), self.failed.load(Relaxed));
        Finished { playlists, playlists_stored, segments_stored, stored, failed }
    }
}
