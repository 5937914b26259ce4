//! LiveKit's webhooks: POSTs that tell other servers of the events of rooms.
//!
//! Each event is one POST with a token that signs its body. The events of one room arrive in order: an event is tried
//! until it is taken, with growing pauses, and given up after [`TRIES`]. Meanwhile at most [`WAITING_MAX`] events of
//! the same room wait behind it at that URL; other rooms and other URLs wait for none.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, SystemTime};

use access::{Keys, RoomName, random_id};
use bytes::Bytes;
use interactive_sfu::RoomEvent;
use livekit_protocol as proto;
use rooms::Rooms;
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::livekit::room::as_livekit;
use crate::{StartError, metrics};

/// Attempts for each URL.
const TRIES: u32 = 6;
/// The pause after the first attempt; it doubles.
const PAUSE: Duration = Duration::from_millis(500);
/// Time for one attempt.
const ATTEMPT_MAX: Duration = Duration::from_secs(10);
/// Events of one room that may wait; further ones are dropped and counted.
const WAITING_MAX: usize = 1024;
/// A room without events for so long loses its queue.
const IDLE: Duration = Duration::from_secs(300);
/// A body's token expires after this.
const TOKEN_TTL: Duration = Duration::from_secs(300);

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
    keys: Keys,
    rooms: Rooms,
    urls: Vec<String>,
    client: reqwest::Client,
}

impl Webhooks {
    /// Webhooks to `urls`. Without any, [`Webhooks::run`] ends at once.
    pub fn new(keys: Keys, rooms: Rooms, urls: Vec<String>) -> Result<Self, StartError> {
        // The process has one provider: the first caller installs it, and all callers install the same.
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let client = reqwest::Client::builder().timeout(ATTEMPT_MAX).build();
        let client = client.map_err(|error| StartError::Webhooks(error.into()))?;
        Ok(Self { keys, rooms, urls, client })
    }

    /// Runs until the events end or it is dropped.
    pub async fn run(self, mut events: broadcast::Receiver<RoomEvent>) {
        if self.urls.is_empty() {
            return;
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
        let room = self.rooms.get(&notice.room).await.map(|room| as_livekit(&room));
        let room = room.unwrap_or_else(|_| proto::Room { name: notice.room.to_string(), ..proto::Room::default() });
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        proto::WebhookEvent {
            event: notice.name.to_owned(),
            room: Some(room),
            participant: notice.participant.map(|participant| *participant),
            track: notice.track.map(|track| *track),
            id: random_id("EV"),
            created_at: now.as_secs() as i64,
            ..proto::WebhookEvent::default()
        }
    }

    /// Sends an event until it is taken. `false`: it is given up.
    async fn deliver(&self, url: &str, body: &Bytes) -> bool {
        let mut pause = PAUSE;
        for attempt in 1..=TRIES {
            let failure = match self.attempt(url, body).await {
                Ok(()) => return true,
                Err(failure) => failure,
            };
            if attempt == TRIES {
                // The URL may carry a secret of its own.
                tracing::warn!(failure, "a webhook is given up");
                break;
            }
            tracing::debug!(attempt, failure, "a webhook was not taken");
            sleep(pause).await;
            pause *= 2;
        }
        false
    }

    async fn attempt(&self, url: &str, body: &Bytes) -> Result<(), String> {
        let token = self.keys.sign_body(body, TOKEN_TTL, SystemTime::now()).map_err(|error| error.to_string())?;
        let request = self.client.post(url).header("authorization", token);
        let request = request.header("content-type", "application/webhook+json").body(body.clone());
        let response = request.send().await.map_err(|error| error.without_url().to_string())?;
        if response.status().is_success() { Ok(()) } else { Err(response.status().to_string()) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use axum::Router;
    use axum::extract::State;
    use axum::routing::post;
    use http::StatusCode;

    use super::*;
    use crate::testing::Rig;

    type Got = Arc<Mutex<Vec<String>>>;

    /// Takes every second attempt, and notes the events it took.
    async fn receiver(State(got): State<(Got, Arc<Mutex<u32>>)>, headers: http::HeaderMap, body: Bytes) -> StatusCode {
        assert_eq!(headers["content-type"], "application/webhook+json");
        assert!(headers["authorization"].to_str().unwrap().split('.').count() == 3);
        let mut attempts = got.1.lock().unwrap();
        *attempts += 1;
        if *attempts % 2 == 1 {
            return StatusCode::SERVICE_UNAVAILABLE;
        }
        let event: proto::WebhookEvent = serde_json::from_slice(&body).unwrap();
        got.0.lock().unwrap().push(format!("{} {}", event.event, event.room.unwrap().name));
        StatusCode::OK
    }

    /// A receiver that takes every second attempt: its URL, and what it took.
    async fn receive(tasks: &mut JoinSet<()>) -> (String, Got) {
        let (got, attempts) = (Got::default(), Arc::new(Mutex::new(0)));
        let router = Router::new().route("/", post(receiver)).with_state((got.clone(), attempts));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
        (url, got)
    }

    async fn told(urls: Vec<String>, got: Got, mut tasks: JoinSet<()>) {
        let rig = Rig::new().await;
        let (sender, receiver) = broadcast::channel(16);
        let webhooks = Webhooks::new(Keys::new("k", "s"), rig.rooms.clone(), urls).unwrap();
        tasks.spawn(webhooks.run(receiver));
        let room = || "demo".parse::<RoomName>().unwrap();
        let events = [
            RoomEvent::RoomStarted { room: room() },
            RoomEvent::SpeakerLeft { room: room(), identity: "ann".parse().unwrap(), session: "s".into() },
            RoomEvent::ParticipantJoined { room: room(), participant: Box::default() },
            RoomEvent::RoomFinished { room: room() },
        ];
        for event in events {
            sender.send(event).unwrap();
        }
        while got.lock().unwrap().len() < 3 {
            sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(*got.lock().unwrap(), ["room_started demo", "participant_joined demo", "room_finished demo"]);
    }

    #[tokio::test]
    async fn events_arrive_in_order_though_every_second_attempt_fails() {
        let mut tasks = JoinSet::new();
        let (url, got) = receive(&mut tasks).await;
        told(vec![url], got, tasks).await;
    }

    #[tokio::test]
    async fn url_that_does_not_answer_delays_no_other() {
        let mut tasks = JoinSet::new();
        let (url, got) = receive(&mut tasks).await;
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let dead = format!("http://{}/", silent.local_addr().unwrap());
        // One event to the dead one alone takes longer than this.
        let told = tokio::time::timeout(ATTEMPT_MAX, told(vec![dead, url], got, tasks));
        told.await.expect("the second URL waits for the first");
    }
}
