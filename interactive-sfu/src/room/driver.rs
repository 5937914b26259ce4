//! Drives the rooms of this process: finds the room that something concerns, lets it happen, and carries out what the
//! room asks for.
//!
//! Each room has a lock of its own, which is held while its outputs are carried out, so that they keep their order;
//! none of them blocks. No two rooms are locked at once.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use access::{Keys, RoomName};
use livekit_protocol::ParticipantInfo;
use plane::{Handle, Order, Report};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::sync::{broadcast, mpsc};

use super::cells::{Cell, Cells, Inside};
use super::machine::{Answer, Ground, Input, Room, Signal};
use super::node::Resident;
use super::now::Now;
use super::output::Output;
use super::participant::ParticipantKey;
use super::verbs::peer_of;
use crate::control::{Admission, Command, ConnectRequest, Reply, RoomEvent, RoomSeats, SfuError, Speaker};
use crate::metrics;
use crate::signalling::livekit::message::Outgoing;

/// Events that a slow receiver may be behind.
const EVENTS: usize = 4096;

/// The rooms of this process.
pub(crate) struct Driver {
    pub(super) ground: Arc<Ground>,
    keys: Keys,
    plane: Handle,
    pub(super) cells: Cells,
    /// Each room's random numbers begin with a seed of these.
    seeds: Mutex<StdRng>,
    events: broadcast::Sender<RoomEvent>,
}

/// A signal connection that was let in.
pub(crate) struct Connected {
    pub cell: Arc<Cell>,
    /// `None`: the client was refused; the inbox says why.
    pub key: Option<ParticipantKey>,
    pub connection: u32,
    pub inbox: mpsc::Receiver<Outgoing>,
}

impl Driver {
    /// No rooms yet.
    pub(crate) fn new(ground: Ground, keys: Keys, plane: Handle, seed: [u8; 32]) -> Self {
        Self {
            ground: Arc::new(ground),
            keys,
            plane,
            cells: Cells::default(),
            seeds: Mutex::new(StdRng::from_seed(seed)),
            events: broadcast::channel(EVENTS).0,
        }
    }

    pub(crate) fn events(&self) -> broadcast::Receiver<RoomEvent> {
        self.events.subscribe()
    }

    /// Peers that media threads still have.
    pub(crate) fn peers(&self) -> u32 {
        self.ground.node.peers()
    }

    /// Answers a command.
    pub(crate) fn call(&self, command: Command, now: Now) -> Result<Reply, SfuError> {
        let room = command.room().to_owned();
        let (offer, make) = match &command {
            // A lease makes the room that it is for.
            Command::GrantSeat(ask) => (None, Some(ask.room.clone())),
            Command::Publish(request) => (Some(request.description()?), Some(request.room.clone())),
            // A room that is not there says so; one that is shutting down is asked to say that.
            Command::Subscribe(request) => {
                let make = self.ground.node.is_closed().then(|| request.room.clone());
                (Some(request.description()?), make)
            }
            _ => (None, None),
        };
        if offer.is_some() {
            self.make_place(now);
        }
        let absent = command.absent();
        let input = Input::Command(command, offer);
        match self.enter(&room, make.as_ref(), now, |inside| inside.room.handle(input, now)) {
            Some((_, Ok(Answer::Reply(reply)))) => Ok(reply),
            Some((_, Ok(Answer::Connected(_) | Answer::Pause(_)))) => Ok(Reply::Done),
            Some((_, Err(error))) => Err(error),
            None => absent,
        }
    }

    /// A client opens a signal connection: to join, or to resume.
    pub(crate) fn connect(&self, request: ConnectRequest, now: Now) -> Result<Connected, SfuError> {
        self.make_place(now);
        let connection = self.ground.node.new_connection();
        let room = request.room.clone();
        let act = |inside: &mut Inside| {
            let inbox = inside.outboxes.open(connection);
            let answer = inside.room.handle(Input::Connect(Box::new(request), connection), now);
            let key = match answer {
                Ok(Answer::Connected(key)) => key,
                Ok(Answer::Reply(_) | Answer::Pause(_)) => None,
                Err(error) => {
                    inside.outboxes.close(connection);
                    return Err(error);
                }
            };
            key.into_iter().for_each(|key| inside.outboxes.give(connection, key));
            Ok((key, inbox))
        };
        let (cell, connected) = self.enter(&room, Some(&room), now, act).ok_or(SfuError::ShuttingDown)?;
        let (key, inbox) = connected?;
        Ok(Connected { cell, key, connection, inbox })
    }

    /// A client says something on its connection. Returns how long it is to wait before it says more.
    pub(crate) fn signal(
        &self,
        cell: &Arc<Cell>,
        from: ParticipantKey,
        connection: u32,
        signal: Signal,
        now: Now,
    ) -> Duration {
        let input = Input::Signal { from, connection, signal: Box::new(signal) };
        match self.step(cell, now, |inside| inside.room.handle(input, now)) {
            Some(Ok(Answer::Pause(pause))) => pause,
            _ => Duration::ZERO,
        }
    }

    /// A signal connection has ended.
    pub(crate) fn disconnected(&self, cell: &Arc<Cell>, from: ParticipantKey, connection: u32, now: Now) {
        self.step(cell, now, |inside| {
            inside.outboxes.close_own(connection, from);
            inside.room.handle(Input::Disconnected { from, connection }, now)
        });
    }

    /// The media plane reports.
    pub(crate) fn report(&self, report: Report, now: Now) {
        let peer = peer_of(&report);
        let cell = if let Report::Gone { .. } = report {
            self.ground.node.peer_gone(peer);
            self.cells.forget_peer(peer)
        } else {
            self.cells.of_peer(peer)
        };
        if let Some(cell) = cell {
            self.step(&cell, now, |inside| inside.room.handle(Input::Report(report), now));
        }
    }

    /// Does what is due in every room, some times a second.
    pub(crate) fn tick(&self, now: Now) {
        for cell in self.cells.all() {
            self.step(&cell, now, |inside| {
                for (owner, connection) in inside.outboxes.lagging() {
                    // A tick never fails, nor does an end of a connection.
                    drop(inside.room.handle(Input::Disconnected { from: owner, connection }, now));
                }
                inside.room.handle(Input::Tick, now)
            });
        }
        let (on_stage, all) = (self.ground.node.on_stage(), self.ground.node.participants());
        metrics::sessions(on_stage, all.saturating_sub(on_stage));
    }

    /// Nobody gets in any more, and everybody is shown out.
    pub(crate) fn close(&self, now: Now) {
        self.ground.node.close();
        for cell in self.cells.all() {
            self.step(&cell, now, |inside| inside.room.handle(Input::Shutdown, now));
        }
    }

    /// Everybody on stage in a room, in the order in which they came there.
    pub(crate) fn speakers(&self, room: &str) -> Vec<Speaker> {
        self.look(room, Room::speakers)
    }

    /// Everybody in a room. `hidden`: the hidden too.
    pub(crate) fn participants(&self, room: &str, hidden: bool) -> Vec<ParticipantInfo> {
        self.look(room, |room| room.participants(hidden))
    }

    /// The seats of a room. Nobody is in a room that is not there.
    pub(crate) fn seats(&self, room: &str) -> RoomSeats {
        self.look(room, Room::room_seats)
    }

    /// Whether somebody in a room publishes a track that is encrypted end to end.
    pub(crate) fn is_encrypted(&self, room: &str) -> bool {
        self.look(room, Room::is_encrypted)
    }

    /// The names of the rooms that somebody is in or has a lease for.
    pub(crate) fn names(&self) -> Vec<RoomName> {
        self.cells.names()
    }

    /// How this process lets people in from now on.
    pub(crate) fn admit(&self, admission: Admission) {
        self.ground.node.admit(admission);
    }

    fn look<T: Default>(&self, name: &str, look: impl FnOnce(&Room) -> T) -> T {
        self.cells.named(name).map(|cell| look(&cell.lock().room)).unwrap_or_default()
    }

    /// Where this process is full, the session that has been pending for longest makes way.
    fn make_place(&self, now: Now) {
        if !self.ground.node.has_place() {
            let oldest = self.ground.node.pending().oldest().cloned();
            oldest.into_iter().for_each(|oldest| self.crowd_out(&oldest, now));
        }
    }

    fn crowd_out(&self, (room, key): &Resident, now: Now) {
        self.enter(room, None, now, |inside| inside.room.handle(Input::CrowdOut(*key), now));
    }

    /// Lets something happen in a room by name. `make`: the room to make if it is not there. `None`: it is not there.
    fn enter<T>(
        &self,
        name: &str,
        make: Option<&RoomName>,
        now: Now,
        act: impl FnOnce(&mut Inside) -> T,
    ) -> Option<(Arc<Cell>, T)> {
        loop {
            let cell = self.cell(name, make, now)?;
            let mut inside = cell.lock();
            if inside.gone {
                continue;
            }
            let answer = act(&mut inside);
            let crowded_out = self.carry_out(&cell, &mut inside, now);
            drop(inside);
            crowded_out.iter().for_each(|resident| self.crowd_out(resident, now));
            return Some((cell, answer));
        }
    }

    /// Lets something happen in a room. `None`: it has been forgotten meanwhile.
    fn step<T>(&self, cell: &Arc<Cell>, now: Now, act: impl FnOnce(&mut Inside) -> T) -> Option<T> {
        let mut inside = cell.lock();
        if inside.gone {
            return None;
        }
        let answer = act(&mut inside);
        let crowded_out = self.carry_out(cell, &mut inside, now);
        debug_assert!(crowded_out.is_empty(), "only newcomers crowd others out");
        Some(answer)
    }

    fn cell(&self, name: &str, make: Option<&RoomName>, now: Now) -> Option<Arc<Cell>> {
        if let Some(cell) = self.cells.named(name) {
            return Some(cell);
        }
        let name = make?;
        let seed = self.seeds.lock().unwrap_or_else(PoisonError::into_inner).random();
        Some(self.cells.named_or_make(name, || Room::new(name.clone(), self.ground.clone(), seed, now)))
    }

    /// Carries out what a room asks for, and forgets the room if nobody is there. Returns who is to make way elsewhere.
    fn carry_out(&self, cell: &Arc<Cell>, inside: &mut Inside, now: Now) -> Vec<Resident> {
        let mut crowded_out = Vec::new();
        if inside.room.is_empty() {
            inside.room.finish();
        }
        for output in inside.room.outputs() {
            match output {
                Output::Order(order) => {
                    if let Order::Add(new) = &order {
                        self.cells.add_peer(new.id, cell.clone());
                    }
                    self.plane.order(order);
                }
                Output::Tell(connection, message) => inside.outboxes.tell(connection, message),
                Output::TellMany(connections, message) => {
                    connections.into_iter().for_each(|connection| inside.outboxes.tell(connection, message.clone()));
                }
                Output::Hangup(connection) => inside.outboxes.close(connection),
                Output::RenewToken(connection, claims) => {
                    if let Some(token) = claims.token(&self.keys, now) {
                        inside.outboxes.tell(connection, token);
                    }
                }
                // Nobody listening is fine.
                Output::Event(event) => drop(self.events.send(event)),
                Output::CrowdOut(resident) => crowded_out.push(resident),
            }
        }
        if inside.room.is_empty() {
            inside.gone = true;
            self.cells.forget(inside.room.name());
        }
        crowded_out
    }
}
