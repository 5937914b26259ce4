//! Everybody there is, and what each step does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use livekit_protocol as proto;
use livekit_protocol::signal_request::Message as Request;
use plane::{PeerId, Report};
use tokio::sync::broadcast;

use super::client::Client;
use super::compared::Compared;
use super::plane::Plane;
use super::step::Step;
use crate::config::Config;
use crate::control::{Command, Leave, RoomEvent, SessionId};
use crate::room::address::{OurEnd, ShardCandidates};
use crate::room::driver::Driver;
use crate::room::machine::{Ground, Signal};
use crate::room::node::Node;
use crate::room::now::Now;
use crate::room::seats::LEASE;
use crate::signalling::sdp::Fingerprint;
use access::Keys;

const SHARDS: u16 = 2;
pub(super) const ROOMS: [&str; 3] = ["a", "b", "c"];
pub(super) const IDENTITIES: [&str; 7] = ["ann", "ben", "cat", "dan", "eve", "fay", "gus"];
/// By WHIP and WHEP. Ann comes by both protocols.
pub(super) const OTHERS: [&str; 4] = ["hal", "ida", "jon", "ann"];
/// How often what is left to be said may lead to more.
const ROUNDS_MAX: usize = 40;
/// After so long publishers are asked for no more than is wanted.
const QUALITIES_MS_MAX: u64 = 3_500;
/// How long a client may be without a socket.
const RESUME_MS_MAX: u32 = 5_000;

pub(super) struct World {
    pub(super) driver: Driver,
    pub(super) plane: Plane,
    pub(super) clients: Vec<Client>,
    pub(super) sessions: Vec<(&'static str, SessionId)>,
    pub(super) now: Now,
    pub(super) compared: Compared,
    /// Seats that were given in each room after the last step.
    pub(super) given: BTreeMap<String, u32>,
    events: broadcast::Receiver<RoomEvent>,
    /// Everybody who is there according to the events: a room and an identity.
    pub(super) told_seated: BTreeSet<(String, String)>,
    /// The number in the next name that a client chooses.
    pub(super) counter: usize,
}

pub(super) fn choose<T>(from: &[T], n: u8) -> Option<usize> {
    (!from.is_empty()).then(|| usize::from(n) % from.len())
}

impl World {
    pub(super) fn new() -> Self {
        let config = Config {
            addresses: vec!["127.0.0.1".parse().unwrap()],
            shards: SHARDS,
            listed_max: 3,
            participants_per_room_max: 6,
            tracks_per_participant_max: 3,
            publishers_per_room_max: 3,
            sessions_max: 18,
            pending_sessions_max: 4,
            pending_per_identity_max: 2,
            sessions_per_identity_max: 3,
            resume_ms_max: RESUME_MS_MAX,
            ..Config::default()
        };
        let (plane, handle) = Plane::new();
        let shards = (0..SHARDS).map(|_| ShardCandidates::new(&config, &config.addresses, 1)).collect();
        let our_end = OurEnd { fingerprint: Fingerprint([7; 32]), shards };
        let now = Now { instant: Instant::now(), utc: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000) };
        let node = Node::new(SHARDS.into(), config.sessions_max as usize);
        let ground = Ground { config: Arc::new(config), our_end, node };
        let driver = Driver::new(ground, Keys::new("k", "s"), handle, [7; 32]);
        Self {
            given: BTreeMap::new(),
            events: driver.events(),
            told_seated: BTreeSet::new(),
            driver,
            plane,
            clients: Vec::new(),
            sessions: Vec::new(),
            now,
            compared: Compared::default(),
            counter: 0,
        }
    }

    /// Takes the steps; then everybody leaves. `Err`: what was wrong, after which step.
    pub(super) fn run(&mut self, steps: &[Step]) -> Result<(), String> {
        for (at, step) in steps.iter().enumerate() {
            self.take(step);
            self.look();
            self.check().map_err(|fault| format!("after step {at}, {step:?}: {fault}"))?;
            if matches!(step, Step::Settle) {
                self.check_settled().map_err(|fault| format!("after step {at}, {step:?}: {fault}"))?;
            }
        }
        self.settle();
        self.check_settled().map_err(|fault| format!("at the end: {fault}"))?;
        // Whoever has no socket is waited for, and their pictures are asked for a while longer.
        for ms in [u64::from(RESUME_MS_MAX) + 1, QUALITIES_MS_MAX] {
            self.wait(ms);
            self.settle();
        }
        self.check_qualities(true).map_err(|fault| format!("at the end: {fault}"))?;
        self.everybody_leaves();
        self.check_empty().map_err(|fault| format!("when all had left: {fault}"))
    }

    /// Messages and orders on their way arrive.
    fn look(&mut self) {
        self.plane.take_orders();
        self.hear();
        self.clients.iter_mut().for_each(Client::read);
        self.compared.messages += std::mem::take(&mut self.plane.heard);
        self.compared.resumed += self.clients.iter_mut().map(|client| std::mem::take(&mut client.resumed)).sum::<u64>();
        self.clients.retain(|client| !client.ended || !client.faults.is_empty());
    }

    /// Takes in who came and went, as the rest of the server is told.
    fn hear(&mut self) {
        while let Ok(event) = self.events.try_recv() {
            let is_news = match event {
                RoomEvent::SeatTaken { room, identity, .. } => self.told_seated.insert((room.into(), identity.into())),
                RoomEvent::SeatFreed { room, identity } => self.told_seated.remove(&(room.into(), identity.into())),
                _ => true,
            };
            if !is_news {
                self.plane.faults.push("an event of a seat came twice".into());
            }
        }
    }

    /// Returns how long the client is to wait before it says more.
    pub(super) fn say(&mut self, at: usize, request: Request) -> Duration {
        self.say_signal(at, Signal::read(Some(request), 0))
    }

    pub(super) fn say_signal(&mut self, at: usize, signal: Signal) -> Duration {
        let Some(client) = self.clients.get(at).filter(|client| client.inbox.is_some()) else { return Duration::ZERO };
        let Some(key) = client.key else { return Duration::ZERO };
        self.driver.signal(&client.cell, key, client.connection, signal, self.now)
    }

    /// A call of the server's API, which may be refused.
    pub(super) fn call(&self, command: Command) {
        drop(self.driver.call(command, self.now));
    }

    pub(super) fn leave(&self, room: &str, session: &SessionId) {
        self.call(Command::Leave(Leave { room: room.parse().unwrap(), session: session.clone() }));
    }

    pub(super) fn report(&self, report: Report) {
        self.driver.report(report, self.now);
    }

    pub(super) fn some_peer(&self, n: u8) -> Option<PeerId> {
        let living: Vec<PeerId> = self.plane.peers.values().filter(|p| !p.removed && !p.dead).map(|p| p.id).collect();
        choose(&living, n).map(|at| living[at])
    }

    pub(super) fn connect_one(&mut self) -> bool {
        self.plane.take_orders();
        let Some(id) = self.plane.next_to_connect() else { return false };
        if let Some(peer) = self.plane.peers.get_mut(&id.serial) {
            peer.connected = true;
        }
        self.report(Report::Connected { peer: id });
        true
    }

    pub(super) fn tell_gone(&mut self) -> bool {
        self.plane.take_orders();
        let Some(id) = self.plane.next_gone() else { return false };
        self.report(Report::Gone { peer: id, why: "simulated" });
        true
    }

    pub(super) fn wait(&mut self, ms: u64) {
        self.now.instant += Duration::from_millis(ms);
        self.now.utc += Duration::from_millis(ms);
        self.driver.tick(self.now);
    }

    /// Lets everybody say what they have to say, until nobody has.
    pub(super) fn settle(&mut self) {
        // What a tick tells may lead to more.
        for _ in 0..3 {
            self.say_all();
            self.wait(100);
            self.look();
        }
        self.say_all();
    }

    fn say_all(&mut self) {
        for _ in 0..ROUNDS_MAX {
            self.look();
            let mut busy = self.connect_one() | self.tell_gone();
            for at in 0..self.clients.len() {
                self.clients[at].read();
                let client = &mut self.clients[at];
                if client.inbox.is_none() {
                    continue;
                }
                let answer = client.answer();
                let offer = client.owes_offer.then(|| client.offer());
                for request in answer.into_iter().chain(offer) {
                    self.say(at, request);
                    busy = true;
                }
            }
            self.look();
            if !busy {
                return;
            }
        }
        self.plane.faults.push("people go on and on".into());
    }

    fn everybody_leaves(&mut self) {
        for at in 0..self.clients.len() {
            self.say(at, Request::Leave(proto::LeaveRequest::default()));
        }
        for (room, id) in std::mem::take(&mut self.sessions) {
            self.leave(room, &id);
        }
        self.settle();
        // Who has no socket is waited for.
        self.wait(u64::from(RESUME_MS_MAX) + 1);
        while self.tell_gone() || self.connect_one() {}
        self.look();
        while self.tell_gone() {}
        self.look();
        // Leases end.
        self.wait(LEASE.as_millis() as u64);
        self.look();
        // Nor is told that its session has ended.
        self.clients.retain(|client| client.inbox.is_some());
    }
}
