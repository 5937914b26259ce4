//! The audience: once a second the overflow decision of every room with somebody in it, on its broadcast or waiting for
//! that.
//!
//! Takes snapshots of the SFU's seats, of the broadcasts and of the node's load to [`rooms::overflow`], and carries out
//! what it proposes. Also keeps the SFU's limits of seats as the rooms are set, so that a change of a room that nobody
//! told the SFU of counts a second later.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant, SystemTime};

use access::{Class, RoomName};
use api::{Demand, EventsHub, Moves, NodeDesk, NodeStatus, OriginRegistry, Promotion, seat_limits};
use interactive_sfu::{Admission, RoomSeats, SendAway, Sent, SetSeats, Sfu};
use rooms::overflow::{
    self, CANDIDATES_MAX, NodeGate, NodeLimits, NodeLoad, NodeSnapshot, Proposal, Reason, RoomSnapshot,
};
use rooms::{Room, Rooms};
use tokio::sync::mpsc;

use super::load::LoadMeter;
use crate::broadcast::{Need, Wanted};
use count::{Count, Size};
use drain::Drain;
use snapshot::{RoomFacts, RunMemory};

mod count;
mod drain;
mod snapshot;

/// How often rooms are looked at.
const STEP: Duration = Duration::from_secs(1);
const PROMOTED: &str = "A seat is free, and kept for you; join again to take it.";

/// Everything that the decision works with.
pub(crate) struct Deps {
    pub(crate) sfu: Sfu,
    pub(crate) rooms: Rooms,
    pub(crate) origins: OriginRegistry,
    pub(crate) demand: Demand,
    pub(crate) events: EventsHub,
    pub(crate) moves: Moves,
    /// Drains are ordered here.
    pub(crate) desk: NodeDesk,
    /// To the director of the broadcasts.
    pub(crate) needs: mpsc::Sender<Need>,
    pub(crate) limits: NodeLimits,
}

/// The memory of one room.
#[derive(Default)]
struct Remembered {
    overflow: overflow::RoomOverflow,
    run: RunMemory,
    count: Count,
}

/// Runs until it is dropped.
pub(crate) async fn run(deps: Deps) {
    let (began, mut remembered) = (Instant::now(), HashMap::<RoomName, Remembered>::new());
    let (mut gate, mut meter) = (NodeGate::default(), LoadMeter::default());
    let (mut load, mut measured_at) = (NodeLoad::default(), began);
    let (mut drain, mut orders) = (Drain::default(), deps.desk.orders());
    loop {
        tokio::select! {
            () = tokio::time::sleep(STEP) => {}
            // Somebody waits for a broadcast: it is started at once.
            () = deps.demand.news() => {}
            // An operator waits for the order to be followed.
            _ = orders.changed() => {}
        }
        let now = Now { instant: Instant::now(), utc: SystemTime::now(), began };
        // Over a shorter time the kernel's ticks of CPU say nothing.
        if now.instant.saturating_duration_since(measured_at) >= STEP {
            (load, measured_at) = (meter.measure(now.instant, Sent::read()), now.instant);
        }
        let ordered = deps.desk.ordered();
        if let Some(admission) = gate.step(&load, &deps.limits, ordered.is_some(), now.ms()) {
            tracing::info!(?admission, ?load, "the node lets people in otherwise");
            deps.sfu.admit(as_sfu(admission));
        }
        let mut node =
            NodeSnapshot { limits: deps.limits, load, admission: gate.admission(), ..NodeSnapshot::default() };
        let waited_for: BTreeSet<RoomName> = deps.demand.waited_for(now.instant).into_iter().collect();
        let known = deps.sfu.rooms().into_iter().chain(remembered.keys().cloned());
        let names: BTreeSet<RoomName> = known.chain(waited_for.iter().cloned()).collect();
        let seats: Vec<(RoomName, RoomSeats)> =
            names.into_iter().map(|name| (name.clone(), deps.sfu.seats(&name))).collect();
        node.seats_taken = seats.iter().map(|(_, seats)| u64::from(taken(seats))).sum();
        let progress = drain.step(ordered, || drain::Seats::of(&seats), &deps.limits);
        node.draining_since_ms = ordered.map(|order| now.since(order.since));
        deps.desk.note(NodeStatus { admission: node.admission, load, seats_taken: node.seats_taken, drain: progress });
        if progress.is_some_and(|progress| drain::is_over(&progress, now.instant)) {
            deps.send_away(&seats).await;
        }
        for (name, seats) in seats {
            match deps.rooms.get(&name).await {
                Ok(room) => {
                    let is_waited_for = waited_for.contains(&name);
                    deps.step(remembered.entry(name).or_default(), &room, &seats, &node, is_waited_for, now).await;
                }
                Err(rooms::Error::UnknownRoom) => drop(remembered.remove(&name)),
                Err(error) => tracing::debug!(%error, "a room's overflow is not decided about"),
            }
        }
        remembered.retain(|_, room| !room.run.is_idle() || !room.count.is_settled());
    }
}

/// The time of a step.
#[derive(Clone, Copy)]
pub(crate) struct Now {
    instant: Instant,
    utc: SystemTime,
    began: Instant,
}

impl Now {
    /// Milliseconds of a clock that never goes back.
    fn ms(self) -> u64 {
        u64::try_from(self.instant.saturating_duration_since(self.began).as_millis()).unwrap_or(u64::MAX)
    }

    /// An instant on the clock of [`Now::ms`].
    fn since(self, instant: Instant) -> u64 {
        let ago_ms = self.instant.saturating_duration_since(instant).as_millis();
        self.ms().saturating_sub(u64::try_from(ago_ms).unwrap_or(u64::MAX))
    }

    /// Milliseconds since the Unix epoch.
    fn utc_ms(self) -> i64 {
        let since = self.utc.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }
}

fn as_sfu(admission: overflow::Admission) -> Admission {
    match admission {
        overflow::Admission::Open => Admission::Open,
        overflow::Admission::Busy => Admission::Busy,
        overflow::Admission::Draining => Admission::Draining,
    }
}

/// Seats of people who are connected.
fn taken(seats: &RoomSeats) -> u32 {
    seats.given.less(&seats.leased).total()
}

impl Deps {
    async fn step(
        &self,
        remembered: &mut Remembered,
        room: &Room,
        seats: &RoomSeats,
        node: &NodeSnapshot,
        is_waited_for: bool,
        now: Now,
    ) {
        self.limit(room, seats).await;
        let facts = RoomFacts {
            room,
            seats,
            has_stage: !self.sfu.stage(&room.name).is_empty(),
            audience: self.events.audience(&room.name, CANDIDATES_MAX),
            is_waited_for,
            broadcast: self.origins.run_of(&room.name, room.created_at_utc_ms),
        };
        if let Some(count) = remembered.count.step(Size::of(&facts.audience, seats), now.ms()) {
            self.rooms.tell(&room.name, count);
        }
        let snapshot: RoomSnapshot = remembered.run.snapshot(&facts, *node, now);
        for proposal in remembered.overflow.step(&snapshot, &room.audience, now.ms()) {
            tracing::debug!(room = %room.name, ?proposal, "overflow");
            match proposal {
                Proposal::StartBroadcast(reason) => {
                    remembered.run.started(now.ms());
                    self.need(&room.name, Wanted::Yes(reason)).await;
                }
                Proposal::StopBroadcast(reason) => {
                    remembered.run.stopped();
                    self.need(&room.name, Wanted::No(reason)).await;
                }
                Proposal::Promote { identity, class } => {
                    match self.moves.promote(room, &identity, class, (Reason::Seat, PROMOTED)).await {
                        Ok(Promotion::Told | Promotion::NoSeat(_) | Promotion::Unreachable) => {}
                        Err(error) => tracing::debug!(%error, "somebody is not promoted"),
                    }
                }
                Proposal::Demote { identity, reason } => {
                    let class = seats.seated.iter().find(|one| one.identity == identity).map(|one| one.class);
                    let class = class.unwrap_or(Class::Anonymous);
                    if let Err(error) =
                        self.moves.demote(room, &identity, class, (reason.reason(), reason.sentence())).await
                    {
                        tracing::debug!(%error, "somebody is not demoted");
                    }
                }
            }
        }
    }

    /// Ends the sessions of whoever a drain could not move in its time.
    async fn send_away(&self, seats: &[(RoomName, RoomSeats)]) {
        for (room, seats) in seats.iter().filter(|(_, seats)| taken(seats) > 0) {
            tracing::info!(%room, seats = taken(seats), "the drain's time is over: whoever is left is sent away");
            if let Err(error) = self.sfu.ask(SendAway(room.clone())).await {
                tracing::debug!(%error, "nobody is sent away");
            }
        }
    }

    /// Keeps the SFU's limits as the room is set.
    async fn limit(&self, room: &Room, seats: &RoomSeats) {
        let limits = seat_limits(&self.rooms, room);
        if limits != seats.limits && seats.given.total() > 0 {
            let set = SetSeats { room: room.name.clone(), limits };
            if let Err(error) = self.sfu.ask(set).await {
                tracing::debug!(%error, "a room's seats are not limited");
            }
        }
    }

    /// Tells the director whether the audience needs the broadcast. A director that is gone has ended all of them.
    async fn need(&self, room: &RoomName, wanted: Wanted) {
        let _ = self.needs.send(Need { room: room.clone(), wanted }).await;
    }
}
