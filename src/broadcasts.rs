//! Who is on the air: takes what the SFU tells and what `api` orders to each room's [`Programme`], and does what it says.
//!
//! One task. It owns every broadcast; their ends come back to it. The SFU's events may overtake its queue: then it asks the SFU
//! how every stage stands. At the end it ends all broadcasts and waits for them, for a bounded time.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use api::{Layout, RoomOrder};
use interactive_sfu::{Event, Sfu};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::programme::{Order, Programme, Speaker};
use crate::studio::{OnAir, Studio};

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
    by_room: HashMap<String, (Programme, Option<OnAir>)>,
    /// Each ends with the name of its room.
    ends: JoinSet<String>,
}

impl Broadcasts {
    /// Runs until `stop`; then ends all broadcasts, within `end_max`.
    pub(crate) async fn run(self, mut orders: mpsc::Receiver<RoomOrder>, stop: CancellationToken, end_max: Duration) {
        let mut events = self.sfu.events();
        let mut all = Programmes::default();
        loop {
            let timeout = all.by_room.values().filter_map(|(programme, _)| programme.poll_timeout()).min();
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
                Some(ended) = all.ends.join_next() => self.ended(&mut all, ended.ok()).await,
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
                let Some((programme, _)) = all.by_room.get_mut(&room) else { return };
                let order = programme.left(session.as_str(), Instant::now());
                self.follow(all, &room, order).await;
            }
        }
    }

    async fn ordered(&self, all: &mut Programmes, order: RoomOrder) {
        match order {
            RoomOrder::Layout { room, layout } => {
                if let Some((_, Some(on_air))) = all.by_room.get(&room) {
                    on_air.set_layout(layout);
                }
            }
            RoomOrder::Deleted { room } => {
                let Some((programme, _)) = all.by_room.get_mut(&room) else { return self.on_air.remove(&room) };
                let order = programme.deleted();
                self.follow(all, &room, order).await;
            }
        }
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

    /// `room` is `None` when the task that waited for the end was lost; the programme then never learns, so all are asked.
    async fn ended(&self, all: &mut Programmes, room: Option<String>) {
        let Some(room) = room else { return };
        let Some((programme, on_air)) = all.by_room.get_mut(&room) else { return };
        *on_air = None;
        let order = programme.ended(Instant::now());
        self.follow(all, &room, order).await;
        self.forget_if_over(all, &room).await;
    }

    async fn poll(&self, all: &mut Programmes) {
        let now = Instant::now();
        let due: Vec<_> =
            all.by_room.iter_mut().map(|(room, (programme, _))| (room.clone(), programme.poll(now))).collect();
        for (room, order) in due {
            self.follow(all, &room, order).await;
        }
    }

    fn programme<'a>(&self, all: &'a mut Programmes, room: &str) -> &'a mut Programme {
        let new = || (Programme::new(self.idle_end), None);
        &mut all.by_room.entry(room.to_owned()).or_insert_with(new).0
    }

    async fn follow(&self, all: &mut Programmes, room: &str, order: Option<Order>) {
        match order {
            None => {}
            Some(Order::Start(speakers)) => self.go_live(all, room, speakers).await,
            Some(Order::Join(speaker)) => {
                if let Some((_, Some(on_air))) = all.by_room.get(room) {
                    on_air.speaker_joined(speaker);
                }
            }
            Some(Order::Leave(speaker)) => {
                if let Some((_, Some(on_air))) = all.by_room.get(room) {
                    on_air.speaker_left(speaker);
                }
            }
            Some(Order::End) => {
                if let Some((_, Some(on_air))) = all.by_room.get(room) {
                    on_air.end();
                }
            }
        }
    }

    async fn go_live(&self, all: &mut Programmes, room: &str, speakers: Vec<Speaker>) {
        let running = all.by_room.values().filter(|(_, on_air)| on_air.is_some()).count();
        let started = if running >= self.rooms_on_air_max {
            tracing::warn!(room, running, "no broadcast: rooms_on_air_max is reached");
            None
        } else {
            let layout = self.rooms.get(room).await.map_or(Layout::Grid, |room| room.layout);
            match self.studio.go_live(room, layout, speakers) {
                Ok(started) => Some(started),
                Err(error) => {
                    tracing::error!(room, error = &error as &dyn std::error::Error, "starting the broadcast");
                    None
                }
            }
        };
        let Some((programme, on_air)) = all.by_room.get_mut(room) else { return };
        match started {
            Some((handle, end)) => {
                *on_air = Some(handle);
                let room = room.to_owned();
                all.ends.spawn(async move {
                    end.await;
                    room
                });
            }
            None => drop(programme.ended(Instant::now())),
        }
    }

    async fn forget_if_over(&self, all: &mut Programmes, room: &str) {
        if all.by_room.get(room).is_some_and(|(programme, _)| programme.is_over()) {
            all.by_room.remove(room);
            if matches!(self.rooms.get(room).await, Err(api::Error::UnknownRoom)) {
                self.on_air.remove(room);
            }
        }
    }

    async fn end_all(&self, mut all: Programmes, end_max: Duration) {
        let on_air: Vec<_> = all.by_room.values().filter_map(|(_, on_air)| on_air.as_ref()).collect();
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
