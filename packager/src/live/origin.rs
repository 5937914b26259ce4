//! The read side of one broadcast: decides which bytes a request gets, and when.
//!
//! Knows paths and queries, no HTTP: `api` maps [`Served`] and [`NotServed`] onto responses. Paths are relative to
//! `/live/{room}/`: `index.m3u8`, `{epoch}/720p.m3u8`, `{epoch}/720p/…`. Other broadcasts of the room are not asked for
//! here, but of [`crate::Recordings`].
//!
//! A request that must wait holds a subscription to its rendition and a timer, nothing else; each part wakes the
//! waiters of its rendition once, and all of them share the bytes rendered for it. Their number is bounded.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::live::query::PlaylistQuery;
use crate::live::reload::Reload;
use crate::live::shared::{Recorded, Rendered, RenditionState, Shared, View};
use crate::metrics;
pub use crate::object::ObjectKind;
use crate::object::{Object, ObjectKey, Position};
pub use crate::served::{Body, NotServed, Served};

/// Answers requests for one broadcast. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Origin {
    pub(crate) shared: Arc<Shared>,
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
        let key = ObjectKey::parse(path).ok_or(NotServed::NotFound)?;
        let object = key.object();
        match key.epoch() {
            None => return self.multivariant(),
            Some(epoch) if epoch != self.epoch() => return Err(NotServed::NotFound),
            Some(_) => {}
        }
        let held = match object {
            Object::Multivariant => None,
            Object::Playlist { rendition } => return self.playlist(self.index_of(rendition)?, object, query).await,
            Object::Init { rendition, map } => self.state(rendition)?.read().init(map),
            Object::Segment { rendition, msn } => self.state(rendition)?.read().segment(msn),
            Object::Part { rendition, at } => Some(self.part(self.state(rendition)?, at).await?),
        };
        match held {
            Some(bytes) => Ok(Served { kind: object.live_kind(), body: Body::Held(bytes), gzip: None }),
            None => self.stored(object, query).await,
        }
    }

    /// Names the broadcast in its media URIs.
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

    /// The last request for each rendition, for its playlist or its media, in the order of the spec; `None`: there was
    /// none.
    pub fn asked_at(&self) -> Vec<Option<std::time::Instant>> {
        self.shared.demand.asked_at()
    }

    /// Done when a rendition was asked for that had not been for a second. For one who waits at a time.
    pub async fn asked(&self) {
        self.shared.demand.changed().await;
    }

    /// Requests that wait for a part or a playlist at this moment.
    pub fn waiting_requests(&self) -> usize {
        self.shared.waiting.load(Relaxed)
    }

    fn multivariant(&self) -> Result<Served, NotServed> {
        if !self.shared.live.load(Relaxed) {
            return Err(NotServed::NotFound);
        }
        let multivariant = self.shared.multivariant.read().unwrap_or_else(PoisonError::into_inner);
        let rendered = multivariant.as_ref().ok_or(NotServed::NotFound)?;
        Ok(serve(ObjectKind::Multivariant, rendered))
    }

    async fn playlist(&self, index: usize, object: Object<'_>, query: Option<&str>) -> Result<Served, NotServed> {
        if !self.shared.live.load(Relaxed) {
            return Err(NotServed::NotFound);
        }
        let directives = PlaylistQuery::parse(query.unwrap_or_default())?;
        let mut views = self.shared.renditions[index].view.subscribe();
        let since = Instant::now();
        let mut waiting = None;
        while !self.has_ended() {
            let view = current(&mut views).ok_or(NotServed::NotFound)?;
            match self.shared.rules.decide(view.progress, &directives, since.elapsed()) {
                Reload::Answer { .. } if view.progress.ended => break,
                Reload::Answer { delta } => {
                    let is_blocking = directives.msn.is_some();
                    let kind = if is_blocking { ObjectKind::BlockingPlaylist } else { ObjectKind::BarePlaylist };
                    return Ok(serve(kind, view.delta.as_ref().filter(|_| delta).unwrap_or(&view.full)));
                }
                Reload::Refuse(error) => return Err(error.into()),
                Reload::TimeOut => return Err(NotServed::TimedOut),
                Reload::Wait => {}
            }
            drop(view); // a held request must not keep an outdated playlist in memory
            if waiting.is_none() {
                waiting = Some(Waiting::begin(&self.shared)?);
            }
            // The request is late or was woken; the next round decides.
            let _ = timeout_at(since + self.shared.rules.hold_max, views.changed()).await;
        }
        drop(waiting);
        match self.ended_playlist(index, directives.msn.is_some()) {
            Some(served) => Ok(served),
            None => self.stored(object, query).await,
        }
    }

    /// A player that was watching gets the window with its ENDLIST: its media sequence must not run backwards. One that
    /// comes later gets the whole recording, once it is complete; until then the window is not to be cached for long
    /// under its bare name. `None`: the store is to be asked.
    fn ended_playlist(&self, index: usize, was_watching: bool) -> Option<Served> {
        let recorded = self.shared.recorded.read().unwrap_or_else(PoisonError::into_inner);
        let (recording, is_in_store) = match &*recorded {
            Recorded::NotYet => (None, false),
            Recorded::Held(playlists) => (playlists.get(index), false),
            Recorded::InStore => (None, true),
        };
        let recording = recording.map(|rendered| serve(ObjectKind::EndedPlaylist, rendered));
        if !was_watching && (recording.is_some() || is_in_store) {
            return recording;
        }
        let Some(view) = self.shared.renditions[index].view.borrow().clone() else { return recording };
        let settled = was_watching || self.shared.finished.load(Relaxed);
        Some(serve(if settled { ObjectKind::EndedPlaylist } else { ObjectKind::BarePlaylist }, &view.full))
    }

    /// A part that stands in the playlist, or the hinted one as soon as it is whole.
    async fn part(&self, state: &RenditionState, at: Position) -> Result<Bytes, NotServed> {
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

    /// Answers with an object that is not in memory any more, or never was. Reading from the store takes a kilobyte of
    /// its own, which requests that wait for a part would hold as well if it were not boxed.
    async fn stored(&self, object: Object<'_>, query: Option<&str>) -> Result<Served, NotServed> {
        let spec = &self.shared.spec;
        let recordings = self.shared.recordings.as_ref().ok_or(NotServed::NotFound)?;
        Box::pin(recordings.get(&spec.room, ObjectKey::new(&spec.epoch, object), query)).await
    }

    /// The rendition that a request is for, which counts as asked for.
    fn index_of(&self, rendition: &str) -> Result<usize, NotServed> {
        let renditions = &self.shared.spec.renditions;
        let index = renditions.iter().position(|known| known.name == rendition).ok_or(NotServed::NotFound)?;
        self.shared.demand.ask(index);
        Ok(index)
    }

    fn state(&self, rendition: &str) -> Result<&RenditionState, NotServed> {
        Ok(&self.shared.renditions[self.index_of(rendition)?])
    }
}

fn current(views: &mut watch::Receiver<Option<Arc<View>>>) -> Option<Arc<View>> {
    views.borrow_and_update().clone()
}

fn serve(kind: ObjectKind, rendered: &Rendered) -> Served {
    Served { kind, body: Body::Held(rendered.text.clone()), gzip: rendered.gzip.clone() }
}
