//! Webhooks: POSTs that tell other servers of the events of rooms, signed as LiveKit's are.
//!
//! Two kinds, each in order within its room. LiveKit's own events (participants, tracks, rooms that begin and end) are
//! many, and true only while the SFU runs that tells of them. They wait in memory as with LiveKit's server: an event is
//! tried until it is taken, with growing pauses, and given up after [`TRIES`]. Meanwhile at most [`WAITING_MAX`] events
//! of the same room wait behind it at that URL; other rooms and other URLs wait for none. Facts that this server alone
//! knows (broadcasts, moves, thresholds, the size of the audience) come from the database's outbox and outlive the
//! process: see `receiver.rs`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use access::{Keys, RoomName, random_id};
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use chrono::Utc;
use interactive_sfu::RoomEvent;
use livekit_protocol as proto;
use rooms::{Facts, Rooms};
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinSet;
use tokio::time::sleep;

use self::receiver::Receiver;
use self::sender::{Sender, pause};
use crate::livekit::room::as_livekit;
use crate::{StartError, metrics};

mod backlog;
mod receiver;
mod sender;

/// Attempts for each URL.
const TRIES: u32 = 6;
/// Events of one room that may wait; further ones are dropped and counted.
const WAITING_MAX: usize = 1024;
/// A room without events for so long loses its queue.
const IDLE: Duration = Duration::from_secs(300);

/// An event that webhooks tell of. `run` makes it, and a room's worker sends it.
struct Notice {
    room: RoomName,
    /// The event's name in LiveKit's protocol.
    name: &'static str,
    participant: Option<Box<proto::ParticipantInfo>>,
    track: Option<Box<proto::TrackInfo>>,
}

impl Notice {
    /// `None`: no webhook tells of speakers, who come and go for the director of the broadcasts.
    fn of(event: RoomEvent) -> Option<Self> {
        let (room, name, participant, track) = match event {
            RoomEvent::RoomStarted { room } => (room, "room_started", None, None),
            RoomEvent::RoomFinished { room } => (room, "room_finished", None, None),
            RoomEvent::ParticipantJoined { room, participant } => (room, "participant_joined", Some(participant), None),
            RoomEvent::ParticipantLeft { room, participant } => (room, "participant_left", Some(participant), None),
            RoomEvent::TrackPublished { room, participant, track } => {
                (room, "track_published", Some(participant), Some(track))
            }
            RoomEvent::TrackUnpublished { room, participant, track } => {
                (room, "track_unpublished", Some(participant), Some(track))
            }
            RoomEvent::SpeakerJoined { .. }
            | RoomEvent::SpeakerLeft { .. }
            | RoomEvent::SeatTaken { .. }
            | RoomEvent::SeatFreed { .. } => return None,
        };
        Some(Self { room, name, participant, track })
    }
}

/// Sends webhooks.
pub struct Webhooks {
    sender: Arc<Sender>,
    rooms: Rooms,
    urls: Vec<String>,
    /// One for each URL.
    facts: Vec<Facts>,
}

impl Webhooks {
    /// Webhooks to `urls`: each is told the facts since it was told last, or from now on if it is new. Without any,
    /// [`Webhooks::run`] ends at once.
    pub async fn new(keys: Keys, rooms: Rooms, urls: Vec<String>) -> Result<Self, StartError> {
        let sender = Arc::new(Sender::new(keys)?);
        let (mut urls, mut seen) = (urls, HashSet::new());
        urls.retain(|url| seen.insert(url.clone()));
        let consumers: Vec<String> = urls.iter().map(|url| consumer(url)).collect();
        let facts = rooms.follow_facts(&consumers).await.map_err(|error| StartError::Webhooks(error.into()))?;
        Ok(Self { sender, rooms, urls, facts })
    }

    /// Runs until the events end or it is dropped.
    pub async fn run(mut self, mut events: broadcast::Receiver<RoomEvent>) {
        if self.urls.is_empty() {
            return;
        }
        let mut receivers = JoinSet::new();
        for (number, (url, facts)) in self.urls.iter().zip(std::mem::take(&mut self.facts)).enumerate() {
            let (sender, rooms, url) = (self.sender.clone(), self.rooms.clone(), url.clone());
            receivers.spawn(Arc::new(Receiver { sender, rooms, url, number }).tell(facts));
        }
        let this = Arc::new(self);
        let mut queues: HashMap<RoomName, mpsc::Sender<Notice>> = HashMap::new();
        let mut workers = JoinSet::new();
        loop {
            let event = tokio::select! {
                event = events.recv() => event,
                Some(_) = workers.join_next() => continue,
            };
            let notice = match event {
                Ok(event) => Notice::of(event),
                Err(broadcast::error::RecvError::Lagged(missed)) => {
                    tracing::warn!(missed, "events came faster than webhooks could be told of them");
                    metrics::webhooks("dropped", missed);
                    continue;
                }
                Err(broadcast::error::RecvError::Closed) => return,
            };
            let Some(notice) = notice else { continue };
            queues.retain(|_, queue| !queue.is_closed());
            let queue = queues.entry(notice.room.clone()).or_insert_with(|| {
                let (queue, waiting) = mpsc::channel(WAITING_MAX);
                workers.spawn(this.clone().work(waiting));
                queue
            });
            if queue.try_send(notice).is_err() {
                metrics::webhooks("dropped", 1);
            }
        }
    }

    /// Sends one room's events, in order, to each URL at its own pace.
    async fn work(self: Arc<Self>, mut waiting: mpsc::Receiver<Notice>) {
        let (mut deliveries, pending) = (JoinSet::new(), Arc::new(AtomicUsize::new(0)));
        let queues = (0..self.urls.len()).map(|url| {
            let (queue, bodies) = mpsc::channel(WAITING_MAX);
            deliveries.spawn(self.clone().tell(url, bodies, pending.clone()));
            queue
        });
        let queues: Vec<mpsc::Sender<Bytes>> = queues.collect();
        loop {
            let notice = match tokio::time::timeout(IDLE, waiting.recv()).await {
                Ok(Some(notice)) => notice,
                Ok(None) => break,
                // A later worker would overtake this one.
                Err(_) if pending.load(Relaxed) > 0 => continue,
                Err(_) => {
                    // Notices that are queued by now still go out.
                    waiting.close();
                    continue;
                }
            };
            let Ok(body) = serde_json::to_vec(&self.webhook(notice).await).map(Bytes::from) else { continue };
            for queue in &queues {
                pending.fetch_add(1, Relaxed);
                if queue.try_send(body.clone()).is_err() {
                    pending.fetch_sub(1, Relaxed);
                    metrics::webhooks("dropped", 1);
                }
            }
        }
        drop(queues);
        while deliveries.join_next().await.is_some() {}
    }

    /// Sends events to one URL, one after the other.
    async fn tell(self: Arc<Self>, url: usize, mut bodies: mpsc::Receiver<Bytes>, pending: Arc<AtomicUsize>) {
        let Some(url) = self.urls.get(url) else { return };
        while let Some(body) = bodies.recv().await {
            let delivered = self.deliver(url, &body).await;
            pending.fetch_sub(1, Relaxed);
            metrics::webhooks(if delivered { "delivered" } else { "failed" }, 1);
        }
    }

    async fn webhook(&self, notice: Notice) -> proto::WebhookEvent {
        proto::WebhookEvent {
            event: notice.name.to_owned(),
            room: Some(webhook_room(&self.rooms, &notice.room).await),
            participant: notice.participant.map(|participant| *participant),
            track: notice.track.map(|track| *track),
            id: random_id("EV"),
            created_at: Utc::now().timestamp(),
            ..proto::WebhookEvent::default()
        }
    }

    /// Sends an event until it is taken. `false`: it is given up.
    async fn deliver(&self, url: &str, body: &Bytes) -> bool {
        for attempt in 1..=TRIES {
            let failure = match self.sender.attempt(url, body).await {
                Ok(()) => return true,
                Err(failure) => failure,
            };
            if attempt == TRIES {
                tracing::warn!(failure, "a webhook is given up");
                break;
            }
            tracing::debug!(attempt, failure, "a webhook was not taken");
            sleep(pause(attempt, rand::random())).await;
        }
        false
    }
}

/// The room as webhooks show it; of one that is gone, its name.
async fn webhook_room(rooms: &Rooms, name: &RoomName) -> proto::Room {
    let room = rooms.get(name).await.map(|room| as_livekit(&room));
    room.unwrap_or_else(|_| proto::Room { name: name.to_string(), ..proto::Room::default() })
}

/// The receiver's name in the database. The URL may carry a secret.
fn consumer(url: &str) -> String {
    let hash = digest::digest(&digest::SHA256, url.as_bytes());
    format!("webhook:{}", BASE64_URL_SAFE_NO_PAD.encode(hash))
}

#[cfg(test)]
mod tests;
