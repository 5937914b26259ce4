//! Directs all broadcasts: takes the SFU's events and the rooms' orders to each room's [`BroadcastPolicy`], waits for
//! its deadlines, and carries out its [`BroadcastOrder`]s.
//!
//! One task. It owns every broadcast; their ends come back to it. The SFU's events may overtake its queue: then it asks
//! the SFU how every stage stands. A room is forgotten once its policy remembers nothing. At the end the director ends
//! all broadcasts and waits for them, for a bounded time.

use std::time::{Duration, Instant};

use interactive_sfu::{RoomEvent, Sfu, Speaker};
use rooms::overflow::StartReason;
use rooms::{BroadcastSetting, EndReason, FactKind, Order as RoomOrder, Orders};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{Id, JoinError};

use super::directed::{DirectedRoom, DirectedRooms, Need, Started, Wanted};
use super::pipeline::PipelineParts;
use super::policy::{BroadcastOrder, BroadcastPolicy, NotStarted, admit, is_due};

/// How long players of a deleted room can still fetch that its broadcast is over, and the last of it.
const FAREWELL: Duration = Duration::from_secs(60);
/// How long the broadcasts' ends may take when nobody is left to say so.
const END_MAX: Duration = Duration::from_secs(10);

/// Everything that the director works with.
pub(crate) struct BroadcastDirector {
    pub(crate) pipelines: PipelineParts,
    pub(crate) sfu: Sfu,
    pub(crate) rooms: rooms::Rooms,
    pub(crate) origins: api::OriginRegistry,
    pub(crate) idle_end: Duration,
    pub(crate) rooms_on_air_max: usize,
}

impl BroadcastDirector {
    /// Runs until `end` says how long the broadcasts' ends may take; then ends all broadcasts within that time. `needs`
    /// says which audiences need their broadcast.
    pub(crate) async fn run(
        self,
        mut orders: Orders,
        mut needs: mpsc::Receiver<Need>,
        mut end: oneshot::Receiver<Duration>,
    ) {
        let mut events = self.sfu.events();
        let mut all = DirectedRooms::default();
        let end_max = loop {
            let on_air = all.rooms_by_end.values().cloned();
            self.origins.hold_slots(on_air, self.rooms_on_air_max);
            let timeout = all.by_room.values().filter_map(|directed| directed.policy.poll_timeout()).min();
            tokio::select! {
                event = events.recv() => match event {
                    Ok(event) => {
                        // Orders of rooms come first: a speaker who goes on stage in a room that was made again comes
                        // after the order that ended the broadcast of the first one.
                        while let Ok(Some(order)) = orders.try_next().await {
                            self.take_order(&mut all, order).await;
                            orders.done().await;
                        }
                        self.take_event(&mut all, event).await;
                    }
                    Err(RecvError::Lagged(missed)) => {
                        tracing::warn!(missed, "the SFU's events came too fast; asking it how the stages stand");
                        self.resync(&mut all).await;
                    }
                    Err(RecvError::Closed) => break END_MAX,
                },
                order = orders.next() => {
                    self.take_order(&mut all, order).await;
                    orders.done().await;
                }
                Some(need) = needs.recv() => self.take_need(&mut all, need).await,
                Some(ended) = all.ends.join_next_with_id() => self.take_end(&mut all, ended).await,
                Some(_) = all.farewells.join_next() => {}
                () = sleep_until(timeout) => self.poll(&mut all).await,
                end_max = &mut end => break end_max.unwrap_or(END_MAX),
            }
        };
        self.end_all(all, end_max).await;
    }

    /// Takes a speaker's coming or going to the policy of their room.
    async fn take_event(&self, all: &mut DirectedRooms, event: RoomEvent) {
        match event {
            RoomEvent::SpeakerJoined { room, speaker } => {
                let policy = self.policy(all, &room);
                let order = policy.joined(speaker, Instant::now());
                self.carry_out(all, &room, order).await;
            }
            RoomEvent::SpeakerLeft { room, session, .. } => {
                let Some(directed) = all.by_room.get_mut(room.as_str()) else { return };
                let order = directed.policy.left(session.as_str(), Instant::now());
                self.carry_out(all, &room, order).await;
            }
            // Broadcasts follow the stage alone.
            RoomEvent::RoomStarted { .. }
            | RoomEvent::RoomFinished { .. }
            | RoomEvent::ParticipantJoined { .. }
            | RoomEvent::ParticipantLeft { .. }
            | RoomEvent::TrackPublished { .. }
            | RoomEvent::TrackUnpublished { .. }
            | RoomEvent::SeatTaken { .. }
            | RoomEvent::SeatFreed { .. } => {}
        }
    }

    /// Takes a change of a stored room to its policy and its broadcast.
    async fn take_order(&self, all: &mut DirectedRooms, order: RoomOrder) {
        match order {
            RoomOrder::Broadcast { room, setting, record, layout } => {
                let on = is_due(setting, all.wanted.contains_key(room.as_str()));
                let recorded = all.pipeline(&room).map(|pipeline| {
                    pipeline.set_layout(layout);
                    pipeline.recorded
                });
                if on && recorded.is_some_and(|recorded| recorded != record) {
                    // A recording is whole or not there: this broadcast ends, and the next one is as ordered.
                    self.switch(all, &room, Err(EndReason::RecordChanged)).await;
                }
                self.switch(all, &room, if on { Ok(()) } else { Err(EndReason::SwitchedOff) }).await;
            }
            RoomOrder::Deleted { room } => {
                self.retire(all, &room);
                all.wanted.remove(room.as_str());
                let Some(directed) = all.by_room.get_mut(room.as_str()) else { return };
                let order = directed.policy.deleted();
                self.carry_out(all, &room, order).await;
            }
        }
    }

    /// Takes the audience's need of a broadcast to the room's policy.
    async fn take_need(&self, all: &mut DirectedRooms, Need { room, wanted }: Need) {
        let (has_changed, why) = match wanted {
            Wanted::Yes(why) => (all.wanted.insert(room.to_string(), why).is_none(), EndReason::SwitchedOff),
            Wanted::No(why) => (all.wanted.remove(room.as_str()).is_some(), why.into()),
        };
        if !has_changed || !all.by_room.contains_key(room.as_str()) {
            return;
        }
        // The setting of a room that is gone does not matter: its order is on the way.
        let Ok(stored) = self.rooms.get(&room).await else { return };
        let is_due = is_due(stored.broadcast.setting, all.wanted.contains_key(room.as_str()));
        self.switch(all, &room, if is_due { Ok(()) } else { Err(why) }).await;
    }

    /// Switches a room's broadcast on, or off and why.
    async fn switch(&self, all: &mut DirectedRooms, room: &str, on: Result<(), EndReason>) {
        let Some(directed) = all.by_room.get_mut(room) else { return };
        let order = match on {
            Ok(()) => directed.policy.switched_on(Instant::now()),
            Err(why) => directed.policy.switched_off(why),
        };
        self.carry_out(all, room, order).await;
    }

    /// Takes a deleted room's broadcast off every list, and forgets it after [`FAREWELL`].
    fn retire(&self, all: &mut DirectedRooms, room: &str) {
        let Some(retired) = self.origins.retire(room) else { return };
        let (origins, room) = (self.origins.clone(), room.to_owned());
        all.farewells.spawn(async move {
            tokio::time::sleep(FAREWELL).await;
            origins.forget(&room, &retired);
        });
    }

    /// Tells every policy how its stage stands, after some of the SFU's events were missed.
    async fn resync(&self, all: &mut DirectedRooms) {
        // Rooms with a stage are rooms that exist, or that are being deleted: those are known already.
        let stored = self.rooms.list().await.unwrap_or_default().into_iter().map(|room| room.name.into());
        let rooms: std::collections::BTreeSet<String> = stored.chain(all.by_room.keys().cloned()).collect();
        for room in rooms {
            let stage = self.sfu.stage(&room);
            if stage.is_empty() && !all.by_room.contains_key(&room) {
                continue;
            }
            for order in self.policy(all, &room).resync(stage, Instant::now()) {
                self.carry_out(all, &room, Some(order)).await;
            }
        }
    }

    /// Takes the end of a broadcast to its policy, and the free slot to the rooms that wait for one.
    async fn take_end(&self, all: &mut DirectedRooms, ended: Result<(Id, ()), JoinError>) {
        let task = match ended {
            Ok((task, ())) => task,
            Err(error) => {
                tracing::error!(%error, "a broadcast's task was lost");
                error.id()
            }
        };
        let Some(room) = all.rooms_by_end.remove(&task) else { return };
        let now = Instant::now();
        // There is a slot for one of them.
        all.by_room.values_mut().for_each(|directed| directed.policy.slot_is_free(now));
        let Some(directed) = all.by_room.get_mut(&room) else { return };
        directed.pipeline = None;
        let reason = directed.end_reason.take().unwrap_or(EndReason::Failed);
        self.tell(&room, FactKind::BroadcastEnded { reason });
        let order = directed.policy.ended(now);
        self.carry_out(all, &room, order).await;
    }

    async fn poll(&self, all: &mut DirectedRooms) {
        let now = Instant::now();
        let due: Vec<_> =
            all.by_room.iter_mut().map(|(room, directed)| (room.clone(), directed.policy.poll(now))).collect();
        for (room, order) in due {
            self.carry_out(all, &room, order).await;
        }
    }

    fn policy<'a>(&self, all: &'a mut DirectedRooms, room: &str) -> &'a mut BroadcastPolicy {
        let new = || DirectedRoom::new(BroadcastPolicy::new(self.idle_end));
        &mut all.by_room.entry(room.to_owned()).or_insert_with(new).policy
    }

    /// Carries out a policy's order, and forgets the room if its policy remembers nothing.
    async fn carry_out(&self, all: &mut DirectedRooms, room: &str, order: Option<BroadcastOrder>) {
        match (order, all.pipeline(room)) {
            (Some(BroadcastOrder::Start(speakers)), _) => self.go_live(all, room, speakers).await,
            (Some(BroadcastOrder::Join(speaker)), Some(pipeline)) => pipeline.speaker_joined(speaker),
            (Some(BroadcastOrder::Leave(speaker)), Some(pipeline)) => pipeline.speaker_left(speaker),
            (Some(BroadcastOrder::End(why)), Some(pipeline)) => {
                pipeline.end();
                all.ends_by(room, why);
            }
            (Some(BroadcastOrder::Join(_) | BroadcastOrder::Leave(_) | BroadcastOrder::End(_)) | None, _) => {}
        }
        if all.by_room.get(room).is_some_and(|directed| directed.policy.is_over()) {
            all.by_room.remove(room);
        }
    }

    /// Starts a broadcast and keeps its handle, or tells the policy why it did not start.
    async fn go_live(&self, all: &mut DirectedRooms, room: &str, speakers: Vec<Speaker>) {
        let wanted = all.wanted.get(room).copied();
        let started = self.start(room, speakers, wanted, all.ends.len()).await;
        let Some(directed) = all.by_room.get_mut(room) else { return };
        match started {
            Ok(Started { pipeline, end, reason }) => {
                directed.pipeline = Some(pipeline);
                all.rooms_by_end.insert(all.ends.spawn(end).id(), room.to_owned());
                self.tell(room, FactKind::BroadcastStarted { reason });
            }
            Err(reason) => directed.policy.not_started(reason, Instant::now()),
        }
    }

    /// Starts the broadcast of `room`, as the room is stored, while `running` others are on the air.
    async fn start(
        &self,
        room: &str,
        speakers: Vec<Speaker>,
        wanted: Option<StartReason>,
        running: usize,
    ) -> Result<Started, NotStarted> {
        let stored = match self.rooms.get(room).await {
            Ok(stored) => stored,
            // Somebody came in while it was being deleted.
            Err(rooms::Error::UnknownRoom) => return Err(NotStarted::Failed),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(room, error, "no broadcast: how the room is set is unknown");
                return Err(NotStarted::Failed);
            }
        };
        let admitted = admit(is_due(stored.broadcast.setting, wanted.is_some()), running, self.rooms_on_air_max);
        if admitted == Err(NotStarted::NoSlot) {
            tracing::warn!(room, running, "no broadcast: rooms_on_air_max is reached");
        }
        admitted?;
        let access = self.rooms.access(room).ok_or(NotStarted::Failed)?;
        let (pipeline, end) = self.pipelines.start(&stored, access, speakers).map_err(|error| {
            tracing::error!(room, error = &error as &dyn std::error::Error, "starting the broadcast");
            NotStarted::Failed
        })?;
        let always = Some(StartReason::AlwaysOn).filter(|_| stored.broadcast.setting == BroadcastSetting::On);
        let reason = always.or(wanted).unwrap_or(StartReason::Waiting);
        Ok(Started { pipeline, end: Box::pin(end), reason })
    }

    /// Tells whoever is told of facts.
    fn tell(&self, room: &str, kind: FactKind) {
        if let Ok(room) = room.parse() {
            self.rooms.tell(&room, kind);
        }
    }

    async fn end_all(&self, all: DirectedRooms, end_max: Duration) {
        for (room, directed) in all.by_room.iter().filter(|(_, directed)| directed.pipeline.is_some()) {
            let reason = directed.end_reason.unwrap_or(EndReason::Shutdown);
            self.tell(room, FactKind::BroadcastEnded { reason });
        }
        all.end(end_max).await;
    }
}

/// Never, if there is no such time.
pub(super) async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
