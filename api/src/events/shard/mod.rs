//! One thread of events sockets: epoll, an entry in a table for each socket, and the lists of each room's sockets.
//!
//! Everything here belongs to the thread, so nothing is locked but the inbox and, for a client's message, its room. The
//! time between two pings of a connection is cut into [`PHASES`]; in each phase the connections whose places are of
//! that remainder are looked after.

mod connection;
mod ending;
mod hearing;
pub(super) mod inbox;
mod members;
mod timers;
pub(super) mod transport;

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};
use slab::Slab;

use super::core::Core;
use super::log::Missed;
use crate::metrics;
use connection::{Connection, Ended, Sent, Turn};
use ending::Ending;
use inbox::{Joining, Task};
use members::Members;

/// The waker's token. Connections have their place in the table as theirs.
pub(super) const WAKER: Token = Token(usize::MAX);
/// Phases of the ping interval.
const PHASES: u32 = 100;
/// A connection that was told to close is cut after this, milliseconds.
const FAREWELL_MS: u32 = 5_000;
/// Bytes of one read.
const SCRATCH_BYTES: usize = 16 * 1024;

/// One thread's state.
pub(super) struct Shard {
    index: usize,
    core: Arc<Core>,
    poll: Poll,
    began: Instant,
    now: Instant,
    connections: Slab<Connection>,
    /// Number of each socket → its place.
    places: HashMap<u64, usize>,
    rooms: HashMap<u64, Members>,
    /// Connections for which something waits.
    behind: BTreeSet<usize>,
    /// Connections from which more may be read.
    unread: Vec<usize>,
    /// Connections that are told to close.
    closing: BTreeSet<usize>,
    phase: u32,
    phase_at: Instant,
    ending: Option<Ending>,
    sent: Sent,
    scratch: Box<[u8]>,
    stopped: bool,
}

impl Shard {
    pub(super) fn new(index: usize, core: Arc<Core>, poll: Poll) -> Self {
        let now = Instant::now();
        Self {
            index,
            core,
            poll,
            began: now,
            now,
            connections: Slab::new(),
            places: HashMap::new(),
            rooms: HashMap::new(),
            behind: BTreeSet::new(),
            unread: Vec::new(),
            closing: BTreeSet::new(),
            phase: 0,
            phase_at: now,
            ending: None,
            sent: Sent::default(),
            scratch: vec![0; SCRATCH_BYTES].into(),
            stopped: false,
        }
    }

    /// Runs until it is told to stop.
    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(1024);
        while !self.stopped {
            let pause = match () {
                () if !self.unread.is_empty() => Duration::ZERO,
                () if self.ending.is_some() => Duration::from_millis(5),
                () => self.phase_at.saturating_duration_since(Instant::now()),
            };
            match self.poll.poll(&mut events, Some(pause)) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                    // Without its poll the thread can serve nobody.
                    panic!("polling the events sockets: {error}");
                }
                _ => self.now = Instant::now(),
            }
            self.turn(&events);
        }
        // Memberships go through the rooms' locks, so tasks are dropped outside of these.
        drop(self.core.inboxes[self.index].take());
    }

    fn turn(&mut self, events: &Events) {
        let mut unread = std::mem::take(&mut self.unread);
        for event in events.iter().filter(|event| event.token() != WAKER) {
            if event.is_writable() {
                self.flush(event.token().0);
            }
            if event.is_readable() || event.is_read_closed() || event.is_error() {
                unread.push(event.token().0);
            }
        }
        unread.into_iter().for_each(|place| self.read(place));
        self.core.inboxes[self.index].take().into_iter().for_each(|task| self.carry_out(task));
        self.now = Instant::now();
        while self.phase_at <= self.now {
            self.look_after();
            self.phase = (self.phase + 1) % PHASES;
            self.phase_at += self.core.ping_interval / PHASES;
        }
        self.go_on_ending();
        let sent = std::mem::take(&mut self.sent);
        metrics::events_sent(sent.frames, sent.bytes, sent.dropped);
    }

    fn now_ms(&self) -> u32 {
        self.now.duration_since(self.began).as_millis() as u32
    }

    fn carry_out(&mut self, task: Task) {
        match task {
            Task::Join(joining) => self.join(*joining),
            Task::Tick { room, frame } => {
                let now_ms = self.now_ms();
                self.send_to_room(room.number, |one, sent| one.send_tick(&frame, now_ms, sent));
                room.sent();
            }
            Task::Presence { room, frame } => {
                let now_ms = self.now_ms();
                if let Some(members) = self.rooms.get_mut(&room) {
                    members.presence = Some(frame.clone());
                }
                self.send_to_room(room, |one, sent| match one.backlog.is_empty() {
                    true => one.send(frame.clone(), now_ms, sent),
                    // A later one replaces it.
                    false => {
                        one.missed_presence = true;
                        Ok(())
                    }
                });
            }
            Task::Tell { socket, frame } => {
                if let Some(place) = self.places.get(&socket).copied() {
                    self.send(place, frame);
                }
            }
            Task::Close { room, only_strangers, code, why } => {
                let places = self.rooms.get(&room).map(Members::places).unwrap_or_default();
                for place in places {
                    let is_meant = |one: &Connection| one.membership.is_stranger || !only_strangers;
                    if self.connections.get(place).is_some_and(is_meant) {
                        self.close(place, code, why, Ended::Room);
                    }
                }
            }
            Task::End { within } => self.begin_ending(within),
            Task::Stop => self.stopped = true,
        }
    }

    fn join(&mut self, joining: Joining) {
        let Joining { transport, received, greeting, missed, membership } = joining;
        let (now_ms, room, number) = (self.now_ms(), membership.room.number, membership.number);
        let place = self.connections.insert(Connection::new(transport, membership, now_ms));
        let connection = &mut self.connections[place];
        if let Err(error) = connection.transport.register(self.poll.registry(), Token(place)) {
            tracing::warn!(%error, "registering an events socket");
            drop(self.connections.remove(place));
            return;
        }
        metrics::events_connected();
        self.places.insert(number, place);
        connection.place = self.rooms.entry(room).or_default().add(place);
        self.send(place, greeting);
        for frame in missed {
            self.with(place, |one, sent| match &frame {
                Missed::Whole(frame) => one.send_tick(frame, now_ms, sent),
                Missed::Rest(frame) => one.send(frame.clone(), now_ms, sent),
            });
        }
        let mut heard = Vec::new();
        if let Some(connection) = self.connections.get_mut(place) {
            connection.receive(&mut received.into_vec(), &mut heard);
            self.unread.push(place);
        }
        self.hear(place, heard);
    }

    /// Sends to one connection. One that has ended is removed.
    fn with(&mut self, place: usize, send: impl FnOnce(&mut Connection, &mut Sent) -> Result<(), Ended>) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        match send(connection, &mut self.sent) {
            Ok(()) if connection.backlog.is_empty() => {}
            Ok(()) => drop(self.behind.insert(place)),
            Err(ended) => self.remove(place, ended),
        }
    }

    fn send(&mut self, place: usize, frame: bytes::Bytes) {
        let now_ms = self.now_ms();
        self.with(place, |one, sent| one.send(frame, now_ms, sent));
    }

    /// Sends to each of a room's connections, from another one on each time.
    fn send_to_room(&mut self, room: u64, send: impl Fn(&mut Connection, &mut Sent) -> Result<(), Ended>) {
        let Some(members) = self.rooms.get_mut(&room) else { return };
        let mut ended = Vec::new();
        for place in members.turn() {
            let Some(connection) = self.connections.get_mut(place) else { continue };
            match send(connection, &mut self.sent) {
                Ok(()) if connection.backlog.is_empty() => {}
                Ok(()) => drop(self.behind.insert(place)),
                Err(why) => ended.push((place, why)),
            }
        }
        ended.into_iter().for_each(|(place, why)| self.remove(place, why));
    }

    fn flush(&mut self, place: usize) {
        let now_ms = self.now_ms();
        let Some(connection) = self.connections.get_mut(place) else { return };
        match connection.flush(now_ms, &mut self.sent) {
            Ok(false) => {}
            Ok(true) => {
                self.behind.remove(&place);
                if std::mem::take(&mut connection.missed_presence) {
                    let members = self.rooms.get(&connection.membership.room.number);
                    if let Some(newest) = members.and_then(|members| members.presence.clone()) {
                        self.send(place, newest);
                    }
                }
            }
            Err(ended) => self.remove(place, ended),
        }
    }

    fn read(&mut self, place: usize) {
        let (now_ms, mut heard) = (self.now_ms(), Vec::new());
        let Some(connection) = self.connections.get_mut(place) else { return };
        let turn = connection.read(&mut self.scratch, now_ms, &mut heard);
        self.hear(place, heard);
        match turn {
            Turn::Read => {}
            Turn::More => self.unread.push(place),
            Turn::Over => {
                let ended = self.connections.get(place).filter(|one| one.cut_at_ms.is_some()).map(|one| one.ended);
                self.remove(place, ended.unwrap_or(Ended::Broken));
            }
        }
    }

    /// Tells a client to close, and cuts the connection if it does not.
    fn close(&mut self, place: usize, code: u16, why: &str, ended: Ended) {
        let cut_at_ms = self.now_ms().wrapping_add(FAREWELL_MS);
        let Some(connection) = self.connections.get_mut(place) else { return };
        connection.close(code, why, ended, cut_at_ms);
        self.closing.insert(place);
        self.flush(place);
    }

    fn remove(&mut self, place: usize, ended: Ended) {
        let Some(mut connection) = self.connections.try_remove(place) else { return };
        connection.transport.shut();
        metrics::events_ended(ended.word());
        self.behind.remove(&place);
        self.closing.remove(&place);
        self.places.remove(&connection.membership.number);
        let room = connection.membership.room.number;
        if let Some(members) = self.rooms.get_mut(&room) {
            if let Some(moved) = members.remove(connection.place)
                && let Some(moved) = self.connections.get_mut(moved)
            {
                moved.place = connection.place;
            }
            if members.is_empty() {
                self.rooms.remove(&room);
            }
        }
    }
}
