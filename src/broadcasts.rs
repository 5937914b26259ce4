//! Who is on the air: takes what the SFU tells and what `api` orders to each room's [`Programme`], and does what it
//! says.
//!
//! One task. It owns every broadcast; their ends come back to it. The SFU's events may overtake its queue: then it asks
//! the SFU how every stage stands. A room is forgotten once its programme is over. At the end it ends all broadcasts
//! and waits for them, for a bounded time.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use api::RoomOrder;
use api::rooms::Room;
use interactive_sfu::{Event, Sfu};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::programme::{Order, Programme, Speaker};
use crate::studio::{OnAir, Studio};

/// How long players of a deleted room can still fetch that its broadcast is over, and the last of it.
const FAREWELL: Duration = Duration::from_secs(60);

/// The task's state.
pub(crate) struct Broadcasts {
    pub(crate) studio: Studio,
    pub(crate) sfu: Sfu,
    pub(crate) rooms: api::Rooms,
    pub(crate) on_air: api::Broadcasts,
    pub(crate) idle_end: Duration,
    pub(crate) rooms_on_air_max: usize,
}

#[derive(Default)]
struct Programmes {
    by_room: HashMap<String, Slot>,
    /// Each waits for the end of a broadcast.
    ends: JoinSet<()>,
    /// Whose end it is. By task, so that one that panics is missed too.
    rooms_by_end: HashMap<Id, String>,
    /// Each forgets the broadcast of a deleted room.
    farewells: JoinSet<()>,
}

struct Slot {
    programme: Programme,
    on_air: Option<OnAir>,
    /// It was not started because all slots for being on the air were taken.
    waits_for_air: bool,
}

impl Programmes {
    fn on_air(&self, room: &str) -> Option<&OnAir> {
        self.by_room.get(room)?.on_air.as_ref()
    }
}

impl Broadcasts {
    /// Runs until `stop`; then ends all broadcasts, within `end_max`.
    pub(crate) async fn run(self, mut orders: mpsc::Receiver<RoomOrder>, stop: CancellationToken, end_max: Duration) {
        let mut events = self.sfu.events();
        let mut all = Programmes::default();
        loop {
            let on_air = all.rooms_by_end.values().cloned();
            self.on_air.hold_slots(on_air, self.rooms_on_air_max);
            let timeout = all.by_room.values().filter_map(|slot| slot.programme.poll_timeout()).min();
            tokio::select! {
                event = events.recv() => match event {
                    Ok(event) => self.heard(&mut all, event).await,
                    Err(RecvError::Lagged(missed)) => {
                        tracing::warn!(missed, "the SFU's events came too fast; asking it how the stages stand");
                        self.resync(&mut all).await;
                    }
                    Err(RecvError::Closed) => break,
                },
                Some(order) = orders.recv() => self.ordered(&mut all, order).await,
                Some(ended) = all.ends.join_next_with_id() => self.ended(&mut all, ended).await,
                Some(_) = all.farewells.join_next() => {}
                () = sleep_until(timeout), if timeout.is_some() => self.poll(&mut all).await,
                () = stop.cancelled() => break,
            }
        }
        self.end_all(all, end_max).await;
    }

    async fn heard(&self, all: &mut Programmes, event: Event) {
        match event {
            Event::SpeakerJoined { room, speaker } => {
                let programme = self.programme(all, &room);
                let order = programme.joined(from_sfu(speaker), Instant::now());
                self.follow(all, &room, order).await;
            }
            Event::SpeakerLeft { room, session, .. } => {
                let Some(slot) = all.by_room.get_mut(&room) else { return };
                let order = slot.programme.left(session.as_str(), Instant::now());
                self.follow(all, &room, order).await;
            }
        }
    }

    async fn ordered(&self, all: &mut Programmes, order: RoomOrder) {
        match order {
            RoomOrder::Broadcast { room, on, record, layout } => {
                let recorded = all.on_air(&room).map(|on_air| {
                    on_air.set_layout(layout);
                    on_air.recorded
                });
                if on && recorded.is_some_and(|recorded| recorded != record) {
                    // What is kept is kept whole, and what is not, not at all: this broadcast ends, and the next one is
                    // as ordered.
                    self.switched(all, &room, false).await;
                }
                self.switched(all, &room, on).await;
            }
            RoomOrder::Deleted { room } => {
                self.retire(all, &room);
                let Some(slot) = all.by_room.get_mut(&room) else { return };
                let order = slot.programme.deleted();
                self.follow(all, &room, order).await;
            }
        }
    }

    async fn switched(&self, all: &mut Programmes, room: &str, on: bool) {
        let Some(slot) = all.by_room.get_mut(room) else { return };
        let order = slot.programme.switched(on, Instant::now());
        self.follow(all, room, order).await;
    }

    fn retire(&self, all: &mut Programmes, room: &str) {
        let Some(retired) = self.on_air.retire(room) else { return };
        let (on_air, room) = (self.on_air.clone(), room.to_owned());
        all.farewells.spawn(async move {
            tokio::time::sleep(FAREWELL).await;
            on_air.forget(&room, &retired);
        });
    }

    async fn resync(&self, all: &mut Programmes) {
        // Rooms with a stage are rooms that exist, or that are being deleted: those are known already.
        let stored = self.rooms.list().await.unwrap_or_default().into_iter().map(|room| room.name);
        let rooms: std::collections::BTreeSet<String> = stored.chain(all.by_room.keys().cloned()).collect();
        for room in rooms {
            let stage: Vec<Speaker> = self.sfu.stage(&room).into_iter().map(from_sfu).collect();
            if stage.is_empty() && !all.by_room.contains_key(&room) {
                continue;
            }
            for order in self.programme(all, &room).resync(stage, Instant::now()) {
                self.follow(all, &room, Some(order)).await;
            }
        }
    }

    async fn ended(&self, all: &mut Programmes, ended: Result<(Id, ()), JoinError>) {
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
        all.by_room.values_mut().filter(|slot| slot.waits_for_air).for_each(|slot| slot.programme.hurry(now));
        let Some(slot) = all.by_room.get_mut(&room) else { return };
        slot.on_air = None;
        let order = slot.programme.ended(now);
        self.follow(all, &room, order).await;
    }

    async fn poll(&self, all: &mut Programmes) {
        let now = Instant::now();
        let due: Vec<_> = all.by_room.iter_mut().map(|(room, slot)| (room.clone(), slot.programme.poll(now))).collect();
        for (room, order) in due {
            self.follow(all, &room, order).await;
        }
    }

    fn programme<'a>(&self, all: &'a mut Programmes, room: &str) -> &'a mut Programme {
        let new = || Slot { programme: Programme::new(self.idle_end), on_air: None, waits_for_air: false };
        &mut all.by_room.entry(room.to_owned()).or_insert_with(new).programme
    }

    async fn follow(&self, all: &mut Programmes, room: &str, order: Option<Order>) {
        match (order, all.on_air(room)) {
            (Some(Order::Start(speakers)), _) => self.go_live(all, room, speakers).await,
            (Some(Order::Join(speaker)), Some(on_air)) => on_air.speaker_joined(speaker),
            (Some(Order::Leave(speaker)), Some(on_air)) => on_air.speaker_left(speaker),
            (Some(Order::End), Some(on_air)) => on_air.end(),
            (Some(Order::Join(_) | Order::Leave(_) | Order::End) | None, _) => {}
        }
        if all.by_room.get(room).is_some_and(|slot| slot.programme.is_over()) {
            all.by_room.remove(room);
        }
    }

    async fn go_live(&self, all: &mut Programmes, room: &str, speakers: Vec<Speaker>) {
        let is_full = all.ends.len() >= self.rooms_on_air_max;
        let (is_off, started) = match self.rooms.get(room).await {
            Ok(stored) if stored.broadcast.is_on() && is_full => {
                tracing::warn!(room, running = all.ends.len(), "no broadcast: rooms_on_air_max is reached");
                (false, None)
            }
            Ok(stored) if stored.broadcast.is_on() => (false, self.start(&stored, speakers)),
            Ok(_) => (true, None),
            // Whoever came in while it was being deleted.
            Err(api::Error::UnknownRoom) => (false, None),
            Err(error) => {
                tracing::error!(
                    room,
                    error = &error as &dyn std::error::Error,
                    "no broadcast: how the room is set is unknown"
                );
                (false, None)
            }
        };
        let Some(slot) = all.by_room.get_mut(room) else { return };
        slot.waits_for_air = is_full && !is_off;
        if is_off {
            slot.programme.switched(false, Instant::now());
        }
        match started {
            Some((on_air, end)) => {
                slot.on_air = Some(on_air);
                all.rooms_by_end.insert(all.ends.spawn(end).id(), room.to_owned());
            }
            // It is tried again later, unless it is off: `ended` orders nothing while somebody is on stage.
            None => drop(slot.programme.ended(Instant::now())),
        }
    }

    fn start(&self, room: &Room, speakers: Vec<Speaker>) -> Option<(OnAir, impl Future<Output = ()> + Send + use<>)> {
        let name = &room.name;
        match self.studio.go_live(room, self.rooms.access(name)?, speakers) {
            Ok(started) => Some(started),
            Err(error) => {
                tracing::error!(room = name, error = &error as &dyn std::error::Error, "starting the broadcast");
                None
            }
        }
    }

    async fn end_all(&self, mut all: Programmes, end_max: Duration) {
        let on_air: Vec<_> = all.by_room.values().filter_map(|slot| slot.on_air.as_ref()).collect();
        tracing::info!(broadcasts = on_air.len(), "ending the broadcasts");
        on_air.into_iter().for_each(OnAir::end);
        let ends = async { while all.ends.join_next().await.is_some() {} };
        if tokio::time::timeout(end_max, ends).await.is_err() {
            tracing::warn!(
                broadcasts = all.ends.len(),
                "broadcasts did not end in time; their recordings lack the last segments"
            );
        }
    }
}

fn from_sfu(speaker: interactive_sfu::Speaker) -> Speaker {
    Speaker { identity: speaker.identity, name: speaker.name, session: speaker.session.as_str().to_owned() }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
