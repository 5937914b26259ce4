//! Drives the rooms of this process: finds the room that something concerns, lets it happen, and carries out what the
//! room asks for.
//!
//! Each room has a lock of its own, which is held while its outputs are carried out, so that they keep their order;
//! none of them blocks. No two rooms are locked at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use access::{Keys, Renewal, RoomName};
use livekit_protocol::ParticipantInfo;
use plane::{Handle, Order, PeerId, Report};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::sync::{broadcast, mpsc};

use super::machine::{Answer, Ground, Input, Room, Signal};
use super::node::Resident;
use super::now::Now;
use super::output::{Claims, Output};
use super::participant::ParticipantKey;
use crate::control::{Admission, Command, ConnectRequest, Reply, RoomEvent, RoomSeats, SfuError, Speaker};
use crate::metrics;
use crate::signalling::livekit::info;
use crate::signalling::livekit::message::Outgoing;

/// Events that a slow receiver may be behind.
const EVENTS: usize = 4096;
/// Messages that may wait for a client; one that lags further is cut off, and may resume.
const OUTBOX: usize = 512;
/// How long a renewed token is good for.
const TOKEN_TTL: std::time::Duration = std::time::Duration::from_secs(10 * 60);

/// The rooms of this process.
pub(crate) struct Driver {
    ground: Arc<Ground>,
    keys: Keys,
    plane: Handle,
    rooms: RwLock<HashMap<RoomName, Arc<Cell>>>,
    /// The room of each peer that a media thread has, by the peer's serial number.
    peers: Mutex<HashMap<u32, Arc<Cell>>>,
    /// Each room's random numbers begin with a seed of these.
    seeds: Mutex<StdRng>,
    events: broadcast::Sender<RoomEvent>,
}

/// A room behind its lock.
pub(crate) struct Cell {
    inside: Mutex<Inside>,
}

struct Inside {
    room: Room,
    outboxes: HashMap<u32, Outbox>,
    /// The room was empty, and has been forgotten: a newcomer makes another of its name.
    gone: bool,
}

/// The way to a client.
struct Outbox {
    sender: mpsc::Sender<Outgoing>,
    owner: Option<ParticipantKey>,
    /// A message was lost: what the client knows is not what is so. It is cut off with the next tick, and may resume.
    lags: bool,
}

/// A signal connection that was let in.
pub(crate) struct Connected {
    pub cell: Arc<Cell>,
    /// `None`: the client was refused; the inbox says why.
    pub key: Option<ParticipantKey>,
    pub connection: u32,
    pub inbox: mpsc::Receiver<Outgoing>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Driver {
    /// No rooms yet.
    pub(crate) fn new(ground: Ground, keys: Keys, plane: Handle, seed: [u8; 32]) -> Self {
        Self {
            ground: Arc::new(ground),
            keys,
            plane,
            rooms: RwLock::default(),
            peers: Mutex::default(),
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
        let nobody = absent(&command);
        let input = Input::Command(command, offer);
        match self.enter(&room, make.as_ref(), now, |inside| inside.room.handle(input, now)) {
            Some((_, Ok(Answer::Reply(reply)))) => Ok(reply),
            Some((_, Ok(Answer::Connected(_) | Answer::Pause(_)))) => Ok(Reply::Done),
            Some((_, Err(error))) => Err(error),
            None => nobody,
        }
    }

    /// A client opens a signal connection: to join, or to resume.
    pub(crate) fn connect(&self, request: ConnectRequest, now: Now) -> Result<Connected, SfuError> {
        self.make_place(now);
        let connection = self.ground.node.new_connection();
        let (sender, inbox) = mpsc::channel(OUTBOX);
        let room = request.room.clone();
        let act = |inside: &mut Inside| {
            inside.outboxes.insert(connection, Outbox { sender, owner: None, lags: false });
            let answer = inside.room.handle(Input::Connect(Box::new(request), connection), now);
            let key = match answer {
                Ok(Answer::Connected(key)) => key,
                Ok(_) => None,
                Err(error) => {
                    inside.outboxes.remove(&connection);
                    return Err(error);
                }
            };
            if let Some(outbox) = inside.outboxes.get_mut(&connection) {
                outbox.owner = key;
            }
            Ok(key)
        };
        let (cell, key) = self.enter(&room, Some(&room), now, act).ok_or(SfuError::ShuttingDown)?;
        Ok(Connected { cell, key: key?, connection, inbox })
    }

    /// A client says something on its connection. Returns how long it is to wait before it says more.
    pub(crate) fn signal(
        &self,
        cell: &Arc<Cell>,
        from: ParticipantKey,
        connection: u32,
        signal: Signal,
        now: Now,
    ) -> std::time::Duration {
        let input = Input::Signal { from, connection, signal: Box::new(signal) };
        match self.step(cell, now, |inside| inside.room.handle(input, now)) {
            Some(Ok(Answer::Pause(pause))) => pause,
            _ => std::time::Duration::ZERO,
        }
    }

    /// A signal connection has ended.
    pub(crate) fn disconnected(&self, cell: &Arc<Cell>, from: ParticipantKey, connection: u32, now: Now) {
        self.step(cell, now, |inside| {
            if inside.outboxes.get(&connection).is_some_and(|outbox| outbox.owner == Some(from)) {
                inside.outboxes.remove(&connection);
            }
            inside.room.handle(Input::Disconnected { from, connection }, now)
        });
    }

    /// The media plane reports.
    pub(crate) fn report(&self, report: Report, now: Now) {
        let peer = peer_of(&report);
        let cell = if let Report::Gone { .. } = report {
            self.ground.node.peer_gone(peer);
            locked(&self.peers).remove(&peer.serial)
        } else {
            locked(&self.peers).get(&peer.serial).cloned()
        };
        if let Some(cell) = cell {
            self.step(&cell, now, |inside| inside.room.handle(Input::Report(report), now));
        }
    }

    /// Does what is due in every room, some times a second.
    pub(crate) fn tick(&self, now: Now) {
        for cell in self.cells() {
            self.step(&cell, now, |inside| {
                for (owner, connection) in inside.lagging() {
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
        for cell in self.cells() {
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

    /// The names of the rooms that somebody is in or has a lease for.
    pub(crate) fn names(&self) -> Vec<RoomName> {
        self.rooms.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// How this process lets people in from now on.
    pub(crate) fn admit(&self, admission: Admission) {
        self.ground.node.admit(admission);
    }

    fn look<T: Default>(&self, name: &str, look: impl FnOnce(&Room) -> T) -> T {
        let cell = self.rooms.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        cell.map(|cell| look(&locked(&cell.inside).room)).unwrap_or_default()
    }

    fn cells(&self) -> Vec<Arc<Cell>> {
        self.rooms.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
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
            let mut inside = locked(&cell.inside);
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
        let mut inside = locked(&cell.inside);
        if inside.gone {
            return None;
        }
        let answer = act(&mut inside);
        let crowded_out = self.carry_out(cell, &mut inside, now);
        debug_assert!(crowded_out.is_empty(), "only newcomers crowd others out");
        Some(answer)
    }

    fn cell(&self, name: &str, make: Option<&RoomName>, now: Now) -> Option<Arc<Cell>> {
        if let Some(cell) = self.rooms.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Some(cell.clone());
        }
        let name = make?;
        let seed = locked(&self.seeds).random();
        let make = || {
            let room = Room::new(name.clone(), self.ground.clone(), seed, now);
            Arc::new(Cell { inside: Mutex::new(Inside { room, outboxes: HashMap::new(), gone: false }) })
        };
        let mut rooms = self.rooms.write().unwrap_or_else(PoisonError::into_inner);
        Some(rooms.entry(name.clone()).or_insert_with(make).clone())
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
                        locked(&self.peers).insert(new.id.serial, cell.clone());
                    }
                    self.plane.order(order);
                }
                Output::Tell(connection, message) => inside.tell(connection, message),
                Output::TellMany(connections, message) => {
                    connections.into_iter().for_each(|connection| inside.tell(connection, message.clone()));
                }
                Output::Hangup(connection) => drop(inside.outboxes.remove(&connection)),
                Output::RenewToken(connection, claims) => {
                    if let Some(token) = self.renewed(&claims, now) {
                        inside.tell(connection, token);
                    }
                }
                // Nobody listening is fine.
                Output::Event(event) => drop(self.events.send(event)),
                Output::CrowdOut(resident) => crowded_out.push(resident),
            }
        }
        if inside.room.is_empty() {
            inside.gone = true;
            self.rooms.write().unwrap_or_else(PoisonError::into_inner).remove(inside.room.name());
        }
        crowded_out
    }

    fn renewed(&self, claims: &Claims, now: Now) -> Option<Outgoing> {
        let claims = Renewal {
            identity: &claims.identity,
            name: &claims.name,
            metadata: &claims.metadata,
            attributes: &claims.attributes,
            room: &claims.room,
            permission: info::allowed(&claims.permission),
            standing: claims.standing,
        };
        let renewed = self.keys.renew(&claims, TOKEN_TTL, now.utc);
        let token = renewed.inspect_err(|error| tracing::warn!(%error, "a participant's token is not renewed")).ok()?;
        Some(livekit_protocol::signal_response::Message::RefreshToken(token).into())
    }
}

/// The peer that a report is about.
fn peer_of(report: &Report) -> PeerId {
    match report {
        Report::Connected { peer }
        | Report::Gone { peer, .. }
        | Report::Loudness { peer, .. }
        | Report::Paused { peer, .. }
        | Report::Quality { peer, .. }
        | Report::Refused { peer, .. }
        | Report::DataOpened { peer, .. }
        | Report::Data { peer, .. } => *peer,
    }
}

/// The answer of a room that is not there.
fn absent(command: &Command) -> Result<Reply, SfuError> {
    match command {
        Command::Publish(_) | Command::Subscribe(_) => Err(SfuError::NotLive),
        Command::Patch(_) | Command::LimitLayer(_) | Command::Leave(_) => Err(SfuError::UnknownSession),
        Command::Remove(_)
        | Command::MuteTrack(_)
        | Command::UpdateParticipant(_)
        | Command::UpdateSubscriptions(_) => Err(SfuError::UnknownParticipant),
        Command::Demote(_) => Err(SfuError::UnknownParticipant),
        Command::GrantSeat(_) => Err(SfuError::ShuttingDown),
        Command::SetSeats(_) | Command::SendData(_) | Command::TellRoom(_) | Command::CloseRoom(_) => Ok(Reply::Done),
    }
}

impl Inside {
    /// Puts a message on its way, if its client keeps up.
    fn tell(&mut self, connection: u32, message: Outgoing) {
        if let Some(outbox) = self.outboxes.get_mut(&connection).filter(|outbox| !outbox.lags) {
            outbox.lags = outbox.sender.try_send(message).is_err();
        }
    }

    /// The connections of clients that do not keep up.
    fn lagging(&self) -> Vec<(ParticipantKey, u32)> {
        let lagging = self.outboxes.iter().filter(|(_, outbox)| outbox.lags);
        lagging.filter_map(|(connection, outbox)| Some((outbox.owner?, *connection))).collect()
    }
}

#[cfg(test)]
impl Driver {
    /// Looks at every room.
    pub(crate) fn each_room(&self, mut look: impl FnMut(&RoomName, &Room)) {
        for cell in self.cells() {
            let inside = locked(&cell.inside);
            look(inside.room.name(), &inside.room);
        }
    }

    /// Everything that is still known of anybody, in words; none when nobody is there.
    /// Places that are taken, for participants or leases.
    pub(crate) fn participants_count(&self) -> usize {
        self.ground.node.participants()
    }

    pub(crate) fn remains(&self) -> Vec<String> {
        let node = &self.ground.node;
        let mut remains: Vec<String> = self.rooms.read().unwrap().keys().map(|name| format!("room {name}")).collect();
        self.each_room(|_, room| remains.extend(room.remains()));
        remains.extend(locked(&self.peers).keys().map(|serial| format!("peer {serial}")));
        remains.extend((node.participants() > 0).then(|| format!("{} participants", node.participants())));
        remains.extend((node.on_stage() > 0).then(|| format!("{} on stage", node.on_stage())));
        remains.extend((node.peers() > 0).then(|| format!("{} peers", node.peers())));
        remains.extend(node.pending().oldest().map(|pending| format!("pending {pending:?}")));
        remains
    }
}
