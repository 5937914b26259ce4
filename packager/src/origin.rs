//! The read side: what does this request get, and when?
//!
//! Knows paths and queries, no HTTP: `api` maps [`Served`] and [`NotServed`] onto responses. Paths are relative to
//! `/live/{room}/`: `index.m3u8`, `{epoch}/720p.m3u8`, `{epoch}/720p/…`.
//!
//! A request that must wait holds a subscription to its rendition and a timer, nothing else; each part wakes the
//! waiters of its rendition once, and all of them share the bytes rendered for it. Their number is bounded.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use object_store::{ObjectStoreExt as _, path::Path as StorePath};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::grid::Position;
use crate::metrics;
use crate::path::Object;
use crate::query::PlaylistQuery;
use crate::reload::Reload;
use crate::shared::{Rendered, Shared, View};

/// A body that can be sent, and what kind of object it is (the cache policy hangs on that).
#[derive(Clone, Debug)]
pub struct Served {
    /// What it is.
    pub kind: ObjectKind,
    /// The body.
    pub body: Bytes,
    /// The same body, gzipped once for everybody who asks for it so. Playlists only.
    pub gzip: Option<Bytes>,
}

/// What kind of object a [`Served`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectKind {
    /// The multivariant playlist.
    Multivariant,
    /// A media playlist that was asked for with `_HLS_msn`.
    BlockingPlaylist,
    /// A media playlist without delivery directives.
    BarePlaylist,
    /// A playlist with EXT-X-ENDLIST.
    EndedPlaylist,
    /// An init segment, a segment or a part of fMP4 video.
    VideoMedia,
    /// The same of audio.
    AudioMedia,
}

/// Why a request gets no body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotServed {
    /// The query breaks the protocol's rules (400).
    #[error("{0}")]
    BadRequest(String),
    /// No such object, now or ever (404).
    #[error("no such object")]
    NotFound,
    /// Blocked longer than three target durations (503).
    #[error("the playlist did not advance in time")]
    TimedOut,
    /// Too many requests are waiting already (503).
    #[error("too many blocked requests")]
    TooManyWaiting,
}

/// One broadcast, to be asked. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Origin {
    pub(crate) shared: Arc<Shared>,
}

/// How a broadcast stands, for metrics and operators.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OriginStatus {
    /// Programme time of the live edge (the earliest rendition's), UTC, milliseconds since the Unix epoch.
    pub live_edge_utc_ms: Option<i64>,
    /// Requests that wait for a part or a playlist.
    pub waiting_requests: usize,
    /// Bytes of media in memory.
    pub media_bytes_held: usize,
    /// Objects stored.
    pub store_stored: u64,
    /// Segments and init segments given up.
    pub store_failed: u64,
    /// Objects that await their upload.
    pub store_queued: u64,
    /// The recording lacks something, or is about to.
    pub recording_degraded: bool,
}

/// Counts a waiting request for as long as it lives.
struct Waiting<'a>(&'a Shared);

impl<'a> Waiting<'a> {
    fn begin(shared: &'a Shared) -> Result<Self, NotServed> {
        if shared.waiting.fetch_add(1, Relaxed) >= shared.waiting_requests_max {
            shared.waiting.fetch_sub(1, Relaxed);
            return Err(NotServed::TooManyWaiting);
        }
        metrics::waiting(1.0);
        Ok(Self(shared))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Relaxed);
        metrics::waiting(-1.0);
    }
}

impl Origin {
    /// Answers a request for `path` (below `/live/{room}/`), possibly after waiting for it up to three target
    /// durations. Dropping the future withdraws the request.
    pub async fn get(&self, path: &str, query: Option<&str>) -> Result<Served, NotServed> {
        let object = Object::parse(path).ok_or(NotServed::NotFound)?;
        match object {
            Object::Multivariant => self.multivariant(),
            Object::Playlist { epoch, rendition } => match self.index_of(epoch, rendition) {
                Some(index) => self.playlist(index, query.unwrap_or_default()).await,
                None => self.stored(path, rendition, ObjectKind::EndedPlaylist).await,
            },
            Object::Init { epoch, rendition, map } => {
                let held = self.index_of(epoch, rendition).and_then(|at| self.shared.renditions[at].read().init(map));
                self.held_or_stored(held, path, rendition).await
            }
            Object::Segment { epoch, rendition, msn } => {
                let held =
                    self.index_of(epoch, rendition).and_then(|at| self.shared.renditions[at].read().segment(msn));
                self.held_or_stored(held, path, rendition).await
            }
            Object::Part { epoch, rendition, at } => {
                let index = self.index_of(epoch, rendition).ok_or(NotServed::NotFound)?;
                let body = self.part(index, at).await?;
                Ok(Served { kind: self.media_kind(rendition), body, gzip: None })
            }
        }
    }

    /// Marks this run's media URIs.
    pub fn epoch(&self) -> &str {
        &self.shared.spec.epoch
    }

    /// Whether the first playlist can be served, and the broadcast has not ended.
    pub fn is_live(&self) -> bool {
        self.shared.live.load(Relaxed) && !self.has_ended()
    }

    /// Whether the playlists have ended.
    pub fn has_ended(&self) -> bool {
        self.shared.ended.load(Relaxed)
    }

    /// EXT-X-TARGETDURATION, seconds: the cache policy hangs on it.
    pub fn target_duration_seconds(&self) -> u32 {
        self.shared.spec.target_duration_seconds()
    }

    /// How the broadcast stands.
    pub fn status(&self) -> OriginStatus {
        let shared = &*self.shared;
        let zero_ms = shared.programme_zero_utc_ms.load(Relaxed);
        let edge = |state: &crate::shared::RenditionState| {
            let window = state.read();
            Some(crate::playlist::instant(zero_ms, window.live_edge()?, window.timescale()).timestamp_millis())
        };
        let store = &shared.store_counters;
        OriginStatus {
            live_edge_utc_ms: shared.renditions.iter().filter_map(edge).min(),
            waiting_requests: shared.waiting.load(Relaxed),
            media_bytes_held: shared.renditions.iter().map(|state| state.read().bytes_held()).sum(),
            store_stored: store.stored.load(Relaxed),
            store_failed: store.failed.load(Relaxed),
            store_queued: store.queued.load(Relaxed),
            recording_degraded: store.degraded.load(Relaxed),
        }
    }

    fn multivariant(&self) -> Result<Served, NotServed> {
        if !self.shared.live.load(Relaxed) {
            return Err(NotServed::NotFound);
        }
        let multivariant = self.shared.multivariant.read().unwrap_or_else(PoisonError::into_inner);
        let rendered = multivariant.as_ref().ok_or(NotServed::NotFound)?;
        Ok(serve(ObjectKind::Multivariant, rendered))
    }

    async fn playlist(&self, index: usize, query: &str) -> Result<Served, NotServed> {
        if !self.shared.live.load(Relaxed) {
            return Err(NotServed::NotFound);
        }
        if self.has_ended() {
            return self.ended_playlist(index, query.contains("_HLS_msn"));
        }
        let refuse = |error: crate::QueryError| NotServed::BadRequest(error.to_string());
        let query = PlaylistQuery::parse(query).map_err(refuse)?;
        let mut views = self.shared.renditions[index].view.subscribe();
        let since = Instant::now();
        let mut waiting = None;
        loop {
            let view = current(&mut views).ok_or(NotServed::NotFound)?;
            match self.shared.rules.decide(view.progress, &query, since.elapsed()) {
                Reload::Answer { delta } => {
                    if view.progress.ended {
                        return self.ended_playlist(index, query.msn.is_some());
                    }
                    let kind =
                        if query.msn.is_some() { ObjectKind::BlockingPlaylist } else { ObjectKind::BarePlaylist };
                    return Ok(serve(kind, view.delta.as_ref().filter(|_| delta).unwrap_or(&view.full)));
                }
                Reload::Refuse(error) => return Err(refuse(error)),
                Reload::TimeOut => return Err(NotServed::TimedOut),
                Reload::Wait => {}
            }
            drop(view); // a held request must not keep an outdated playlist in memory
            if waiting.is_none() {
                waiting = Some(Waiting::begin(&self.shared)?);
            }
            // Late or woken: the next round decides.
            let _ = timeout_at(since + self.shared.rules.hold_max, views.changed()).await;
        }
    }

    /// Who was watching gets the window with its ENDLIST: his media sequence must not run backwards. Who comes later
    /// gets the whole recording, once it is complete; until then the window is not to be cached for long under its bare
    /// name.
    fn ended_playlist(&self, index: usize, was_watching: bool) -> Result<Served, NotServed> {
        let recording = self.shared.recording.read().unwrap_or_else(PoisonError::into_inner);
        if let (Some(rendered), false) = (recording.get(index), was_watching) {
            return Ok(serve(ObjectKind::EndedPlaylist, rendered));
        }
        let view = self.shared.renditions[index].view.borrow().clone().ok_or(NotServed::NotFound)?;
        let settled = was_watching || self.shared.finished.load(Relaxed);
        Ok(serve(if settled { ObjectKind::EndedPlaylist } else { ObjectKind::BarePlaylist }, &view.full))
    }

    /// A part that stands in the playlist, or the hinted one as soon as it is whole.
    async fn part(&self, index: usize, at: Position) -> Result<Bytes, NotServed> {
        let state = &self.shared.renditions[index];
        let mut views = state.view.subscribe();
        views.mark_unchanged();
        let progress = state.read().progress();
        if at == progress.next && !progress.ended {
            let _waiting = Waiting::begin(&self.shared)?;
            let passed =
                views.wait_for(|view| view.as_ref().is_some_and(|view| view.progress.next > at || view.progress.ended));
            let passed = timeout_at(Instant::now() + self.shared.rules.hold_max, passed).await;
            passed.map_err(|_| NotServed::TimedOut)?.map_err(|_| NotServed::NotFound)?;
        }
        state.read().part(at).ok_or(NotServed::NotFound)
    }

    async fn held_or_stored(&self, held: Option<Bytes>, path: &str, rendition: &str) -> Result<Served, NotServed> {
        let kind = self.media_kind(rendition);
        match held {
            Some(body) => Ok(Served { kind, body, gzip: None }),
            None => self.stored(path, rendition, kind).await,
        }
    }

    /// Rewound beyond memory, or of an earlier run.
    async fn stored(&self, path: &str, _rendition: &str, kind: ObjectKind) -> Result<Served, NotServed> {
        let store = self.shared.store.as_ref().ok_or(NotServed::NotFound)?;
        let key = StorePath::from(format!("{}/{path}", self.shared.spec.room));
        let got = store.get(&key).await.map_err(|_| NotServed::NotFound)?;
        let body = got.bytes().await.map_err(|_| NotServed::NotFound)?;
        // A run that was cut off left a playlist without its end.
        let open = kind == ObjectKind::EndedPlaylist && !body.ends_with(b"#EXT-X-ENDLIST\n");
        Ok(Served { kind: if open { ObjectKind::BarePlaylist } else { kind }, body, gzip: None })
    }

    fn index_of(&self, epoch: &str, rendition: &str) -> Option<usize> {
        let spec = &self.shared.spec;
        (epoch == spec.epoch).then(|| spec.renditions.iter().position(|known| known.name == rendition))?
    }

    fn media_kind(&self, rendition: &str) -> ObjectKind {
        // Earlier runs may have had other rungs, but their audio was called the same.
        let audio = self.shared.spec.renditions.iter().any(|known| known.is_audio() && known.name == rendition);
        if audio { ObjectKind::AudioMedia } else { ObjectKind::VideoMedia }
    }
}

fn current(views: &mut watch::Receiver<Option<Arc<View>>>) -> Option<Arc<View>> {
    views.borrow_and_update().clone()
}

fn serve(kind: ObjectKind, rendered: &Rendered) -> Served {
    Served { kind, body: rendered.text.clone(), gzip: rendered.gzip.clone() }
}
