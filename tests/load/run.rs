//! One run from the first join to the last leave.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use rig::http::Http;
use rig::livekit;
use rig::peer::{Credentials, Peer, Request};
use rig::process::{pin_to_cpu, raise_open_files};
use rig::sdp::Direction;
use rig::stats::quantile;
use rig::token::KeyPair;
use rig::{Error, Result};

use crate::cli::{Options, Protocol};
use crate::measure::{Moment, resident_kib};
use crate::publisher::{self, Shared};
use crate::report::{Joins, Report, Row};
use crate::subscriber::Audience;

/// A run that takes longer than it ever could is stopped with this status.
const EXIT_HUNG: i32 = 4;
/// Subscribers without a packet after the warm-up are waited for up to this long.
const ALL_START_MAX: Duration = Duration::from_secs(5);
/// Publishers get this long to appear on the stage before anyone subscribes.
const STAGE_SETTLES: Duration = Duration::from_millis(500);

/// Joins, measures, leaves.
pub(crate) fn run(options: &Options) -> Result<Report> {
    stop_if_hung(options.time_max());
    if options.pin.is_some_and(|cpu| !pin_to_cpu(cpu)) {
        return Err(Error::Child("the generator cannot be bound to that CPU".into()));
    }
    let open_files = raise_open_files();
    let wanted = u64::from(options.subscribers + options.publishers + options.join_threads) + 64;
    if open_files < wanted {
        return Err(Error::Child(format!("{wanted} open files are needed, the limit is {open_files}")));
    }
    let http = Http::new(&options.url);
    let credentials = Credentials::new(options.srtp_offer())?;
    let rig = Rig { options, http: &http, credentials: &credentials };

    let publishing = (0..options.publishers).map(|m| rig.join_publisher(m)).collect::<Result<Vec<_>>>()?;
    let shared = Arc::new(Shared::default());
    let report = thread::scope(|scope| {
        let publishing = scope.spawn(|| publisher::publish(publishing, options, &shared));
        thread::sleep(STAGE_SETTLES);
        let report = rig.measure_all(&shared);
        shared.stop.store(true, Relaxed);
        let peers = publishing.join().unwrap_or_default();
        rig.leave(peers.into_iter());
        report
    })?;
    if let Some(path) = &options.json {
        std::fs::write(path, report.to_json()).map_err(Error::io("writing the JSON report"))?;
    }
    Ok(report)
}

struct Rig<'a> {
    options: &'a Options,
    http: &'a Http,
    credentials: &'a Credentials,
}

impl Rig<'_> {
    fn measure_all(&self, shared: &Shared) -> Result<Report> {
        let (mut audience, joins) = self.join_audience()?;
        shared.full.store(true, Relaxed);
        audience.run(Duration::from_secs(self.options.warm_up));
        let until = Instant::now() + ALL_START_MAX;
        while audience.seen().silent > 0 && Instant::now() < until {
            audience.run(Duration::from_millis(500));
        }
        let rows = (0..self.options.repeats).map(|_| self.measure(&mut audience, shared)).collect();
        shared.full.store(false, Relaxed);
        let keyframe_requests = shared.keyframe_requests.load(Relaxed);
        let (silent, profile) = (audience.seen().silent, audience.profile());
        let resident_kib = resident_kib(self.options.pid);
        self.leave(audience.into_peers());
        Ok(Report { options: self.options.clone(), joins, rows, silent, profile, keyframe_requests, resident_kib })
    }

    fn measure(&self, audience: &mut Audience, shared: &Shared) -> Row {
        audience.latency_us.clear();
        take(&shared.lateness_us);
        let (seen, sent) = (audience.seen(), shared.packets.load(Relaxed));
        let from = Moment::now(self.options.pid);
        audience.run(Duration::from_secs(self.options.seconds));
        let usage = from.until_now(self.options.pid);
        let (now, sent_now) = (audience.seen(), shared.packets.load(Relaxed));
        let lateness = take(&shared.lateness_us);
        let share = f64::from(self.options.subscribers) / f64::from(self.options.publishers);
        Row {
            usage,
            wanted: (sent_now - sent) as f64 * share,
            received: now.received - seen.received,
            numbered: now.numbered - seen.numbered,
            other: now.other - seen.other,
            decrypted: now.decrypted - seen.decrypted,
            bad: now.bad - seen.bad,
            latency_p50_us: quantile(&audience.latency_us, 0.5),
            latency_p99_us: quantile(&audience.latency_us, 0.99),
            lateness_p99_us: quantile(&lateness, 0.99),
        }
    }

    fn join_publisher(&self, m: u32) -> Result<(Peer, u32)> {
        let ssrc = 0x1000_0000 + m * 2;
        let peer = match self.options.protocol {
            Protocol::Whip => {
                let mut request = self.request("whip", m, &publisher_name(m), Direction::Publish);
                request.ssrc = ssrc;
                Peer::join(self.http, self.credentials, &request)?
            }
            Protocol::Livekit => {
                let token = self.keys().mint_publisher(self.room(m), &publisher_name(m));
                Peer::connect(self.credentials, livekit::publish(self.http, self.credentials, &token, ssrc)?)?
            }
        };
        Ok((peer, ssrc))
    }

    /// Subscribers join from several threads, at the rate asked for.
    fn join_audience(&self) -> Result<(Audience, Joins)> {
        let before_kib = resident_kib(self.options.pid);
        let (from, next) = (Moment::now(self.options.pid), AtomicU32::new(0));
        let joined = thread::scope(|scope| {
            let threads: Vec<_> =
                (0..self.options.join_threads).map(|_| scope.spawn(|| self.join_some(&next))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Ok(vec![]))).collect::<Result<Vec<_>>>()
        })?;
        let usage = from.until_now(self.options.pid);
        let mut joined: Vec<(u32, Peer, u32)> = joined.into_iter().flatten().collect();
        joined.sort_by_key(|(n, ..)| *n);
        let took_us: Vec<f64> = joined.iter().map(|(.., took_us)| f64::from(*took_us)).collect();
        let resident_kib = resident_kib(self.options.pid).zip(before_kib).map(|(after, before)| after - before);
        let joins = Joins {
            usage,
            count: joined.len() as u32,
            took_p50_us: quantile(&took_us, 0.5),
            took_p99_us: quantile(&took_us, 0.99),
            resident_kib,
        };
        Ok((Audience::new(joined.into_iter().map(|(_, peer, _)| peer).collect(), self.options)?, joins))
    }

    fn join_some(&self, next: &AtomicU32) -> Result<Vec<(u32, Peer, u32)>> {
        let (start, mut joined) = (Instant::now(), vec![]);
        loop {
            let n = next.fetch_add(1, Relaxed);
            if n >= self.options.subscribers {
                return Ok(joined);
            }
            if let Some(due) = (Duration::from_secs(1) * n).checked_div(self.options.join_rate) {
                thread::sleep(due.saturating_sub(start.elapsed()));
            }
            let m = n % self.options.publishers;
            let from = Instant::now();
            match self.join_subscriber(n, m) {
                Ok(peer) => joined.push((n, peer, from.elapsed().as_micros() as u32)),
                Err(error) => {
                    // The others need not go on.
                    next.store(self.options.subscribers, Relaxed);
                    return Err(error);
                }
            }
        }
    }

    fn join_subscriber(&self, n: u32, m: u32) -> Result<Peer> {
        let identity = format!("load-sub-{n}");
        match self.options.protocol {
            Protocol::Whip => {
                let mut request = self.request("whep", m, &identity, Direction::Watch);
                request.path = format!("{}?participant={}", request.path, publisher_name(m));
                Peer::join(self.http, self.credentials, &request)
            }
            Protocol::Livekit => {
                let token = self.keys().mint(self.room(m), &identity, false);
                let alone = self.options.publishers as usize <= self.options.rooms.len();
                let signalled = livekit::watch(self.http, self.credentials, &token, &publisher_name(m), alone)?;
                Peer::connect(self.credentials, signalled)
            }
        }
    }

    fn keys(&self) -> KeyPair {
        KeyPair { key: self.options.key.clone(), secret: self.options.secret.clone() }
    }

    fn room(&self, m: u32) -> &str {
        let rooms = &self.options.rooms;
        &rooms[m as usize % rooms.len()]
    }

    fn request(&self, kind: &str, m: u32, identity: &str, direction: Direction) -> Request {
        let (room, keys) = (self.room(m), self.keys());
        let token = (!keys.key.is_empty()).then(|| keys.mint(room, identity, direction == Direction::Publish));
        Request::vp8(&format!("/{kind}/{room}"), token, direction)
    }

    fn leave(&self, peers: impl Iterator<Item = Peer>) {
        for mut peer in peers {
            // A server that forgets a session sooner than we end it has done no wrong.
            let _ = peer.session.leave(self.http);
        }
    }
}

fn publisher_name(m: u32) -> String {
    format!("load-pub-{m}")
}

fn take<T: Default>(shared: &std::sync::Mutex<T>) -> T {
    shared.lock().map(|mut value| std::mem::take(&mut *value)).unwrap_or_default()
}

fn stop_if_hung(after: Duration) {
    thread::spawn(move || {
        thread::sleep(after);
        eprintln!("spillway-load: no end after {} s, giving up", after.as_secs());
        std::process::exit(EXIT_HUNG);
    });
}
