//! The demand for broadcasts: rooms whose broadcast somebody waits for.
//!
//! Whoever joins and gets no seat, or asks for the playlist of a room that is not on the air, notes it here; the loop
//! that decides about overflow looks here, and is woken at once. Bounded: a room is forgotten [`MEMORY`] after it was
//! last asked for, and beyond [`ROOMS_MAX`] rooms further ones are not noted.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use access::RoomName;
use tokio::sync::Notify;

/// How long somebody who asked is taken to wait. Clients that are told to ask again do so within five seconds.
const MEMORY: Duration = Duration::from_secs(10);
const ROOMS_MAX: usize = 100_000;

/// The rooms that are asked for. Clones share one list.
#[derive(Clone, Debug, Default)]
pub struct Demand {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    asked_at: Mutex<HashMap<RoomName, Instant>>,
    news: Notify,
}

impl Demand {
    /// Somebody waits for a room's broadcast.
    pub(crate) fn ask(&self, room: &RoomName, now: Instant) {
        let mut asked_at = self.asked_at();
        if asked_at.len() >= ROOMS_MAX && !asked_at.contains_key(room) {
            return;
        }
        let before = asked_at.insert(room.clone(), now);
        if before.is_none_or(|before| now.saturating_duration_since(before) >= MEMORY) {
            self.inner.news.notify_one();
        }
    }

    /// The rooms whose broadcast somebody waits for.
    pub fn waited_for(&self, now: Instant) -> Vec<RoomName> {
        let mut asked_at = self.asked_at();
        asked_at.retain(|_, at| now.saturating_duration_since(*at) < MEMORY);
        asked_at.keys().cloned().collect()
    }

    /// Waits until a room is asked for that nobody has waited for lately. May be dropped while it waits.
    pub async fn news(&self) {
        self.inner.news.notified().await;
    }

    fn asked_at(&self) -> MutexGuard<'_, HashMap<RoomName, Instant>> {
        self.inner.asked_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn room_is_waited_for_until_nobody_has_asked_for_a_while() {
        let (demand, start) = (Demand::default(), Instant::now());
        let room: RoomName = "r".parse().unwrap();
        demand.ask(&room, start);
        demand.news().await;
        demand.ask(&room, start + Duration::from_secs(9));
        assert_eq!(demand.waited_for(start + Duration::from_secs(18)), std::slice::from_ref(&room));
        assert!(demand.waited_for(start + Duration::from_secs(19)).is_empty());
        demand.ask(&room, start + Duration::from_secs(30));
        demand.news().await;
    }
}
