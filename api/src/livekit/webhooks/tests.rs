use std::sync::Mutex;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use http::StatusCode;
use rooms::FactKind;

use super::sender::ATTEMPT_MAX;
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
    let webhooks = Webhooks::new(Keys::new("k", "s"), rig.rooms.clone(), urls).await.unwrap();
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

/// Posted bodies that were taken, and how many attempts there were.
#[derive(Default)]
struct Posted {
    taken: Mutex<Vec<serde_json::Value>>,
    attempts: Mutex<u32>,
    /// Refuses everything meanwhile.
    is_down: std::sync::atomic::AtomicBool,
}

async fn take(State(posted): State<Arc<Posted>>, body: Bytes) -> StatusCode {
    *posted.attempts.lock().unwrap() += 1;
    if posted.is_down.load(Relaxed) {
        return StatusCode::INTERNAL_SERVER_ERROR;
    }
    posted.taken.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
    StatusCode::OK
}

async fn listen(tasks: &mut JoinSet<()>) -> (String, Arc<Posted>) {
    let posted = Arc::new(Posted::default());
    let router = Router::new().route("/", post(take)).with_state(posted.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, posted)
}

/// Runs webhooks to these URLs, as a server that is started does.
async fn run(rig: &Rig, urls: &[String]) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let webhooks = Webhooks::new(Keys::new("k", "s"), rig.rooms.clone(), urls.to_vec()).await.unwrap();
    let (rooms, (happened, events)) = (rig.rooms.clone(), broadcast::channel(1));
    tasks.spawn(async move { rooms.write_facts().await });
    tasks.spawn(async move {
        webhooks.run(events).await;
        drop(happened);
    });
    tasks
}

async fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let waiting = async {
        while !is_so() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap_or_else(|_| panic!("no {what}"));
}

fn ended(peak: u32) -> FactKind {
    let by_class = access::ByClass::default();
    FactKind::AudienceCounted { interactive: 0, broadcast: 0, total: 0, peak, by_class }
}

#[tokio::test]
async fn facts_outlive_the_process_and_arrive_in_order_at_a_receiver_that_was_down() {
    let (rig, mut tasks) = (Rig::new().await, JoinSet::new());
    let (url, posted) = listen(&mut tasks).await;
    posted.is_down.store(true, Relaxed);
    let first = run(&rig, std::slice::from_ref(&url)).await;
    let (demo, other): (RoomName, RoomName) = ("demo".parse().unwrap(), "other".parse().unwrap());
    for peak in 0..4 {
        rig.rooms.tell(&demo, ended(peak));
        rig.rooms.tell(&other, ended(peak));
    }
    wait_for("attempt for each room", || *posted.attempts.lock().unwrap() >= 2).await;
    drop(first);

    posted.is_down.store(false, Relaxed);
    let _again = run(&rig, std::slice::from_ref(&url)).await;
    rig.rooms.tell(&demo, ended(4));
    wait_for("facts", || posted.taken.lock().unwrap().len() == 9).await;
    let taken = posted.taken.lock().unwrap();
    for (room, count) in [("demo", 5_u64), ("other", 4)] {
        let of = taken.iter().filter(|body| body["room"]["name"] == room);
        let peaks: Vec<u64> = of.map(|body| body["spillway"]["peak"].as_u64().unwrap()).collect();
        assert_eq!(peaks, (0..count).collect::<Vec<_>>(), "{room}");
    }
    assert!(taken.iter().all(|body| body["event"] == "audience_counted"), "{taken:?}");
    let ids: std::collections::BTreeSet<&str> = taken.iter().map(|body| body["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 9);
    let livekits: proto::WebhookEvent = serde_json::from_value(taken[0].clone()).unwrap_or_default();
    assert_eq!(livekits.event, "audience_counted", "LiveKit's message can be read from it");
}

#[tokio::test]
async fn receiver_that_answers_nothing_delays_no_other_and_what_was_told_is_not_told_again() {
    let (rig, mut tasks) = (Rig::new().await, JoinSet::new());
    let (url, posted) = listen(&mut tasks).await;
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let urls = [format!("http://{}/", silent.local_addr().unwrap()), url];
    let demo: RoomName = "demo".parse().unwrap();
    let running = run(&rig, &urls).await;
    (0..40).for_each(|peak| rig.rooms.tell(&demo, ended(peak)));
    // One attempt at the silent one takes longer than this.
    tokio::time::timeout(ATTEMPT_MAX, wait_for("facts", || posted.taken.lock().unwrap().len() == 40)).await.unwrap();
    // The cursor is kept about once a second.
    let kept = async || {
        let consumers: Vec<String> = urls.iter().map(|url| consumer(url)).collect();
        let cursors = rig.rooms.follow_facts(&consumers).await.unwrap();
        cursors[1].after(cursors[1].cursor(), 99).await.unwrap().is_empty()
            && cursors[0].after(cursors[0].cursor(), 99).await.unwrap().len() == 40
    };
    for _ in 0..100 {
        if kept().await {
            break;
        }
        sleep(Duration::from_millis(50)).await;
    }
    drop(running);
    let _again = run(&rig, &urls).await;
    rig.rooms.tell(&demo, ended(99));
    wait_for("another fact", || posted.taken.lock().unwrap().len() > 40).await;
    assert_eq!(posted.taken.lock().unwrap()[40]["spillway"]["peak"], 99);
}
