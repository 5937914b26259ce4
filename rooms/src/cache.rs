//! What is kept of the tables in memory, so that a join asks no database. Written by [`crate::Rooms`] with each row.
//!
//! Every room's [`RoomAccess`] is here, so a room without one does not exist. Of whole rows there are at most
//! [`ROWS_MAX`]: a further one takes the place of any other.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use access::RoomName;

use crate::{Room, RoomAccess};

/// Rows kept at once. The longest, with its metadata, takes 64 KiB; most take a few hundred bytes.
const ROWS_MAX: usize = 1024;

#[derive(Debug, Default)]
pub(crate) struct Cache(RwLock<Entries>);

#[derive(Debug, Default)]
struct Entries {
    accesses: HashMap<RoomName, Arc<RoomAccess>>,
    rows: HashMap<RoomName, Arc<Room>>,
}

impl Cache {
    fn read(&self) -> RwLockReadGuard<'_, Entries> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Entries> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn access(&self, name: &str) -> Option<Arc<RoomAccess>> {
        self.read().accesses.get(name).cloned()
    }

    pub(crate) fn row(&self, name: &str) -> Option<Arc<Room>> {
        self.read().rows.get(name).cloned()
    }

    pub(crate) fn made(&self, room: &Arc<Room>) {
        let mut entries = self.write();
        entries.accesses.insert(room.name.clone(), Arc::new(RoomAccess::of(room)));
        entries.keep(room);
    }

    /// The row was read, or changed.
    pub(crate) fn changed(&self, room: &Arc<Room>) {
        let mut entries = self.write();
        if let Some(access) = entries.accesses.get(&room.name) {
            access.follow(room);
        }
        entries.keep(room);
    }

    /// Every room there is was read again. Whoever holds the [`RoomAccess`] of one that stays sees it change.
    pub(crate) fn reread(&self, rooms: Vec<Room>) {
        let mut entries = self.write();
        let mut before = std::mem::take(&mut *entries);
        for room in rooms.into_iter().map(Arc::new) {
            let known = before.accesses.remove(&room.name);
            let access = known.filter(|access| access.created_at_utc_ms == room.created_at_utc_ms);
            let access = access.unwrap_or_else(|| Arc::new(RoomAccess::of(&room)));
            access.follow(&room);
            entries.accesses.insert(room.name.clone(), access);
            entries.keep(&room);
        }
    }

    pub(crate) fn deleted(&self, name: &str) {
        let mut entries = self.write();
        entries.accesses.remove(name);
        entries.rows.remove(name);
    }

    #[cfg(test)]
    pub(crate) fn rows(&self) -> usize {
        self.read().rows.len()
    }

    #[cfg(test)]
    pub(crate) fn forget_rows(&self) {
        self.write().rows.clear();
    }
}

impl Entries {
    fn keep(&mut self, room: &Arc<Room>) {
        if self.rows.len() >= ROWS_MAX
            && !self.rows.contains_key(&room.name)
            && let Some(other) = self.rows.keys().next().cloned()
        {
            self.rows.remove(&other);
        }
        self.rows.insert(room.name.clone(), room.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RoomSettings;

    #[test]
    fn cache_knows_every_room_and_keeps_a_bounded_number_of_rows() {
        let cache = Cache::default();
        let room = |number: usize| {
            let name = format!("room-{number}").parse().unwrap();
            Arc::new(Room::new(name, 0, RoomSettings::default()))
        };
        for number in 0..ROWS_MAX + 10 {
            cache.made(&room(number));
        }
        assert_eq!(cache.rows(), ROWS_MAX);
        assert!((0..ROWS_MAX + 10).all(|number| cache.access(&format!("room-{number}")).is_some()));
        cache.changed(&room(0));
        assert_eq!((cache.rows(), cache.row("room-0")), (ROWS_MAX, Some(room(0))));
        cache.deleted("room-0");
        assert!(cache.row("room-0").is_none() && cache.access("room-0").is_none());
    }

    #[test]
    fn rooms_that_are_read_again_keep_their_access_unless_they_were_made_anew() {
        let room = |name: &str, created_at_utc_ms| {
            let room = Room::new(name.parse().unwrap(), created_at_utc_ms, RoomSettings::default());
            Room { title: format!("{created_at_utc_ms}"), ..room }
        };
        let cache = Cache::default();
        ["gone", "same", "again"].iter().for_each(|name| cache.made(&Arc::new(room(name, 1))));
        let [same, again] = ["same", "again"].map(|name| cache.access(name).unwrap());
        let changed = Room { visibility: crate::Visibility::Public, ..room("same", 1) };
        cache.reread(vec![changed.clone(), room("again", 2), room("new", 3)]);
        assert!(cache.access("gone").is_none() && cache.row("gone").is_none() && cache.access("new").is_some());
        assert!(Arc::ptr_eq(&same, &cache.access("same").unwrap()) && !same.is_private());
        assert_eq!(cache.row("same").as_deref(), Some(&changed));
        assert!(!Arc::ptr_eq(&again, &cache.access("again").unwrap()));
    }
}
