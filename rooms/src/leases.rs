//! How long leases of seats may run, so that a server which is started again oversells no room.
//!
//! A lease is short, and stands in its holder's token. Before a room's first lease, and about once a minute after that,
//! the database notes ahead until when leases may run. A server that finds such a note when it starts gives nobody else
//! a seat in the room until the longest lease of before has ended.

use std::collections::HashMap;

use access::RoomName;
use access::limits::SEAT_LEASE_MS;
use tokio::sync::Mutex;

use crate::store::Store;
use crate::{Error, Rooms};

/// How far ahead a note reaches.
const AHEAD_MS: i64 = 60_000;
const LEASE_MS: i64 = SEAT_LEASE_MS as i64;

/// The notes of every room.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    /// Rooms in which this process gives no new seats, and until when.
    held: HashMap<RoomName, i64>,
    /// Until when leases may run that this process has noted.
    noted: Mutex<HashMap<RoomName, i64>>,
}

impl Leases {
    /// The notes that an earlier process left.
    pub(crate) async fn read(store: &Store, now_utc_ms: i64) -> Result<Self, Error> {
        let noted = store.noted_leases(now_utc_ms).await?.into_iter();
        // No lease of before is younger than this process.
        let held = noted.map(|(room, until_utc_ms)| (room, until_utc_ms.min(now_utc_ms + LEASE_MS))).collect();
        Ok(Self { held, noted: Mutex::default() })
    }

    /// Forgets a room that was deleted.
    pub(crate) async fn forget(&self, room: &str) {
        self.noted.lock().await.remove(room);
    }
}

impl Rooms {
    /// Until when nobody gets a seat in the room but by a lease of before, milliseconds since the Unix epoch; 0: no
    /// such time. A room that was made again has nobody's leases, and is held for a moment all the same.
    pub fn seats_held_until_utc_ms(&self, room: &str) -> i64 {
        self.inner.leases.held.get(room).copied().unwrap_or_default()
    }

    /// Notes that a lease of a seat is about to be given in a room. Asks the database about once a minute.
    pub async fn note_lease(&self, room: &RoomName, now_utc_ms: i64) -> Result<(), Error> {
        let mut noted = self.inner.leases.noted.lock().await;
        if noted.get(room).is_some_and(|until_utc_ms| now_utc_ms + LEASE_MS <= *until_utc_ms) {
            return Ok(());
        }
        let until_utc_ms = now_utc_ms + LEASE_MS + AHEAD_MS;
        self.inner.store.note_leases(room, until_utc_ms).await?;
        noted.insert(room.clone(), until_utc_ms);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
