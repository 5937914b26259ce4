//! The handle of the events sockets for the rest of the server.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use access::{Class, Identity, RoomName};
use hyper::upgrade::Upgraded;
use mio::{Poll, Waker};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::broadcast;

use super::core::{Core, Wish};
use super::event::Event;
use super::framing::{close, text_frame};
use super::log::{Epoch, Position, TooFast};
use super::membership::{Membership, Places, Reserved};
use super::presence::{Audience, Delivery, OnBroadcast};
use super::room::{RoomHub, TooManySockets};
use super::seats::Seats;
use super::shard::inbox::{Inbox, Task};
use super::shard::transport::Transport;
use super::shard::{Shard, WAKER};
use crate::addresses::{Addresses, Counted};
use crate::extract::Place;
use crate::{Config, Error, StartError, metrics};

/// Shards at most; one carries some hundred thousand deliveries a second.
const SHARDS_MAX: usize = 8;
/// How often the end looks whether all connections are closed.
const END_LOOK: Duration = Duration::from_millis(20);

/// The events sockets. Cheap to clone; every clone sees the same. The threads end with the last clone.
#[derive(Clone)]
pub struct EventsHub(Arc<Owner>);

struct Owner {
    core: Arc<Core>,
    rooms: Mutex<HashMap<RoomName, Arc<RoomHub>>>,
    addresses: Addresses,
    next_shard: AtomicUsize,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// The audience of a room.
#[derive(Clone, Debug, Default)]
pub struct AudienceSnapshot {
    /// Its size.
    pub audience: Audience,
    /// Those who watch the broadcast: those who asked for a seat first, in the order in which they did; then by class,
    /// then by when they came. At most as many as were asked for.
    pub on_broadcast: Vec<OnBroadcast>,
}

/// Somebody who opens a socket.
pub(crate) struct Newcomer {
    pub(crate) identity: Identity,
    pub(crate) class: Class,
    /// Not counted in any audience.
    pub(crate) is_hidden: bool,
    /// Admitted because the room is open to everybody.
    pub(crate) is_stranger: bool,
    /// One of [`EventsHub::count`].
    pub(crate) counted: Option<Counted>,
    /// Where an earlier connection was.
    pub(crate) resume: Option<Position>,
}

impl EventsHub {
    /// Starts the threads.
    pub fn start(config: &Config, seats: Arc<dyn Seats>) -> Result<Self, StartError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let failed = |error| StartError::EventsSockets(error);
        let (mut polls, mut inboxes) = (Vec::new(), Vec::new());
        for _ in 0..(cores / 2).clamp(1, SHARDS_MAX) {
            let poll = Poll::new().map_err(failed)?;
            inboxes.push(Inbox::new(Waker::new(poll.registry(), WAKER).map_err(failed)?));
            polls.push(poll);
        }
        let ping_interval = Duration::from_millis(config.events_ping_interval_ms.into());
        let core = Core::new(inboxes.into(), seats, config.events_connections_max, ping_interval);
        let hub = Self(Arc::new(Owner {
            core: Arc::new(core),
            rooms: Mutex::default(),
            addresses: Addresses::new(config.connections_per_address_max, &[]),
            next_shard: AtomicUsize::new(0),
            threads: Mutex::default(),
        }));
        for (index, poll) in polls.into_iter().enumerate() {
            let shard = Shard::new(index, hub.0.core.clone(), poll);
            hub.0.spawn(format!("events-{index}"), move || shard.run()).map_err(failed)?;
        }
        let core = hub.0.core.clone();
        hub.0.spawn("events-ticks".to_owned(), move || core.run_ticker()).map_err(failed)?;
        Ok(hub)
    }

    /// Sends an event to everybody in the room: with the room's next tick, which may be now. `Ok(None)`: nobody is
    /// there to send it to, and nobody will come back for it. `Err`: it is not sent.
    pub fn publish(&self, room: &RoomName, event: Event) -> Result<Option<Position>, TooFast> {
        let Some(hub) = self.0.hub(room) else { return Ok(None) };
        let published = hub.publish(&self.0.core, event, Instant::now()).map(Some);
        published.inspect_err(|_| metrics::events_refused())
    }

    /// Sends a message, a JSON object with a `type`, to all sockets of an identity. It is no event of the room, and has
    /// no place in their order. Returns whether there is a socket that it is sent to.
    pub fn tell(&self, room: &RoomName, identity: &Identity, message: &impl Serialize) -> bool {
        let (Some(hub), Ok(message)) = (self.0.hub(room), serde_json::to_vec(message)) else { return false };
        hub.tell(&self.0.core, identity, &text_frame(&message)) > 0
    }

    /// The audience of a room, with at most `listed_max` of those who watch the broadcast.
    pub fn audience(&self, room: &RoomName, listed_max: usize) -> AudienceSnapshot {
        let Some(hub) = self.0.hub(room) else { return AudienceSnapshot::default() };
        let (audience, on_broadcast) = hub.audience(listed_max);
        AudienceSnapshot { audience, on_broadcast }
    }

    /// How somebody watches, by what the events sockets know; `None`: not at all.
    pub(crate) fn watches(&self, room: &RoomName, identity: &Identity) -> Option<(Delivery, Class)> {
        self.0.hub(room)?.watches(identity)
    }

    /// The size of a room's audience: without an events socket in it, those who have a seat.
    pub(crate) fn presence(&self, room: &RoomName) -> Audience {
        if let Some(hub) = self.0.hub(room) {
            return hub.audience(0).0;
        }
        let mut audience = Audience::default();
        for seated in self.0.core.seats.seated(room).into_iter().filter(|one| !one.performs) {
            audience.interactive += 1;
            audience.by_class[seated.class as usize] += 1;
        }
        Audience { peak: audience.interactive, ..audience }
    }

    /// The wishes of clients from now on. Bounded: a receiver that lags is told how many it missed, and finds those
    /// that still hold in [`EventsHub::audience`].
    pub fn wishes(&self) -> broadcast::Receiver<Wish> {
        self.0.core.wishes.subscribe()
    }

    /// Somebody came to a seat in the room or left one: [`Seats::seated`] is asked, within a second.
    pub fn seats_changed(&self, room: &RoomName) {
        if let Some(hub) = self.0.hub(room) {
            hub.seats_changed(&self.0.core, Instant::now());
        }
    }

    /// Closes the room's sockets, and forgets its events.
    pub fn close(&self, room: &RoomName) {
        let hub = self.0.rooms().remove(room);
        if let Some(hub) = hub {
            hub.end();
            self.close_sockets(&hub, false, close::NORMAL, "the room has ended");
        }
    }

    /// Closes the sockets of those who were admitted because the room was open to everybody.
    pub(crate) fn close_strangers(&self, room: &RoomName) {
        if let Some(hub) = self.0.hub(room) {
            self.close_sockets(&hub, true, close::POLICY, "the room is private");
        }
    }

    fn close_sockets(&self, hub: &RoomHub, only_strangers: bool, code: u16, why: &'static str) {
        for inbox in &self.0.core.inboxes {
            inbox.put(Task::Close { room: hub.number, only_strangers, code, why });
        }
    }

    /// Closes all sockets, spread over half of `within`, and cuts those that are left at its end. No further one is
    /// opened.
    pub async fn end(&self, within: Duration) {
        let core = &self.0.core;
        core.is_closing.store(true, Ordering::Release);
        core.inboxes.iter().for_each(|inbox| inbox.put(Task::End { within: within / 2 }));
        let at = tokio::time::Instant::now() + within + 2 * END_LOOK;
        while self.connections() > 0 && tokio::time::Instant::now() < at {
            tokio::time::sleep(END_LOOK).await;
        }
    }

    /// Rooms with sockets. Those in which nobody has been for long are forgotten.
    pub(crate) fn rooms(&self) -> Vec<RoomName> {
        let now = Instant::now();
        let mut rooms = self.0.rooms();
        rooms.retain(|_, hub| !hub.is_over(now));
        rooms.iter().filter(|(_, hub)| hub.has_sockets()).map(|(room, _)| room.clone()).collect()
    }

    /// The room's state, which sockets are told if it is another than before.
    pub(crate) fn view_changed(&self, room: &RoomName, view: &Value) -> bool {
        self.0.hub(room).is_some_and(|hub| hub.view_changed(view))
    }

    /// Sockets that are open or on their way.
    pub(crate) fn connections(&self) -> u32 {
        self.0.core.connections.load(Ordering::Acquire)
    }

    /// Counts one more socket of a client's address.
    pub(crate) fn count(&self, address: std::net::IpAddr) -> Result<Counted, Error> {
        self.0.addresses.count(address).ok_or(Error::TooManyConnections)
    }

    /// Takes a place for a newcomer in a room that exists and that they may watch. The room's state is to be taken
    /// after this: the events since go to the newcomer too.
    pub(crate) fn reserve(&self, room: &RoomName, newcomer: Newcomer) -> Result<Reserved, Error> {
        let core = &self.0.core;
        if core.is_closing.load(Ordering::Acquire) {
            return Err(Error::ShuttingDown);
        }
        let taken = core.connections.fetch_update(Ordering::AcqRel, Ordering::Acquire, |connections| {
            (connections < core.connections_max).then_some(connections + 1)
        });
        taken.map_err(|_| Error::EventsFull)?;
        let Newcomer { identity, class, is_hidden, is_stranger, counted, resume } = newcomer;
        let shard = (self.0.next_shard.fetch_add(1, Ordering::Relaxed) % core.inboxes.len()) as u16;
        let number = core.number();
        // Under the lock of the rooms, so that a hub that is being forgotten gets no newcomer.
        let mut rooms = self.0.rooms();
        let hub = rooms
            .entry(room.clone())
            .or_insert_with(|| RoomHub::new(room.clone(), core, Epoch(rand::random()), Instant::now()));
        let hub = hub.clone();
        let began = hub.reserve(&identity, number, shard);
        drop(rooms);
        let began = match began {
            Ok(began) => began,
            Err(TooManySockets) => {
                core.connections.fetch_sub(1, Ordering::AcqRel);
                return Err(Error::TooManySockets);
            }
        };
        let places = Places { connection: None, _address: counted };
        let core = core.clone();
        let membership = Membership { core, room: hub, identity, class, number, shard, is_hidden, is_stranger, places };
        Ok(Reserved { membership, began, resume, view: Value::Null, session: String::new() })
    }
}

impl Reserved {
    /// Takes the connection, whose handshake is over.
    pub(crate) fn join(mut self, upgraded: Upgraded, place: Option<Place>) {
        self.membership.places.connection = place;
        match Transport::taken(upgraded) {
            Ok(Some((transport, received))) => {
                let room = self.membership.room.clone();
                room.join(transport, received[..].into(), self);
            }
            Ok(None) => tracing::error!("an events socket is of a kind that no listener makes"),
            Err(error) => tracing::warn!(%error, "taking an events socket out of the runtime"),
        }
    }
}

impl Owner {
    fn rooms(&self) -> MutexGuard<'_, HashMap<RoomName, Arc<RoomHub>>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hub(&self, room: &RoomName) -> Option<Arc<RoomHub>> {
        self.rooms().get(room).cloned()
    }

    fn spawn(&self, name: String, run: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        let thread = std::thread::Builder::new().name(name).spawn(run)?;
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        Ok(())
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.core.stop_ticker();
        self.core.inboxes.iter().for_each(|inbox| inbox.put(Task::Stop));
        for thread in self.threads.get_mut().unwrap_or_else(PoisonError::into_inner).drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the events sockets panicked");
            }
        }
    }
}
