//! The rooms that exist, and the rules of making, changing, entering and ending them.
//!
//! A change reads, decides, writes row and order in one transaction, and then what is kept in memory; changes come one
//! after the other. Where the database's answer to a change is lost, everything is read again before the next one.
//! Whoever enters holds the room's door open meanwhile ([`Entry`]), and whoever ends it shuts it
//! first.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};
use std::time::SystemTime;

use access::RoomName;
use tokio::sync::{Mutex, watch};

use crate::cache::Cache;
use crate::doors::{Doors, Open};
use crate::facts::FactQueue;
use crate::leases::Leases;
use crate::store::Store;
use crate::{DatabaseUrl, Error, Fact, Order, Orders, Room, RoomAccess, RoomSettings};

mod inner;

/// The rooms. Cheap to clone; every clone sees the same.
#[derive(Clone, Debug)]
pub struct Rooms {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) cache: Cache,
    pub(crate) doors: Doors,
    pub(crate) leases: Leases,
    pub(crate) facts: FactQueue,
    /// Id of every ingress → its room.
    pub(crate) ingresses: RwLock<HashMap<String, RoomName>>,
    /// Held while rows and what is kept of them in memory are written, so that both have the same last word.
    writing: Mutex<()>,
    /// A change failed, and may have been made all the same.
    is_in_doubt: AtomicBool,
    /// The number of the newest order.
    newest_order: Arc<watch::Sender<i64>>,
    orders_max: u32,
}

/// How a room is made that somebody enters and that does not exist.
#[derive(Clone, Copy, Debug)]
pub struct MakeRoom {
    /// How it is set.
    pub settings: RoomSettings,
    /// How long it may be empty, seconds; 0: for ever.
    pub idle_end_seconds: u32,
    /// UTC, milliseconds since the Unix epoch.
    pub now_utc_ms: i64,
    /// As many rooms may exist.
    pub rooms_max: u32,
}

/// Somebody is entering a room: as long as this is kept, the room is not ended, and no ingress into it deleted. To be
/// dropped when the media plane knows whoever enters.
#[derive(Debug)]
pub struct Entry {
    /// The room.
    pub room: Arc<Room>,
    _open: Open,
}

impl Rooms {
    /// Opens the database and brings its tables up to date; a SQLite file is created with its folder where it is
    /// missing. A change that would leave more than `orders_max` orders to followers is refused.
    pub async fn open(database: &DatabaseUrl, orders_max: u32) -> Result<Self, Error> {
        let store = Store::open(database).await?;
        let cache = Cache::default();
        store.rooms().await?.into_iter().for_each(|room| cache.made(&Arc::new(room)));
        let ingresses = store.ingresses().await?.into_iter().map(|ingress| (ingress.id, ingress.room));
        let inner = Inner {
            cache,
            doors: Doors::default(),
            leases: Leases::read(&store, now_utc_ms()).await?,
            facts: FactQueue::new(store.newest_fact().await?),
            ingresses: RwLock::new(ingresses.collect()),
            writing: Mutex::default(),
            is_in_doubt: AtomicBool::default(),
            newest_order: Arc::new(watch::Sender::new(store.newest_order().await?)),
            orders_max,
            store,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// When the room of that name was made, UTC, milliseconds since the Unix epoch: read from the database of a server
    /// that may be running. Nothing is created, changed or brought up to date.
    pub async fn created_at_utc_ms(database: &DatabaseUrl, name: &str) -> Result<i64, Error> {
        Store::created_at_utc_ms(database, name).await
    }

    /// Every room, by name.
    pub async fn list(&self) -> Result<Vec<Room>, Error> {
        self.inner.store.rooms().await
    }

    /// One room, from memory where it is known.
    pub async fn get(&self, name: &str) -> Result<Room, Error> {
        self.inner.room(name).await.map(|room| Room::clone(&room))
    }

    /// The facts that decide about a room's viewers, from memory. `None`: there is no such room.
    pub fn access(&self, name: &str) -> Option<Arc<RoomAccess>> {
        self.inner.cache.access(name)
    }

    /// Adds a room, unless there is one of that name or `rooms_max` are there already.
    pub async fn create(&self, room: Room, rooms_max: u32) -> Result<Room, Error> {
        room.validate()?;
        let (inner, room) = (self.inner.clone(), Arc::new(room));
        let room = to_the_end(async move {
            let _turn = inner.turn().await?;
            inner.make(room, rooms_max).await
        });
        Ok(Room::clone(&*room.await?))
    }

    /// Changes a room that exists: all but its name and when it was made. Whoever follows orders or facts is told.
    pub async fn change(&self, name: &str, change: impl FnOnce(&mut Room) + Send + 'static) -> Result<Room, Error> {
        let (inner, name) = (self.inner.clone(), name.to_owned());
        to_the_end(async move {
            let _turn = inner.turn().await?;
            let before = inner.known_room(&name).await?;
            let mut room = Room::clone(&before);
            change(&mut room);
            let room = Room { name: before.name.clone(), created_at_utc_ms: before.created_at_utc_ms, ..room };
            room.validate()?;
            let order = Order::of_change(&before, &room);
            let fact = inner.facts.wanted(Fact::of_change(&before, &room));
            let written = inner.store.update_room(&room, order.as_ref(), fact.as_ref(), inner.orders_max).await;
            let told = inner.noted(written)?;
            inner.cache.changed(&Arc::new(room.clone()));
            inner.tell(told.order);
            inner.facts.written(told.fact);
            Ok(room)
        })
        .await
    }

    /// Lets somebody enter a room. `ingress`: by the key of that ingress, which must exist. `make`: the room is made
    /// if there is none.
    pub async fn enter(&self, name: &RoomName, ingress: Option<&str>, make: Option<MakeRoom>) -> Result<Entry, Error> {
        let open = self.inner.doors.open(name).await;
        if ingress.is_some_and(|id| self.inner.ingress_room(id).is_none()) {
            return Err(Error::IngressDeleted);
        }
        let room = match (self.inner.room(name).await, make) {
            (Err(Error::UnknownRoom), Some(make)) => self.room_made(name.clone(), make).await?,
            (known, _) => known?,
        };
        Ok(Entry { room, _open: open })
    }

    /// Another may make it first.
    async fn room_made(&self, name: RoomName, make: MakeRoom) -> Result<Arc<Room>, Error> {
        let MakeRoom { settings, idle_end_seconds, now_utc_ms, rooms_max } = make;
        let room = Arc::new(Room { idle_end_seconds, ..Room::new(name, now_utc_ms, settings) });
        let inner = self.inner.clone();
        to_the_end(async move {
            let _turn = inner.turn().await?;
            match inner.known_room(&room.name).await {
                Err(Error::UnknownRoom) => inner.make(room, rooms_max).await,
                known => known,
            }
        })
        .await
    }

    /// Deletes a room. Those who are entering it are waited for, and nobody enters meanwhile; then `close` ends the
    /// sessions in it. Whoever follows the orders is told last. Returns what `close` returned.
    pub async fn end<T: Send + 'static>(
        &self,
        name: &str,
        close: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Error> {
        let ended = self.end_if(name, || true, close).await?;
        ended.ok_or(Error::UnknownRoom)
    }

    /// As [`end`](Self::end), if `still` says so when nobody is entering any more. `None`: it does not.
    pub async fn end_if<T: Send + 'static>(
        &self,
        name: &str,
        still: impl FnOnce() -> bool + Send + 'static,
        close: impl Future<Output = T> + Send + 'static,
    ) -> Result<Option<T>, Error> {
        let (inner, name) = (self.inner.clone(), name.to_owned());
        to_the_end(async move {
            let _shut = inner.doors.shut(&name).await;
            if !still() {
                return Ok(None);
            }
            let told = {
                let _turn = inner.turn().await?;
                let room = inner.known_room(&name).await?;
                let told = inner.noted(inner.store.delete_room(&room.name, inner.orders_max).await)?;
                inner.cache.deleted(&name);
                inner.leases.forget(&name).await;
                told
            };
            let closed = close.await;
            inner.tell(Some(told));
            Ok(Some(closed))
        })
        .await
    }

    /// The orders from now on, for a follower of that name.
    pub async fn orders(&self, consumer: &'static str) -> Result<Orders, Error> {
        let _turn = self.inner.turn().await?;
        let cursor = self.inner.store.follow_orders(consumer).await?;
        Ok(Orders::new(self.inner.store.clone(), consumer, cursor, self.inner.newest_order.clone()))
    }

    /// Whether the database answers. If there is doubt about a change, everything is read again.
    pub async fn is_open(&self) -> bool {
        let inner = &self.inner;
        inner.store.is_open().await && (!inner.is_in_doubt.load(Ordering::Acquire) || inner.turn().await.is_ok())
    }

    /// Writes facts that wait, waits for what is under way and closes the database.
    pub async fn close(&self) {
        if let Err(error) = self.inner.facts.write(&self.inner.store).await {
            tracing::error!(error = &error as &dyn std::error::Error, "the last facts about rooms are lost");
        }
        self.inner.store.close().await;
    }
}

pub(crate) fn now_utc_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Does all of it, even if the client hangs up in the middle and its request is dropped.
pub(crate) async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    match tokio::spawn(work).await {
        Ok(done) => done,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(Error::ShuttingDown),
    }
}

#[cfg(test)]
mod tests;
