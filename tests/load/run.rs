//! One run from the first join to the last leave.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

use rig::http::Http;
use rig::peer::Credentials;
use rig::process::{pin_to_cpu, raise_open_files};
use rig::stats::quantile;
use rig::{Error, Result};

use crate::cli::Options;
use crate::floor::{Cost, Floor};
use crate::join::Door;
use crate::measure::{Moment, resident_kib};
use crate::publisher::{self, Shared};
use crate::report::{First, Report, Row};
use crate::subscriber::Audience;

/// A run that takes longer than it ever could is stopped with this status.
const EXIT_HUNG: i32 = 4;
/// Begins the line on standard error at the beginning of each measurement; its number, from 0, follows.
const MEASURING: &str = "measuring: ";
/// Files that are open beside sockets of media and signalling.
const FILES_BESIDE: u64 = 64;
/// After the floor the media settles for so long.
const MEDIA_SETTLES: Duration = Duration::from_secs(1);
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
    let wanted = options.sockets() + FILES_BESIDE;
    if open_files < wanted {
        return Err(Error::Child(format!("{wanted} open files are needed, the limit is {open_files}")));
    }
    let http = Http::new(&options.url);
    let credentials = Credentials::new(options.srtp_offer())?;
    let rig = Rig(Door::new(options, &http, &credentials));

    let publishing = rig.0.join_publishers()?;
    let shared = Arc::new(Shared::default());
    let report = thread::scope(|scope| {
        let publishing = scope.spawn(|| publisher::publish(publishing, options, &shared));
        thread::sleep(STAGE_SETTLES);
        let report = rig.measure_all(&shared);
        shared.stop.store(true, Relaxed);
        let peers = publishing.join().unwrap_or_default();
        rig.0.leave(peers.into_iter());
        report
    })?;
    if let Some(path) = &options.json {
        std::fs::write(path, report.to_json()).map_err(Error::io("writing the JSON report"))?;
    }
    Ok(report)
}

struct Rig<'a>(Door<'a>);

impl Rig<'_> {
    fn measure_all(&self, shared: &Shared) -> Result<Report> {
        shared.full.store(self.0.options.live, Relaxed);
        let (mut audience, joins) = self.0.join_audience()?;
        shared.full.store(true, Relaxed);
        audience.run(Duration::from_secs(self.0.options.warm_up));
        let until = Instant::now() + ALL_START_MAX;
        while audience.seen().silent > 0 && Instant::now() < until {
            audience.run(Duration::from_millis(500));
        }
        let (rows, floor) = self.measure_repeatedly(&mut audience, shared)?;
        shared.full.store(false, Relaxed);
        let keyframe_requests = shared.keyframe_requests.load(Relaxed);
        let (silent, ended, profile) = (audience.seen().silent, audience.ended(), audience.profile());
        let resident_kib = resident_kib(self.0.options.pid);
        let first = self.0.options.live.then(|| First::new(&audience.first_packet_ms, &audience.first_frame_ms));
        self.0.leave(audience.into_peers());
        let options = self.0.options.clone();
        Ok(Report { options, joins, first, rows, floor, silent, ended, profile, keyframe_requests, resident_kib })
    }

    /// The measurements, and after each the floor where it is asked for.
    fn measure_repeatedly(&self, audience: &mut Audience, shared: &Shared) -> Result<(Vec<Row>, Vec<Cost>)> {
        let options = self.0.options;
        let mut floor = options.floor.map(|cpu| Floor::new(options, cpu)).transpose()?;
        let (mut rows, mut costs) = (vec![], vec![]);
        for i in 0..options.repeats {
            // Whoever runs this beside something else acts on it.
            eprintln!("{MEASURING}{i}");
            rows.push(self.measure(audience, shared));
            let Some(floor) = &mut floor else { continue };
            shared.full.store(false, Relaxed);
            costs.push(floor.measure(Duration::from_secs(options.seconds), || audience.turn())?);
            shared.full.store(true, Relaxed);
            audience.run(MEDIA_SETTLES);
        }
        Ok((rows, costs))
    }

    fn measure(&self, audience: &mut Audience, shared: &Shared) -> Row {
        audience.latency_us.clear();
        take(&shared.lateness_us);
        let (seen, sent) = (audience.seen(), shared.packets.load(Relaxed));
        let from = Moment::now(self.0.options.processes());
        audience.run(Duration::from_secs(self.0.options.seconds));
        let usage = from.until_now();
        let (now, sent_now) = (audience.seen(), shared.packets.load(Relaxed));
        let lateness = take(&shared.lateness_us);
        Row {
            usage,
            wanted: (sent_now - sent) as f64 * self.0.options.fan_out(audience.len()),
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
