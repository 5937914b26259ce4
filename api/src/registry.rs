//! The registry of origins: room → the origin that serves its broadcast. The server's director of broadcasts fills it;
//! the origin's routes and the lobby ask it.
//!
//! An ended broadcast stays (its playlists are the recording's) until another takes its place. The lobby no longer
//! lists the broadcast of a deleted room, but players can fetch it until it is forgotten: they learn from its playlists
//! that it is over.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use packager::{NotServed, Origin, Recordings, Served};
use rooms::RoomAccess;
use tokio::sync::watch;

use crate::media::BoxFuture;

/// The read side of one broadcast: [`Origin`], or a fake in tests.
pub trait Playback: Send + Sync {
    /// Answers a request for `path`, relative to `/live/{room}/`, possibly after waiting.
    fn get<'a>(&'a self, path: &'a str, query: Option<&'a str>) -> BoxFuture<'a, Result<Served, NotServed>>;

    /// Names the broadcast in its media URIs.
    fn epoch(&self) -> &str;

    /// Whether there is something to watch live.
    fn is_live(&self) -> bool;

    /// Whether it is over.
    fn has_ended(&self) -> bool;

    /// EXT-X-TARGETDURATION, seconds.
    fn target_duration_seconds(&self) -> u32;
}

impl Playback for Origin {
    fn get<'a>(&'a self, path: &'a str, query: Option<&'a str>) -> BoxFuture<'a, Result<Served, NotServed>> {
        Box::pin(Origin::get(self, path, query))
    }

    fn epoch(&self) -> &str {
        Origin::epoch(self)
    }

    fn is_live(&self) -> bool {
        Origin::is_live(self)
    }

    fn has_ended(&self) -> bool {
        Origin::has_ended(self)
    }

    fn target_duration_seconds(&self) -> u32 {
        Origin::target_duration_seconds(self)
    }
}

/// Room → its origin, and the origin of all rooms' earlier broadcasts. Clones share one registry. Holds at most one
/// entry a room.
#[derive(Clone, Default)]
pub struct OriginRegistry {
    by_room: Arc<RwLock<HashMap<String, Entry>>>,
    slots: Arc<RwLock<AirSlots>>,
    /// Counts broadcasts that were inserted.
    news: Arc<watch::Sender<u64>>,
    recordings: Option<Recordings>,
}

/// Rooms that hold one of the slots for being on the air.
#[derive(Default)]
struct AirSlots {
    held_by: HashSet<String>,
    slots_max: Option<usize>,
}

/// A registered broadcast.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) playback: Arc<dyn Playback>,
    /// When the room went on the air.
    pub(crate) since: DateTime<Utc>,
    /// Decides who may watch: the access of the broadcast's room.
    pub(crate) access: Arc<RoomAccess>,
    /// Whether the room has been deleted.
    retired: bool,
    /// When a player last asked for something of it, milliseconds since the Unix epoch.
    asked_at_utc_ms: Arc<AtomicI64>,
}

/// The run of a room's broadcast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BroadcastRun {
    /// Whether there is something to watch live.
    pub is_live: bool,
    /// Whether it is over.
    pub has_ended: bool,
    /// When a player or a cache last asked for something of it, milliseconds since the Unix epoch; 0: never.
    pub asked_at_utc_ms: i64,
}

impl Entry {
    /// A player asks for something of the broadcast.
    pub(crate) fn note_asked(&self) {
        self.asked_at_utc_ms.store(Utc::now().timestamp_millis(), Ordering::Relaxed);
    }
}

/// The broadcast of a deleted room; see [`OriginRegistry::retire`].
pub struct Retired(Entry);

impl OriginRegistry {
    /// A registry without broadcasts; `recordings` answers for earlier ones.
    pub fn new(recordings: Option<Recordings>) -> Self {
        Self { recordings, ..Self::default() }
    }

    /// The recordings of all rooms' earlier broadcasts; `None`: there are none.
    pub(crate) fn recordings(&self) -> Option<&Recordings> {
        self.recordings.as_ref()
    }

    /// Makes `playback` answer for `room`, which went on the air at `since`; `access` decides who may watch.
    pub fn insert(&self, room: &str, playback: Arc<dyn Playback>, since: SystemTime, access: Arc<RoomAccess>) {
        let mut by_room = self.by_room.write().unwrap_or_else(PoisonError::into_inner);
        let entry = Entry { playback, since: since.into(), access, retired: false, asked_at_utc_ms: Arc::default() };
        by_room.insert(room.to_owned(), entry);
        drop(by_room);
        self.news.send_modify(|count| *count += 1);
    }

    /// Notes the rooms that hold the slots for being on the air, of which there are `slots_max`.
    pub fn hold_slots(&self, rooms: impl Iterator<Item = String>, slots_max: usize) {
        let slots = AirSlots { held_by: rooms.collect(), slots_max: Some(slots_max) };
        *self.slots.write().unwrap_or_else(PoisonError::into_inner) = slots;
    }

    /// Whether `room` could not go on the air now, because others hold all slots.
    pub(crate) fn are_slots_taken(&self, room: &str) -> bool {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        !slots.held_by.contains(room) && slots.slots_max.is_some_and(|max| slots.held_by.len() >= max)
    }

    /// Takes the broadcast of a deleted room off every list; players that know its URL can still fetch its end. `None`:
    /// the room had none.
    pub fn retire(&self, room: &str) -> Option<Retired> {
        let mut by_room = self.by_room.write().unwrap_or_else(PoisonError::into_inner);
        let entry = by_room.get_mut(room)?;
        entry.retired = true;
        Some(Retired(entry.clone()))
    }

    /// Removes a retired broadcast, unless another has taken its place.
    pub fn forget(&self, room: &str, Retired(old): &Retired) {
        let mut by_room = self.by_room.write().unwrap_or_else(PoisonError::into_inner);
        if by_room.get(room).is_some_and(|entry| Arc::ptr_eq(&entry.playback, &old.playback)) {
            by_room.remove(room);
        }
    }

    /// Whether no room has a broadcast that a player could be watching.
    pub fn is_empty(&self) -> bool {
        self.by_room.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// The run of the broadcast of the room that was made at `created_at_utc_ms`.
    pub fn run_of(&self, room: &str, created_at_utc_ms: i64) -> Option<BroadcastRun> {
        let entry = self.listed(room, created_at_utc_ms)?;
        Some(BroadcastRun {
            is_live: entry.playback.is_live(),
            has_ended: entry.playback.has_ended(),
            asked_at_utc_ms: entry.asked_at_utc_ms.load(Ordering::Relaxed),
        })
    }

    /// Counts the broadcasts that were inserted: a change means that a room may have one.
    pub(crate) fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// The broadcast to list for the room that was made at `created_at_utc_ms`.
    pub(crate) fn listed(&self, room: &str, created_at_utc_ms: i64) -> Option<Entry> {
        self.get(room).filter(|entry| !entry.retired && entry.access.created_at_utc_ms == created_at_utc_ms)
    }

    /// The broadcast of a room that players can fetch, though the room may have been deleted.
    pub(crate) fn get(&self, room: &str) -> Option<Entry> {
        self.by_room.read().unwrap_or_else(PoisonError::into_inner).get(room).cloned()
    }
}

#[cfg(test)]
mod tests {
    use rooms::{Room, RoomSettings};

    use super::*;
    use crate::testing::FakePlayback;

    #[test]
    fn broadcast_of_a_deleted_room_is_unlisted_and_fetched_until_forgotten() {
        let registry = OriginRegistry::default();
        let insert = |created_at_utc_ms| {
            let room = Room::new("demo".parse().unwrap(), created_at_utc_ms, RoomSettings::default());
            let access = Arc::new(RoomAccess::of(&room));
            registry.insert("demo", Arc::new(FakePlayback::new(None)), SystemTime::UNIX_EPOCH, access);
        };
        assert!(registry.retire("demo").is_none());
        insert(1);
        assert!(registry.listed("demo", 1).is_some());
        assert!(registry.listed("demo", 2).is_none(), "the room was made again, and this is not known here yet");
        let old = registry.retire("demo").unwrap();
        assert!(registry.listed("demo", 1).is_none() && registry.get("demo").is_some());
        // The room was made again and has gone on the air.
        insert(2);
        registry.forget("demo", &old);
        assert!(registry.listed("demo", 2).is_some());
        let new = registry.retire("demo").unwrap();
        registry.forget("demo", &new);
        assert!(registry.get("demo").is_none() && registry.is_empty());
    }

    #[test]
    fn slots_are_taken_for_rooms_that_hold_none() {
        let registry = OriginRegistry::default();
        assert!(!registry.are_slots_taken("a"), "nobody has counted yet");
        registry.hold_slots(["a".to_owned()].into_iter(), 2);
        assert!(!registry.are_slots_taken("b"));
        registry.hold_slots(["a".to_owned(), "b".to_owned()].into_iter(), 2);
        assert_eq!(["a", "b", "c"].map(|room| registry.are_slots_taken(room)), [false, false, true]);
        registry.hold_slots(std::iter::empty(), 0);
        assert!(registry.are_slots_taken("a"));
    }
}
