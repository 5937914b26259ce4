//! `RoomAccess`: the facts in memory that decide about a room's viewers, read by every request of the origin.
//!
//! [`Accesses`] follows the table of rooms: [`super::Rooms`] writes both. A broadcast holds its room's [`RoomAccess`],
//! so that a change of visibility counts from the next request on, and a deleted room's last minute is watched by those
//! who could watch it before.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::{Room, Visibility};

/// One room's.
#[derive(Debug)]
pub struct RoomAccess {
    /// With the name it names this very room: one made again under the name has another.
    pub(crate) created_at_utc_ms: i64,
    private: AtomicBool,
}

impl RoomAccess {
    pub(crate) fn of(room: &Room) -> Self {
        let private = room.visibility == Visibility::Private;
        Self { created_at_utc_ms: room.created_at_utc_ms, private: private.into() }
    }

    /// Whether strangers are told nothing of it.
    pub(crate) fn is_private(&self) -> bool {
        self.private.load(Ordering::Acquire)
    }

    fn follow(&self, room: &Room) {
        self.private.store(room.visibility == Visibility::Private, Ordering::Release);
    }
}

/// Every room's, by name. Cheap to clone; every clone sees the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Accesses {
    by_room: Arc<RwLock<HashMap<String, Arc<RoomAccess>>>>,
}

impl Accesses {
    pub(super) fn get(&self, room: &str) -> Option<Arc<RoomAccess>> {
        self.by_room.read().unwrap_or_else(PoisonError::into_inner).get(room).cloned()
    }

    pub(super) fn made(&self, room: &Room) {
        let mut by_room = self.by_room.write().unwrap_or_else(PoisonError::into_inner);
        by_room.insert(room.name.clone(), Arc::new(RoomAccess::of(room)));
    }

    pub(super) fn changed(&self, room: &Room) {
        if let Some(access) = self.get(&room.name) {
            access.follow(room);
        }
    }

    pub(super) fn deleted(&self, room: &str) {
        self.by_room.write().unwrap_or_else(PoisonError::into_inner).remove(room);
    }
}
