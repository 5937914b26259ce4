//! The rooms of this process, each behind a lock of its own, and where they are found: by name and by peer.
//!
//! A room is found first, then locked: no map is locked while a room is waited for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use access::RoomName;
use plane::PeerId;

use super::machine::Room;
use super::outboxes::Outboxes;

/// A room behind its lock.
pub(crate) struct Cell {
    inside: Mutex<Inside>,
}

/// A room, and the ways to its clients.
pub(super) struct Inside {
    pub(super) room: Room,
    pub(super) outboxes: Outboxes,
    /// The room was empty, and has been forgotten: a newcomer makes another of its name.
    pub(super) gone: bool,
}

impl Cell {
    pub(super) fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All rooms.
#[derive(Default)]
pub(super) struct Cells {
    named: RwLock<HashMap<RoomName, Arc<Cell>>>,
    /// The room of each peer that a media thread has, by the peer's serial number.
    of_peers: Mutex<HashMap<u32, Arc<Cell>>>,
}

impl Cells {
    /// The room of that name, if there is one.
    pub(super) fn named(&self, name: &str) -> Option<Arc<Cell>> {
        self.named.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// The room of that name, made if there is none.
    pub(super) fn named_or_make(&self, name: &RoomName, make: impl FnOnce() -> Room) -> Arc<Cell> {
        let make = || {
            let inside = Inside { room: make(), outboxes: Outboxes::default(), gone: false };
            Arc::new(Cell { inside: Mutex::new(inside) })
        };
        let mut named = self.named.write().unwrap_or_else(PoisonError::into_inner);
        named.entry(name.clone()).or_insert_with(make).clone()
    }

    /// Nobody is in a room any more.
    pub(super) fn forget(&self, name: &RoomName) {
        self.named.write().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    pub(super) fn names(&self) -> Vec<RoomName> {
        self.named.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    pub(super) fn all(&self) -> Vec<Arc<Cell>> {
        self.named.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// The room of a peer that a media thread has.
    pub(super) fn of_peer(&self, peer: PeerId) -> Option<Arc<Cell>> {
        self.of_peers().get(&peer.serial).cloned()
    }

    /// A media thread is given a peer.
    pub(super) fn add_peer(&self, peer: PeerId, cell: Arc<Cell>) {
        self.of_peers().insert(peer.serial, cell);
    }

    /// A media thread has forgotten a peer. Returns the room that it belonged to.
    pub(super) fn forget_peer(&self, peer: PeerId) -> Option<Arc<Cell>> {
        self.of_peers().remove(&peer.serial)
    }

    fn of_peers(&self) -> MutexGuard<'_, HashMap<u32, Arc<Cell>>> {
        self.of_peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every name and peer that is still known, in words.
    #[cfg(any(test, feature = "simulation"))]
    pub(super) fn remains(&self) -> Vec<String> {
        let named = self.named.read().unwrap_or_else(PoisonError::into_inner);
        let mut remains: Vec<String> = named.keys().map(|name| format!("room {name}")).collect();
        remains.extend(self.of_peers().keys().map(|serial| format!("peer {serial}")));
        remains
    }
}
