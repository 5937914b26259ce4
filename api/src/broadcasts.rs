//! Which rooms have a broadcast. Filled by whoever runs the broadcasts, asked by the origin's routes and the lobby.
//!
//! An ended broadcast stays (its playlists are the recording's) until another takes its place. That of a deleted room is listed
//! nowhere any more, and can still be fetched until it is forgotten: players learn from its playlists that it is over.

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
    retired: bool,
}

/// The broadcast of a deleted room; see [`Broadcasts::retire`].
pub struct Retired(Entry);

impl Broadcasts {
    /// From now on `playback` answers for `room`, which went on the air at `since`.
    pub fn insert(&self, room: &str, playback: Arc<dyn Playback>, since: SystemTime) {
        let mut by_room = self.by_room.write().unwrap_or_else(PoisonError::into_inner);
        by_room.insert(room.to_owned(), Entry { playback, since: since.into(), retired: false });
    }

    /// The room was deleted: nobody is shown its broadcast any more, but who has it can fetch its end. `None`: it had none.
    pub fn retire(&self, room: &str) -> Option<Retired> {
        let mut by_room = self.by_room.write().unwrap_or_else(PoisonError::into_inner);
        let entry = by_room.get_mut(room)?;
        entry.retired = true;
        Some(Retired(entry.clone()))
    }

    /// From now on a retired broadcast cannot be fetched either, if none has taken its place yet.
    pub fn forget(&self, room: &str, Retired(old): &Retired) {
        let mut by_room = self.by_room.write().unwrap_or_else(PoisonError::into_inner);
        if by_room.get(room).is_some_and(|entry| Arc::ptr_eq(&entry.playback, &old.playback)) {
            by_room.remove(room);
        }
    }

    /// Whether there is nothing that anybody could be watching.
    pub fn is_empty(&self) -> bool {
        self.by_room.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// What to list for a room.
    pub(crate) fn listed(&self, room: &str) -> Option<Entry> {
        self.get(room).filter(|entry| !entry.retired)
    }

    /// What can be fetched of a room.
    pub(crate) fn get(&self, room: &str) -> Option<Entry> {
        self.by_room.read().unwrap_or_else(PoisonError::into_inner).get(room).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::FakePlayback;

    #[test]
    fn a_deleted_rooms_broadcast_is_listed_no_more_and_fetched_until_it_is_forgotten() {
        let broadcasts = Broadcasts::default();
        let insert = || broadcasts.insert("demo", Arc::new(FakePlayback(None)), SystemTime::UNIX_EPOCH);
        assert!(broadcasts.retire("demo").is_none());
        insert();
        let old = broadcasts.retire("demo").unwrap();
        assert!(broadcasts.listed("demo").is_none() && broadcasts.get("demo").is_some());
        // The room was made again and has gone on the air.
        insert();
        broadcasts.forget("demo", &old);
        assert!(broadcasts.listed("demo").is_some());
        let new = broadcasts.retire("demo").unwrap();
        broadcasts.forget("demo", &new);
        assert!(broadcasts.get("demo").is_none() && broadcasts.is_empty());
    }
}
