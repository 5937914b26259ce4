//! Reading and keeping rows; the turns of those who change them.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use access::RoomName;
use tokio::sync::MutexGuard;

use super::Inner;
use crate::{Error, Room};

/// How long a change waits for others: while the database does not answer, each takes some seconds.
const TURN_MAX: Duration = Duration::from_secs(10);

impl Inner {
    /// A room, from memory if its row is kept there.
    pub(super) async fn room(&self, name: &str) -> Result<Arc<Room>, Error> {
        if let Some(room) = self.cache.row(name) {
            return Ok(room);
        }
        if self.cache.access(name).is_none() && !self.is_in_doubt.load(Ordering::Acquire) {
            return Err(Error::UnknownRoom);
        }
        // Nobody may change the row between reading and keeping it.
        let _turn = self.turn().await?;
        self.known_room(name).await
    }

    /// As [`room`](Self::room), for who holds `writing`.
    pub(super) async fn known_room(&self, name: &str) -> Result<Arc<Room>, Error> {
        if let Some(room) = self.cache.row(name) {
            return Ok(room);
        }
        if self.cache.access(name).is_none() {
            return Err(Error::UnknownRoom);
        }
        let room = Arc::new(self.store.room(name).await?);
        self.cache.changed(&room);
        Ok(room)
    }

    /// Adds a room. For who holds `writing`.
    pub(super) async fn make(&self, room: Arc<Room>, rooms_max: u32) -> Result<Arc<Room>, Error> {
        if self.cache.access(&room.name).is_some() {
            return Err(Error::RoomExists);
        }
        self.noted(self.store.insert_room(&room, rooms_max).await)?;
        self.cache.made(&room);
        Ok(room)
    }

    /// Waits until nobody else changes anything. What is kept in memory is what the database says.
    pub(crate) async fn turn(&self) -> Result<MutexGuard<'_, ()>, Error> {
        let turn = tokio::time::timeout(TURN_MAX, self.writing.lock()).await.map_err(|_| Error::Busy)?;
        if self.is_in_doubt.load(Ordering::Acquire) {
            let (rooms, ingresses) = (self.store.rooms().await?, self.store.ingresses().await?);
            let (newest_order, newest_fact) = (self.store.newest_order().await?, self.store.newest_fact().await?);
            self.cache.reread(rooms);
            let ingresses = ingresses.into_iter().map(|ingress| (ingress.id, ingress.room)).collect();
            *self.ingresses.write().unwrap_or_else(PoisonError::into_inner) = ingresses;
            self.tell(Some(newest_order));
            self.facts.written(Some(newest_fact));
            self.is_in_doubt.store(false, Ordering::Release);
        }
        Ok(turn)
    }

    /// Passes on how a change ended, and remembers a doubt. For who holds `writing`.
    pub(crate) fn noted<T>(&self, done: Result<T, Error>) -> Result<T, Error> {
        if done.as_ref().is_err_and(Error::leaves_doubt) {
            self.is_in_doubt.store(true, Ordering::Release);
        }
        done
    }

    /// The room of an ingress that exists.
    pub(crate) fn ingress_room(&self, id: &str) -> Option<RoomName> {
        self.ingresses.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    pub(super) fn tell(&self, seq: Option<i64>) {
        if let Some(seq) = seq {
            self.newest_order.send_modify(|newest| *newest = seq.max(*newest));
        }
    }
}
