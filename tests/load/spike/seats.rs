//! The seated viewers: one thread receives for all of them, and notes who has the first packet and what was lost.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use rig::Result;

use super::record::{Delivery, Fault, Record, Sample};
use crate::subscriber::{Audience, Joined, TURN};

/// How often the longest turn since is noted as the thread's lateness.
const NOTE_INTERVAL: Duration = Duration::from_millis(10);
/// How often packets are counted.
const COUNT_INTERVAL: Duration = Duration::from_millis(200);

/// Receives until `stop`. Gives the viewers back.
pub(crate) fn serve(
    mut audience: Audience,
    joined: &Receiver<(Joined, Delivery)>,
    record: &Record,
    stop: &AtomicBool,
) -> Result<Audience> {
    let (mut noted_at, mut counted_at, mut turned_at) = (Instant::now(), Instant::now(), Instant::now());
    let (mut longest, mut ended) = (Duration::ZERO, 0);
    while !stop.load(Relaxed) {
        while let Ok((joined, delivery)) = joined.try_recv() {
            record.now(|second| second.began[delivery as usize] += 1);
            audience.add(joined)?;
        }
        audience.turn();
        for ms in audience.first_packet_ms.drain(..) {
            record.sample(Sample::Join, Duration::from_secs_f64(ms / 1000.0));
        }
        longest = longest.max(turned_at.elapsed().saturating_sub(TURN));
        turned_at = Instant::now();
        if noted_at.elapsed() >= NOTE_INTERVAL {
            noted_at = turned_at;
            record.sample(Sample::Lateness, std::mem::take(&mut longest));
        }
        if counted_at.elapsed() >= COUNT_INTERVAL {
            counted_at = turned_at;
            ended = count(&audience, record, ended);
        }
    }
    count(&audience, record, ended);
    // A viewer who came in the last moments has no picture yet, and nothing is wrong with that.
    let settled = audience.silent_for(COUNT_INTERVAL * 10);
    (0..settled).for_each(|_| record.fault(Fault::at("seat without media")("no packet came"), None));
    Ok(audience)
}

/// Notes what came so far, and faults for those whom the server has ended; how many these are.
fn count(audience: &Audience, record: &Record, ended_before: u64) -> u64 {
    let (seen, ended) = (audience.seen(), audience.ended());
    if audience.len() > 0 {
        record.now(|second| second.packets = Some((seen.received, seen.numbered)));
    }
    (ended_before..ended).for_each(|_| record.fault(Fault::at("seat ended")("by the server"), None));
    ended
}
