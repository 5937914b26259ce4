//! A door for each room: whoever joins holds it open until the media plane has taken them in, and whoever ends the room
//! shuts it first. So nobody gets into a room that is being deleted, and nobody who comes to the next room of that name
//! is thrown out of it.
//!
//! Rooms share [`DOORS`] locks by a hash of their name. A lock is fair: one that is to be shut lets in nobody more, and
//! waits for those who are on their way.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::Arc;

use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

/// Locks that all rooms share. While one room ends, joins to one in so many others wait with it.
const DOORS: usize = 64;

#[derive(Debug)]
pub(crate) struct Doors {
    locks: [Arc<RwLock<()>>; DOORS],
    hasher: RandomState,
}

impl Default for Doors {
    fn default() -> Self {
        Self { locks: std::array::from_fn(|_| Arc::default()), hasher: RandomState::new() }
    }
}

/// Somebody is on their way in.
#[derive(Debug)]
pub(crate) struct Open {
    _lock: OwnedRwLockReadGuard<()>,
}

/// Nobody gets in.
#[derive(Debug)]
pub(crate) struct Shut {
    _lock: OwnedRwLockWriteGuard<()>,
}

impl Doors {
    pub(crate) async fn open(&self, room: &str) -> Open {
        Open { _lock: self.lock(room).read_owned().await }
    }

    pub(crate) async fn shut(&self, room: &str) -> Shut {
        Shut { _lock: self.lock(room).write_owned().await }
    }

    fn lock(&self, room: &str) -> Arc<RwLock<()>> {
        let index = self.hasher.hash_one(room) % DOORS as u64;
        self.locks[index as usize].clone()
    }
}
