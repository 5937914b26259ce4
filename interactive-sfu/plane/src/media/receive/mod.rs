//! Reception of one layer of a publisher: missing packets, receiver reports, bit rate.
//!
//! No I/O and no clock. Driven by the publisher's track.

mod meter;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::rtcp::ReportBlock;
use meter::Meter;

/// A gap wider than this is not mended packet by packet: a keyframe is cheaper.
const MISSING_MAX: usize = 256;
/// A packet that comes this late is still of use to a receiver's jitter buffer.
const MISSING_FOR_MAX: Duration = Duration::from_secs(1);
/// Reordered packets come by themselves within this time.
const REORDER: Duration = Duration::from_millis(8);
/// Between two requests for the same packet.
const ASK_AGAIN: Duration = Duration::from_millis(60);
/// Requests for one packet.
const ASKS_MAX: u8 = 10;

/// How a packet fits what has arrived before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The newest, or one that was missing.
    Wanted,
    /// As wanted, and so much lies between it and the last one that only a keyframe mends it.
    WantedAfterBreak,
    /// Here already, or given up.
    Duplicate,
}

#[derive(Clone, Copy, Debug)]
struct Missing {
    since: Instant,
    asked_at: Option<Instant>,
    asks: u8,
}

/// Sequence numbers, losses and jitter of one SSRC.
#[derive(Debug)]
pub(crate) struct Reception {
    clock_hz: u32,
    first: Option<u64>,
    highest: u64,
    received: u64,
    missing: BTreeMap<u64, Missing>,
    jitter: f64,
    transit: Option<(Instant, u32)>,
    expected_before: u64,
    received_before: u64,
    /// Packets that the last report covers.
    reported: u32,
    all: Meter,
    /// Without padding and what came twice, by which browsers probe a path.
    media: Meter,
    metered_at: Option<Instant>,
    last_arrival: Option<Instant>,
}

impl Reception {
    pub(crate) fn new(clock_hz: u32) -> Self {
        Self {
            clock_hz,
            first: None,
            highest: 0,
            received: 0,
            missing: BTreeMap::new(),
            jitter: 0.0,
            transit: None,
            expected_before: 0,
            received_before: 0,
            reported: 0,
            all: Meter::default(),
            media: Meter::default(),
            metered_at: None,
            last_arrival: None,
        }
    }

    /// The layer goes on under another SSRC, whose numbers begin anywhere. Bit rates and the time of the last packet
    /// stay.
    pub(crate) fn restart(&mut self) {
        let all = std::mem::take(&mut self.all);
        let media = std::mem::take(&mut self.media);
        let (metered_at, last_arrival) = (self.metered_at, self.last_arrival);
        *self = Self { all, media, metered_at, last_arrival, ..Self::new(self.clock_hz) };
    }

    /// The highest sequence number so far.
    pub(crate) fn highest(&self) -> Option<u64> {
        self.first.map(|_| self.highest)
    }

    /// A packet with 48-bit sequence number `sequence`, original or retransmitted, of `wire_bytes`, `media_bytes` of
    /// them payload: none of mere padding.
    pub(crate) fn arrived(
        &mut self,
        sequence: u64,
        timestamp: u32,
        (wire_bytes, media_bytes): (usize, usize),
        now: Instant,
        retransmitted: bool,
    ) -> Arrival {
        self.all.bytes += wire_bytes as u64;
        let arrival = self.judge(sequence, timestamp, now, retransmitted);
        if arrival != Arrival::Duplicate {
            self.media.bytes += media_bytes as u64;
            self.last_arrival = Some(now);
        }
        arrival
    }

    fn judge(&mut self, sequence: u64, timestamp: u32, now: Instant, retransmitted: bool) -> Arrival {
        let Some(first) = self.first else {
            if retransmitted {
                return Arrival::Duplicate;
            }
            (self.first, self.highest, self.received) = (Some(sequence), sequence, 1);
            self.transit = Some((now, timestamp));
            return Arrival::Wanted;
        };
        if sequence <= self.highest {
            let wanted = self.missing.remove(&sequence).is_some() && sequence >= first;
            self.received += u64::from(wanted);
            return if wanted { Arrival::Wanted } else { Arrival::Duplicate };
        }
        if retransmitted {
            return Arrival::Duplicate;
        }
        let gap = sequence - self.highest - 1;
        let broken = gap as usize > MISSING_MAX - self.missing.len().min(MISSING_MAX);
        if broken {
            self.missing.clear();
        } else {
            let entry = Missing { since: now, asked_at: None, asks: 0 };
            self.missing.extend((self.highest + 1..sequence).map(|s| (s, entry)));
        }
        self.highest = sequence;
        self.received += 1;
        self.measure_jitter(timestamp, now);
        if broken { Arrival::WantedAfterBreak } else { Arrival::Wanted }
    }

    /// RFC 3550 §A.8.
    fn measure_jitter(&mut self, timestamp: u32, now: Instant) {
        if let Some((before, last)) = self.transit.replace((now, timestamp)) {
            let elapsed = now.saturating_duration_since(before).as_secs_f64() * f64::from(self.clock_hz);
            let deviation = (elapsed - f64::from(timestamp.wrapping_sub(last).cast_signed())).abs();
            // A jump of the source's clock is no jitter.
            if deviation < f64::from(self.clock_hz) {
                self.jitter += (deviation - self.jitter) / 16.0;
            }
        }
    }

    /// Sequence numbers to ask for now, ascending.
    pub(crate) fn nacks(&mut self, now: Instant) -> Vec<u16> {
        if self.missing.is_empty() {
            return Vec::new();
        }
        self.missing.retain(|_, m| m.asks < ASKS_MAX && now.saturating_duration_since(m.since) < MISSING_FOR_MAX);
        let due = self.missing.iter_mut().filter(|(_, m)| match m.asked_at {
            None => now.saturating_duration_since(m.since) >= REORDER,
            Some(at) => now.saturating_duration_since(at) >= ASK_AGAIN,
        });
        due.map(|(sequence, m)| {
            m.asked_at = Some(now);
            m.asks += 1;
            *sequence as u16
        })
        .collect()
    }

    /// For the receiver report (RFC 3550 §A.3), once an interval. `None`: nothing has arrived.
    pub(crate) fn report(&mut self, ssrc: u32) -> Option<ReportBlock> {
        let expected = self.highest - self.first? + 1;
        let (expected_now, received_now) = (expected - self.expected_before, self.received - self.received_before);
        (self.expected_before, self.received_before) = (expected, self.received);
        self.reported = u32::try_from(expected_now).unwrap_or(u32::MAX);
        let lost_now = expected_now.saturating_sub(received_now);
        let fraction = (lost_now * 256).checked_div(expected_now).unwrap_or(0).min(255);
        let lost = expected as i64 - self.received as i64;
        Some(ReportBlock {
            ssrc,
            fraction_lost: fraction as u8,
            lost: lost.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32,
            highest_sequence: self.highest as u32,
            jitter: self.jitter as u32,
            ..ReportBlock::default()
        })
    }

    /// Packets that the last report covers.
    pub(crate) fn reported(&self) -> u32 {
        self.reported
    }

    /// Measures the bit rate since the last call.
    pub(crate) fn meter(&mut self, now: Instant) {
        if let Some(before) = self.metered_at {
            let seconds = now.saturating_duration_since(before).as_secs_f64();
            if seconds < 0.2 {
                return;
            }
            self.all.passed(seconds);
            self.media.passed(seconds);
        }
        (self.all.bytes, self.media.bytes, self.metered_at) = (0, 0, Some(now));
    }

    /// As metered last.
    pub(crate) fn bits_per_second(&self) -> u32 {
        self.all.bits_per_second
    }

    /// Of that, what a subscriber would be sent.
    pub(crate) fn media_bits_per_second(&self) -> u32 {
        self.media.bits_per_second
    }

    /// Whether anything came within `span`.
    pub(crate) fn is_live(&self, now: Instant, span: Duration) -> bool {
        self.last_arrival.is_some_and(|at| now.saturating_duration_since(at) < span)
    }
}
