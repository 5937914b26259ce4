//! The run of a spike: room and speakers, arrivals, figures by the second, the end.
//!
//! One thread has the arrivals and the players of LL-HLS, one the seated viewers, one the speakers; each peer that
//! connects has one for as long as that takes. All are on the CPU that the generator is bound to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use rig::http::Http;
use rig::meeting::Meeting;
use rig::peer::{Credentials, SrtpOffer};
use rig::process::{cpu_model, cpu_time, pin_to_cpu, raise_open_files, resident_bytes};
use rig::token::KeyPair;
use rig::wait::wait_for_or;
use rig::{Error, Result};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep_until};

use super::cli::SpikeOptions;
use super::record::{Delivery, Record, Sample};
use super::seats;
use super::series::Spike;
use super::viewer;
use crate::measure::{Moment, Processes};
use crate::subscriber::{Audience, Joined};

/// Peers that may be connecting at a time, each in a thread; others wait for their turn.
const CONNECTING_MAX: usize = 512;
const THREAD_BYTES: usize = 512 * 1024;
/// The lateness of the arrivals' thread is measured so often.
const TICK: Duration = Duration::from_millis(10);
/// Speakers get this long to appear on the stage before anyone arrives.
const STAGE_SETTLES: Duration = Duration::from_secs(1);
const STAGE_MAX_S: u64 = 10;
/// Files that are open beside sockets of viewers.
const FILES_BESIDE: u64 = 256;
/// Open files of a viewer: two connections of a player, or media and signalling of a seat.
const FILES_EACH: u64 = 2;

/// Everything that viewers share.
pub(crate) struct Crowd {
    pub options: SpikeOptions,
    pub server: SocketAddr,
    pub http: Http,
    pub keys: KeyPair,
    pub credentials: Arc<Credentials>,
    pub record: Arc<Record>,
    /// To the thread of the seats.
    pub seated: SyncSender<(Joined, Delivery)>,
    pub seats_taken: AtomicU32,
}

/// Makes the room, fills it, and tells how that went.
pub(crate) fn run(options: &SpikeOptions) -> Result<Spike> {
    if options.pin.is_some_and(|cpu| !pin_to_cpu(cpu)) {
        return Err(Error::Child("the generator cannot be bound to that CPU".into()));
    }
    let (open_files, wanted) = (raise_open_files(), u64::from(options.viewers) * FILES_EACH + FILES_BESIDE);
    if open_files < wanted {
        return Err(Error::Child(format!("{wanted} open files are needed, the limit is {open_files}")));
    }
    let (http, keys) = (Http::new(&options.url), KeyPair { key: options.key.clone(), secret: options.secret.clone() });
    make_room(options, &http, &keys)?;
    let mut speakers = Meeting::start(&http, &keys, &options.room)?;
    (0..options.speakers).try_for_each(|number| speakers.join(&options.speaker(number)))?;
    wait_for_stage(options, &http, &keys)?;

    let record = Arc::new(Record::new(Instant::now(), (options.seconds + options.hold) as usize));
    let (seated, joined) = sync_channel(CONNECTING_MAX);
    let server = options.server()?;
    let credentials = Arc::new(Credentials::new(SrtpOffer::Gcm)?);
    let crowd = Crowd {
        options: options.clone(),
        server,
        http: http.clone(),
        keys,
        credentials,
        record: record.clone(),
        seated,
        seats_taken: AtomicU32::new(0),
    };
    let stop = AtomicBool::new(false);
    let from = Moment::now(Processes { server: options.pid, beside: None });
    let (noted, ends) = (&*record, &stop);
    let usage = thread::scope(|scope| {
        let audience = Audience::new(options.viewers, options.remb_bits_per_second(), false)?;
        let seats = scope.spawn(move || seats::serve(audience, &joined, noted, ends));
        let sampler = scope.spawn(move || sample_processes(options, noted, ends));
        let arrived = arrive(crowd);
        let usage = from.until_now();
        stop.store(true, Relaxed);
        let audience = seats.join().unwrap_or_else(|_| Err(Error::Child("the seats' thread failed".into())))?;
        let _ = sampler.join();
        arrived?;
        for mut peer in audience.into_peers() {
            let _ = peer.session.leave(&http);
        }
        Ok::<_, Error>(usage)
    })?;
    let mut spike = Spike::of(&record.take());
    spike.totals.foreign_percent = usage.foreign_s.map(|_| usage.foreign_percent());
    (spike.label, spike.machine) = (options.label.clone(), cpu_model());
    (spike.load, spike.lateness_ms_max) = (options.load(), options.lateness_max);
    Ok(spike)
}

/// The room, with its seats. A server of LiveKit's protocol alone makes rooms for whoever joins.
fn make_room(options: &SpikeOptions, http: &Http, keys: &KeyPair) -> Result<()> {
    if !options.asks() {
        return Ok(());
    }
    let audience = json!({
        // Speakers have seats too.
        "seats_max": options.seats + options.speakers, "broadcast_start_at": options.broadcast_start_at(),
    });
    let body = json!({ "room": options.room, "audience": audience }).to_string();
    let bearer = format!("Bearer {}", keys.mint_admin());
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    let reply = http.request("POST", "/v1/rooms", &headers, Some(body.as_bytes()))?;
    if reply.status == 201 { Ok(()) } else { Err(reply.unexpected(&http.url("/v1/rooms"))) }
}

fn wait_for_stage(options: &SpikeOptions, http: &Http, keys: &KeyPair) -> Result<()> {
    if options.asks() {
        let (bearer, path) = (keys.mint(&options.room, "look", false), format!("/v1/rooms/{}", options.room));
        let bearer = format!("Bearer {bearer}");
        wait_for_or("all speakers on stage", STAGE_MAX_S, || {
            let room = http.request("GET", &path, &[("Authorization", &bearer)], None);
            let room = room.map_err(|error| error.to_string())?.json();
            let there = room["stage"].as_array().map_or(0, Vec::len);
            if there == options.speakers as usize { Ok(()) } else { Err(room.to_string()) }
        })?;
    }
    thread::sleep(STAGE_SETTLES);
    Ok(())
}

/// Lets everybody arrive and watch, on this thread.
fn arrive(crowd: Crowd) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(CONNECTING_MAX)
        .thread_stack_size(THREAD_BYTES)
        .build()
        .map_err(Error::io("starting a runtime"))?;
    let crowd = Arc::new(crowd);
    runtime.block_on(async {
        let SpikeOptions { viewers, curve, .. } = crowd.options;
        let (over, hold) = (Duration::from_secs(crowd.options.seconds), Duration::from_secs(crowd.options.hold));
        let (began, mut watching) = (Instant::now(), JoinSet::new());
        watching.spawn(note_lateness(crowd.record.clone()));
        for number in 0..viewers {
            let due = began + curve.arrival(number, viewers, over);
            sleep_until(due.into()).await;
            let crowd = crowd.clone();
            watching.spawn(async move { viewer::watch(&crowd, number, due).await });
        }
        sleep_until((began + over + hold).into()).await;
        watching.shutdown().await;
    });
    // Viewers who are still connecting are not waited for.
    runtime.shutdown_background();
    Ok(())
}

/// Notes how much later than it should this thread does what is due.
async fn note_lateness(record: Arc<Record>) {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let due = ticks.tick().await;
        record.sample(Sample::Lateness, due.elapsed());
    }
}

/// Notes CPU and memory once a second.
fn sample_processes(options: &SpikeOptions, record: &Record, stop: &AtomicBool) {
    for second in 1.. {
        // In the middle of each second: a thread that is a little late notes it with the right one all the same.
        let due = record.began + Duration::from_secs(second) - Duration::from_millis(500);
        while Instant::now() < due {
            if stop.load(Relaxed) {
                return;
            }
            thread::sleep(due.saturating_duration_since(Instant::now()).min(Duration::from_millis(50)));
        }
        let server = options.pid;
        let (cpu, bytes, ours) =
            (server.and_then(cpu_time), server.and_then(resident_bytes), cpu_time(std::process::id()));
        record.now(|second| {
            (second.server_cpu, second.server_bytes, second.generator_cpu) = (cpu, bytes, ours);
        });
    }
}
