//! Which rooms have a broadcast. Filled by whoever runs the broadcasts, asked by the origin's routes and the lobby.
//!
//! An ended broadcast stays listed (its playlists are the recording's) until another takes its place or the room goes.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use packager::Origin;
use packager::origin::{NotServed, Served};

use crate::stage::BoxFuture;

/// The read side of one broadcast. [`Origin`] in production; tests bring their own.
pub trait Playback: Send + Sync {
    /// Answers a request for `path`, relative to `/live/{room}/`, possibly after waiting.
    fn get<'a>(&'a self, path: &'a str, query: Option<&'a str>) -> BoxFuture<'a, Result<Served, NotServed>>;

    /// Whether there is something to watch live.
    fn is_live(&self) -> bool;

    /// EXT-X-TARGETDURATION, seconds.
    fn target_duration_seconds(&self) -> u32;
}

impl Playback for Origin {
    fn get<'a>(&'a self, path: &'a str, query: Option<&'a str>) -> BoxFuture<'a, Result<Served, NotServed>> {
        Box::pin(Origin::get(self, path, query))
    }

    fn is_live(&self) -> bool {
        Origin::is_live(self)
    }

    fn target_duration_seconds(&self) -> u32 {
        Origin::target_duration_seconds(self)
    }
}

/// Room → its broadcast. Cloneable; every clone sees the same. Holds as many entries as there are rooms.
#[derive(Clone, Default)]
pub struct Broadcasts {
    by_room: Arc<RwLock<HashMap<String, Entry>>>,
}

#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) playback: Arc<dyn Playback>,
    pub(crate) since: DateTime<Utc>,
}

impl Broadcasts {
    /// From now on `playback` answers for `room`, which went on the air at `since`.
    pub fn insert(&self, room: &str, playback: Arc<dyn Playback>, since: SystemTime) {
        let mut by_room = self.by_room.write().unwrap_or_else(PoisonError::into_inner);
        by_room.insert(room.to_owned(), Entry { playback, since: since.into() });
    }

    /// The room has no broadcast any more, not even a recording.
    pub fn remove(&self, room: &str) {
        self.by_room.write().unwrap_or_else(PoisonError::into_inner).remove(room);
    }

    pub(crate) fn get(&self, room: &str) -> Option<Entry> {
        self.by_room.read().unwrap_or_else(PoisonError::into_inner).get(room).cloned()
    }
}
