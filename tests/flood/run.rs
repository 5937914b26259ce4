//! One run: quiet, under the flood, after it.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use rig::floods::Target;
use rig::http::Http;
use rig::peer::{Credentials, SrtpOffer};
use rig::process::{pin_to_cpu, raise_open_files};
use rig::token::KeyPair;
use rig::{Error, Result};

use crate::cli::Options;
use crate::innocents::{Innocents, publisher};
use crate::joins::{Door, Joins};
use crate::memory::Memory;
use crate::report::{Attacker, Report};

/// Runs it, and writes the figures where they are asked for.
pub(crate) fn run(options: &Options) -> Result<Report> {
    if options.pin.is_some_and(|cpu| !pin_to_cpu(cpu)) {
        return Err(Error::Child("the attacker cannot be bound to that CPU".into()));
    }
    raise_open_files();
    let credentials = Credentials::new(SrtpOffer::Gcm)?;
    let keys = KeyPair { key: options.key.clone(), secret: options.secret.clone() };
    let target = Target::of_port(options.port, &options.room, &publisher(), keys.clone());
    // An attacker who does not even reach the server would prove nothing.
    target.http.text("/readyz")?;
    let innocents = Innocents::start(options)?;
    innocents.wait_for(0, options)?;
    let mut joins = Joins::start(Door {
        http: Http::new(&format!("http://127.0.0.1:{}", options.port)),
        credentials: credentials.clone(),
        keys,
        room: options.room.clone(),
        publisher: publisher(),
    });
    let memory = Memory::watch(options.pid);
    innocents.wait_for(1, options)?;
    let before_mib = memory.now_mib();
    memory.take_peak_mib();
    joins.enter(1);
    let (start, attack) = (Instant::now(), options.flood.start(&target, &credentials, options)?);
    innocents.wait_for(1 + options.rows, options)?;
    let (counts, seconds) = (attack.counts(), start.elapsed().as_secs_f64());
    let attacker = Attacker {
        from: target.from.to_string(),
        tries_per_second: counts.tries.load(Relaxed) as f64 / seconds,
        refused_per_second: counts.refused.load(Relaxed) as f64 / seconds,
        megabits_per_second: counts.bytes.load(Relaxed) as f64 * 8e-6 / seconds,
        victims_ended: counts.victims_ended.load(Relaxed),
        victims_bytes: counts.victims_bytes.load(Relaxed),
    };
    joins.enter(2);
    drop(attack);
    let peak_mib = memory.take_peak_mib();
    let innocents = innocents.finish()?;
    let after_mib = memory.now_mib();
    joins.finish();
    let joins = [0, 1, 2].map(|phase| joins.phase(phase));
    let memory_mib = [before_mib, peak_mib, after_mib];
    let report = Report::new(options, &innocents, attacker, joins, memory_mib)?;
    if let Some(path) = &options.json {
        std::fs::write(path, report.to_json()).map_err(Error::io("writing the JSON report"))?;
    }
    Ok(report)
}
