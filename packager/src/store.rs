//! The recording: init segments and completed segments to an object store, then the playlists that name them.
//!
//! The live path only appends to a bounded queue. When that is full the oldest segment is given up, and counted: a full
//! disk or an unreachable store costs the recording and nothing else. Uploads are tried again with back-off, a few at
//! once. One task owns it all; `run.rs` ends it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use object_store::{ObjectStore, PutMode};
use tokio::sync::{Notify, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, timeout_at};

use crate::archive::{Archive, Fate};
use crate::delivery::{BroadcastSpec, RenditionId};
use crate::upload::Uploader;
use crate::upload_queue::{Object, Queue, Upload};
use crate::window::Segment;
use crate::{Config, metrics};

/// Read by the origin's status.
#[derive(Debug, Default)]
pub(crate) struct StoreCounters {
    pub(crate) stored: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) queued: AtomicU64,
    pub(crate) degraded: AtomicBool,
    /// Programme time of tick 0, for the playlists.
    pub(crate) programme_zero_utc_ms: std::sync::atomic::AtomicI64,
}

#[derive(Debug)]
struct State {
    queue: Queue,
    archives: Vec<Archive>,
    /// Renditions whose plain playlist is out of date.
    dirty: Vec<bool>,
}

#[derive(Debug)]
struct Inner {
    root: String,
    names: Vec<String>,
    playlist_seconds: u32,
    uploader: Uploader,
    state: Mutex<State>,
    wake: Notify,
    counters: Arc<StoreCounters>,
}

/// The recording of one broadcast.
#[derive(Debug)]
pub(crate) struct Recorder {
    inner: Arc<Inner>,
    finish_max: Duration,
    stop: oneshot::Sender<Instant>,
    task: JoinHandle<()>,
}

impl Recorder {
    pub(crate) fn start(
        spec: &BroadcastSpec,
        config: &Config,
        store: Arc<dyn ObjectStore>,
        counters: Arc<StoreCounters>,
    ) -> Self {
        let archive = |rendition: &crate::delivery::RenditionSpec| {
            Archive::new(&rendition.name, rendition.timescale(), spec.target_duration_seconds())
        };
        let state = State {
            queue: Queue::new(config.store_queue_max),
            archives: spec.renditions.iter().map(archive).collect(),
            dirty: vec![false; spec.renditions.len()],
        };
        let inner = Arc::new(Inner {
            root: format!("{}/{}", spec.room, spec.epoch),
            names: spec.renditions.iter().map(|rendition| rendition.name.clone()).collect(),
            playlist_seconds: config.playlist_seconds,
            uploader: Uploader::new(store, config),
            state: Mutex::new(state),
            wake: Notify::new(),
            counters,
        });
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(work(inner.clone(), config.store_uploads_at_once, stopped));
        Self { inner, finish_max: config.store_finish_max(), stop, task }
    }

    /// Queues an init segment. Never waits.
    pub(crate) fn init(&self, rendition: RenditionId, map: u32, bytes: Bytes) {
        self.enqueue(Upload { rendition, object: Object::Init(map), bytes });
    }

    /// Notes a completed segment and queues its bytes, if it has any. Never waits.
    pub(crate) fn segment(&self, rendition: RenditionId, segment: Segment) {
        self.inner.lock().archives[rendition.0].add(&segment);
        if let Some(bytes) = segment.bytes {
            self.enqueue(Upload { rendition, object: Object::Segment(segment.msn), bytes });
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

    /// Uploads what is pending and the recording's playlists, for a bounded time; answers with the media playlists, in
    /// order of rendition.
    pub(crate) async fn finish(self, master: String) -> Vec<String> {
        let deadline = Instant::now() + self.finish_max;
        let _ = self.stop.send(deadline);
        let _ = self.task.await;
        let inner = &self.inner;
        let zero_ms = inner.counters.programme_zero_utc_ms.load(Relaxed);
        let (playlists, holes) = {
            let state = inner.lock();
            let playlists: Vec<_> = state.archives.iter().map(|archive| archive.recording(zero_ms)).collect();
            (playlists, state.archives.iter().any(Archive::has_holes))
        };
        let named = inner.names.iter().map(|name| format!("{}/{name}.m3u8", inner.root)).zip(playlists.iter().cloned());
        let all = named.chain([(format!("{}/index.m3u8", inner.root), master)]);
        // The playlists are what makes a recording: they get their attempts even when the segments used up the time.
        let deadline = deadline.max(Instant::now() + inner.uploader.attempt_max);
        for (key, text) in all {
            let put = inner.uploader.put_with_retries(&key, text.into(), PutMode::Overwrite);
            if !matches!(timeout_at(deadline, put).await, Ok(true)) {
                inner.counters.degraded.store(true, Relaxed);
                tracing::warn!(key, "the recording's playlist could not be stored");
            }
        }
        if holes {
            tracing::warn!(root = %inner.root, "the recording has gaps");
        }
        playlists
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
            let object = (upload.rendition, upload.object);
            under_way.push(upload.clone());
            uploads.spawn(async move {
                inner.upload(upload).await;
                object
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

/// An upload that finished, one way or the other, is settled; one that was aborted is not.
fn forget(under_way: &mut Vec<Upload>, done: Option<(RenditionId, Object)>) {
    under_way.retain(|upload| Some((upload.rendition, upload.object)) != done);
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
        let queued = self.lock().queue.len();
        self.counters.queued.store(queued as u64, Relaxed);
        metrics::store_queue(queued);
    }

    async fn upload(&self, upload: Upload) {
        let name = &self.names[upload.rendition.0];
        let key = match upload.object {
            Object::Init(map) => format!("{}/{name}/init-{map}.mp4", self.root),
            Object::Segment(msn) => format!("{}/{name}/{msn}.m4s", self.root),
        };
        if !self.uploader.put_with_retries(&key, upload.bytes.clone(), PutMode::Create).await {
            return self.give_up(&upload, "its uploads failed");
        }
        self.counters.stored.fetch_add(1, Relaxed);
        metrics::stored();
        self.counters.degraded.store(false, Relaxed);
        if let Object::Segment(msn) = upload.object {
            self.settle(upload.rendition, msn, Fate::Stored);
            self.put_running_playlist(upload.rendition).await;
        }
    }

    fn settle(&self, rendition: RenditionId, msn: u64, fate: Fate) {
        let mut state = self.lock();
        state.archives[rendition.0].settle(msn, fate);
        state.dirty[rendition.0] = true;
    }

    /// Writes the plain playlist unless another upload just did. One attempt: the next segment brings the next.
    async fn put_running_playlist(&self, rendition: RenditionId) {
        let zero_ms = self.counters.programme_zero_utc_ms.load(Relaxed);
        let text = {
            let mut state = self.lock();
            let dirty = std::mem::take(&mut state.dirty[rendition.0]);
            dirty.then(|| state.archives[rendition.0].running(zero_ms, self.playlist_seconds)).flatten()
        };
        let Some(text) = text else { return };
        let key = format!("{}/{}.m3u8", self.root, self.names[rendition.0]);
        if !self.uploader.put(&key, text.into(), PutMode::Overwrite).await {
            tracing::debug!(key, "plain playlist not stored");
        }
    }

    fn give_up(&self, upload: &Upload, why: &str) {
        self.counters.failed.fetch_add(1, Relaxed);
        metrics::store_failed();
        if let Object::Segment(msn) = upload.object {
            self.settle(upload.rendition, msn, Fate::Lost);
        }
        if !self.counters.degraded.swap(true, Relaxed) {
            tracing::warn!(root = %self.root, object = ?upload.object, why, "recording is degraded; the broadcast goes on");
        }
    }
}
