//! `spillway-load joins`: a storm of `POST /v1/rooms/{room}/join` without media, at a rate that does not depend on the
//! answers.
//!
//! Each request is due at its moment, and its latency counts from then: a server that falls behind shows it. Guests
//! join over connections that stay open, as those of a proxy do. The generator's own lateness is measured as well.

mod report;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rig::http::Http;
use rig::process::{pin_to_cpu, raise_open_files};
use rig::token::KeyPair;
use rig::{Error, Result};
use serde_json::{Value, json};
use tokio::sync::{Mutex as Turn, mpsc};
use tokio::task::JoinSet;

use crate::measure::{Moment, Processes};
use crate::spike::http::Connection;

pub(crate) use report::StormReport;

/// Before the measurement the storm blows for so long.
const WARM_UP: Duration = Duration::from_secs(2);

/// Options of the measurement.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct StormOptions {
    /// The server's address.
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub server: SocketAddr,
    /// The room, which is made.
    #[arg(long, default_value = "storm")]
    pub room: String,
    /// The server's process, to read its CPU.
    #[arg(long)]
    pub pid: Option<u32>,
    /// Joins a second.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    pub rate: u32,
    /// How long, seconds.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub seconds: u64,
    /// Connections.
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub connections: u32,
    /// The room's seats.
    #[arg(long, default_value_t = 100)]
    pub seats: u32,
    /// The key that tokens are issued by.
    #[arg(long, default_value = "devkey", env = "SPILLWAY_KEY")]
    pub key: String,
    /// The secret that tokens are signed with.
    #[arg(long, default_value = "secret", env = "SPILLWAY_SECRET", hide_env_values = true)]
    pub secret: String,
    /// Bind the generator to this CPU.
    #[arg(long)]
    pub pin: Option<usize>,
    /// Lateness of the generator (p99) above which the figures say nothing, milliseconds.
    #[arg(long, default_value_t = 20.0)]
    pub lateness_max: f64,
    /// Write the figures as JSON to this file, too.
    #[arg(long)]
    pub json: Option<PathBuf>,
}

/// Answers so far.
#[derive(Debug)]
struct Answers {
    /// Those to requests that were due before do not count.
    from: Instant,
    latency_ms: Vec<f64>,
    /// By `reason`, or by what went wrong.
    kinds: BTreeMap<String, u64>,
    errors: u64,
}

impl Answers {
    fn of_those_due(from: Instant) -> Self {
        Self { from, latency_ms: vec![], kinds: BTreeMap::new(), errors: 0 }
    }

    fn add(&mut self, due: Instant, latency_ms: f64, kind: String, is_good: bool) {
        if due >= self.from {
            self.latency_ms.push(latency_ms);
            self.errors += u64::from(!is_good);
            *self.kinds.entry(kind).or_default() += 1;
        }
    }
}

/// Makes the room, and lets the storm blow.
pub(crate) fn run(options: &StormOptions) -> Result<StormReport> {
    if options.pin.is_some_and(|cpu| !pin_to_cpu(cpu)) {
        return Err(Error::Child("the generator cannot be bound to that CPU".into()));
    }
    raise_open_files();
    let keys = KeyPair { key: options.key.clone(), secret: options.secret.clone() };
    let bearer = format!("Bearer {}", keys.mint_admin());
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    let body = json!({ "room": options.room, "audience": { "seats_max": options.seats } }).to_string();
    let http = Http::new(&format!("http://{}", options.server));
    let made = http.request("POST", "/v1/rooms", &headers, Some(body.as_bytes()))?;
    if made.status != 201 {
        return Err(made.unexpected(&http.url("/v1/rooms")));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let report = runtime.map_err(Error::io("starting a runtime"))?.block_on(blow(options))?;
    if let Some(file) = &options.json {
        std::fs::write(file, report.to_json()).map_err(Error::io("writing the JSON report"))?;
    }
    Ok(report)
}

async fn blow(options: &StormOptions) -> Result<StormReport> {
    // Requests that are due and wait for a connection; all of a run fit.
    let (due, waiting) = mpsc::channel((u64::from(options.rate) * (options.seconds + 3)) as usize);
    let (waiting, mut connections) = (Arc::new(Turn::new(waiting)), vec![]);
    for _ in 0..options.connections {
        connections.push(Connection::open(options.server).await?);
    }
    let storm = Storm::new(options.rate, due);
    let (answers, mut clients) = (Arc::new(Mutex::new(Answers::of_those_due(storm.began + WARM_UP))), JoinSet::new());
    for connection in connections {
        clients.spawn(ask(connection, options.room.clone(), waiting.clone(), answers.clone()));
    }
    let (storm, _) = storm.blow(WARM_UP).await?;
    let from = Moment::now(Processes { server: options.pid, beside: None });
    let (storm, lateness_ms) = storm.blow(Duration::from_secs(options.seconds)).await?;
    let usage = from.until_now();
    drop(storm);
    // Those that still wait are answered, and count with how long that took.
    while clients.join_next().await.is_some() {}
    let answers = std::mem::replace(&mut *lock(&answers), Answers::of_those_due(Instant::now()));
    Ok(StormReport { options: options.clone(), usage, answers, lateness_ms })
}

fn lock(answers: &Mutex<Answers>) -> std::sync::MutexGuard<'_, Answers> {
    answers.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The schedule.
struct Storm {
    began: Instant,
    rate: u32,
    sent: u64,
    until: Duration,
    due: mpsc::Sender<Instant>,
}

impl Storm {
    fn new(rate: u32, due: mpsc::Sender<Instant>) -> Self {
        Self { began: Instant::now(), rate: rate.max(1), sent: 0, until: Duration::ZERO, due }
    }

    fn due_at(&self, number: u64) -> Instant {
        self.began + Duration::from_secs_f64(number as f64 / f64::from(self.rate))
    }

    /// Goes on for so long, in a thread of its own: the runtime's clock has milliseconds. Returns how late each request
    /// was handed out, milliseconds.
    async fn blow(mut self, time: Duration) -> Result<(Self, Vec<f64>)> {
        let blowing = tokio::task::spawn_blocking(move || {
            let mut lateness_ms = vec![];
            self.until += time;
            while self.due_at(self.sent) < self.began + self.until {
                let due_at = self.due_at(self.sent);
                std::thread::sleep(due_at.saturating_duration_since(Instant::now()));
                lateness_ms.push(due_at.elapsed().as_secs_f64() * 1000.0);
                let _ = self.due.try_send(due_at);
                self.sent += 1;
            }
            (self, lateness_ms)
        });
        blowing.await.map_err(|error| Error::Child(format!("the storm's thread: {error}")))
    }
}

/// One connection: takes what is due, and asks, until nothing more will be.
async fn ask(
    mut connection: Connection,
    room: String,
    waiting: Arc<Turn<mpsc::Receiver<Instant>>>,
    answers: Arc<Mutex<Answers>>,
) {
    let target = format!("/v1/rooms/{room}/join");
    loop {
        let Some(due) = waiting.lock().await.recv().await else { return };
        let answer = connection.ask("POST", &target, "Content-Length: 0\r\n").await;
        let latency_ms = due.elapsed().as_secs_f64() * 1000.0;
        let (kind, is_good) = match &answer {
            Ok(head) => kind(head.status, connection.body()),
            Err(error) => (error.to_string(), false),
        };
        lock(&answers).add(due, latency_ms, kind, is_good);
        if answer.is_err() && connection.open_again().await.is_err() {
            return;
        }
    }
}

/// The reason that an answer gives, and whether it is a seat or the broadcast.
fn kind(status: u16, body: &[u8]) -> (String, bool) {
    let answer: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let reason = answer["reason"].as_str().or(answer["type"].as_str()).unwrap_or("no reason");
    (format!("{status} {reason}"), status == 200 && answer["delivery"].is_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn requests_are_due_at_even_distances_and_a_second_blow_goes_on_where_the_first_ended() {
        let (due, mut waiting) = mpsc::channel(100);
        let storm = Storm::new(2000, due);
        let began = storm.began;
        let (storm, first) = storm.blow(Duration::from_millis(10)).await.unwrap();
        let (_, second) = storm.blow(Duration::from_millis(5)).await.unwrap();
        assert_eq!((first.len(), second.len()), (20, 10));
        for number in 0..30 {
            assert_eq!(waiting.try_recv().unwrap(), began + Duration::from_micros(500 * number));
        }
    }

    #[test]
    fn requests_of_the_warm_up_do_not_count() {
        let from = Instant::now();
        let mut answers = Answers::of_those_due(from);
        answers.add(from - Duration::from_millis(1), 9.0, "503".into(), false);
        answers.add(from, 1.0, "200 seat".into(), true);
        assert_eq!((answers.errors, &answers.latency_ms[..], answers.kinds.len()), (0, &[1.0][..], 1));
    }

    #[test]
    fn only_an_answer_with_a_delivery_is_good() {
        for (status, body, expected) in [
            (200, r#"{"delivery":"broadcast","reason":"room_full"}"#, ("200 room_full", true)),
            (200, "{}", ("200 no reason", false)),
            (503, r#"{"type":"node_busy","delivery":"x"}"#, ("503 node_busy", false)),
            (502, "<html>", ("502 no reason", false)),
        ] {
            assert_eq!(kind(status, body.as_bytes()), (expected.0.to_owned(), expected.1));
        }
    }
}
