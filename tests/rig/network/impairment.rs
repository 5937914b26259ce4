//! How bad a network is, and what that means for one packet. A pure machine: `now` comes in, a [`Fate`] comes out.
//!
//! [`Impairment`] has the parameters, which may change between two packets. [`Path`] is one direction: its random
//! numbers, whether a burst of loss is under way, how long its limit is busy. [`crate::relay`] carries fates out for
//! datagrams, [`crate::link`] for IP packets.

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// How long after the first copy of a packet the second follows.
const AGAIN_AFTER: Duration = Duration::from_millis(1);

/// How bad one direction of a network is. Shares are of its packets, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Impairment {
    /// Share lost, each packet for itself.
    pub loss: f64,
    /// Loss that comes in bursts, on top.
    pub bursts: Option<Bursts>,
    /// Share held back, so that later packets overtake it.
    pub reorder: f64,
    /// How long a packet is held back at most. With a `reorder` of 1 this is jitter without order.
    pub reorder_by_max: Duration,
    /// Share delivered twice.
    pub duplicate: f64,
    /// How long every packet takes, one way.
    pub delay: Duration,
    /// How much longer a packet takes at most. Order stays, so a packet also waits for those before it.
    pub jitter: Duration,
    /// The bit rate of the narrowest place.
    pub limit: Option<Limit>,
}

/// Loss by two states (Gilbert and Elliott): few packets are lost outside of bursts, many within.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bursts {
    /// Share of the packets outside of bursts with which one begins.
    pub begin: f64,
    /// Share of the packets in bursts after which one ends.
    pub end: f64,
    /// Share lost in a burst.
    pub loss: f64,
}

/// A rate, with a queue in front that drops what comes when it is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Of whole IP packets, bits per second; at least 1.
    pub bits_per_second: u64,
    /// How long a packet waits for those before it at most; one that would wait longer is dropped.
    pub queue: Duration,
}

/// The decision on one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Lost on the way.
    Lost,
    /// Dropped by the full queue of a [`Limit`].
    Overflowed,
    /// Arrives.
    Delivered {
        /// When.
        at: Instant,
        /// When it arrives once more.
        again: Option<Instant>,
        /// Whether later packets may overtake it.
        held_back: bool,
    },
}

impl Default for Impairment {
    fn default() -> Self {
        Self::NONE
    }
}

impl Impairment {
    /// A perfect network.
    pub const NONE: Self = Self {
        loss: 0.0,
        bursts: None,
        reorder: 0.0,
        reorder_by_max: Duration::ZERO,
        duplicate: 0.0,
        delay: Duration::ZERO,
        jitter: Duration::ZERO,
        limit: None,
    };

    /// Loses this share of packets, each for itself, and is perfect otherwise.
    pub const fn lossy(loss: f64) -> Self {
        Self { loss, ..Self::NONE }
    }

    /// Takes so long one way, and is perfect otherwise.
    pub const fn slow(delay: Duration) -> Self {
        Self { delay, ..Self::NONE }
    }
}

impl Bursts {
    /// Bursts of `packets` on average (at least 1) that lose everything, and `share` of all packets (below 1).
    pub fn of(packets: f64, share: f64) -> Self {
        let end = 1.0 / packets;
        Self { begin: end * share / (1.0 - share), end, loss: 1.0 }
    }
}

impl Limit {
    /// A queue of so many bytes.
    pub fn with_queue_bytes(bits_per_second: u64, queue_bytes: u64) -> Self {
        Self { bits_per_second, queue: time_of(queue_bytes, bits_per_second) }
    }
}

/// How long so many bytes take.
fn time_of(bytes: u64, bits_per_second: u64) -> Duration {
    let ns = u128::from(bytes) * 8 * 1_000_000_000 / u128::from(bits_per_second.max(1));
    Duration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX))
}

/// One direction of a network. The same seed and packets have the same fates.
#[derive(Clone, Debug)]
pub struct Path {
    rng: StdRng,
    in_burst: bool,
    /// Until when the limit has packets to send.
    busy_until: Option<Instant>,
    /// The latest arrival of a packet that was not held back.
    latest: Option<Instant>,
}

impl Path {
    /// A path that draws from this seed.
    pub fn new(seed: u64) -> Self {
        Self { rng: StdRng::seed_from_u64(seed), in_burst: false, busy_until: None, latest: None }
    }

    /// Decides on the next packet, of so many bytes, which enters at `now`. Its order among packets decides whether it
    /// is lost, held back or repeated; sizes and times decide only on overflow and arrival.
    pub fn send(&mut self, impairment: &Impairment, bytes: usize, now: Instant) -> Fate {
        // Always the same number of draws, so that changing one share leaves the others' pattern as it is.
        let [loss, reorder, duplicate, by, jitter, turn, burst_loss] = [(); 7].map(|()| self.rng.random::<f64>());
        let lost_in_burst =
            self.burst(impairment.bursts, turn) && burst_loss < impairment.bursts.map_or(0.0, |b| b.loss);
        let Some(sent) = self.pass(impairment.limit, bytes, now) else { return Fate::Overflowed };
        // What is lost behind the narrowest place has taken its time there.
        if loss < impairment.loss || lost_in_burst {
            return Fate::Lost;
        }
        let arrival = sent + impairment.delay + impairment.jitter.mul_f64(jitter);
        let in_order = self.latest.map_or(arrival, |latest| latest.max(arrival));
        let held_back = reorder < impairment.reorder;
        let at = if held_back { in_order + impairment.reorder_by_max.mul_f64(by) } else { in_order };
        if !held_back {
            self.latest = Some(at);
        }
        let again = (duplicate < impairment.duplicate).then(|| at + AGAIN_AFTER);
        Fate::Delivered { at, again, held_back }
    }

    /// Whether the packet falls into a burst.
    fn burst(&mut self, bursts: Option<Bursts>, turn: f64) -> bool {
        self.in_burst =
            bursts.is_some_and(|Bursts { begin, end, .. }| if self.in_burst { turn >= end } else { turn < begin });
        self.in_burst
    }

    /// When the packet has left the limit; `None` if its queue is full.
    fn pass(&mut self, limit: Option<Limit>, bytes: usize, now: Instant) -> Option<Instant> {
        let Some(Limit { bits_per_second, queue }) = limit else { return Some(now) };
        let start = self.busy_until.map_or(now, |busy| busy.max(now));
        if start - now > queue {
            return None;
        }
        let sent = start + time_of(bytes as u64, bits_per_second);
        self.busy_until = Some(sent);
        Some(sent)
    }
}

#[cfg(test)]
mod tests;
