//! How much a publisher's path carries, told to it by REMB (draft-alvestrand-rmcat-remb-03).
//!
//! Delay first: packets carry their sending time (abs-send-time); when the queue on the way grows, the estimate falls
//! below what arrives, before anything is lost. Losses second, for senders without that extension. It recovers by a few
//! percent a second, never far beyond what is really sent. No I/O and no clock. Driven by the publisher's peer.

use std::time::{Duration, Instant};

/// A path that queues this long is full.
const QUEUE_MAX: Duration = Duration::from_millis(80);
/// The least delay is that of an empty queue; paths change, so it is forgotten after a while.
const BASELINE_FOR: Duration = Duration::from_secs(20);
/// abs-send-time counts 2^-18 s and wraps after 64 s.
const SEND_TIME_BITS: u32 = 24;
/// Less is of no use to a publisher.
const FLOOR_BITS_PER_SECOND: f64 = 100_000.0;
/// Growth in a second, while all is well.
const GROWTH: f64 = 1.08;
/// Loss, of 256, above which a path is full, and below which it is well: 10 % and 2 %.
const LOSS_HIGH: u8 = 26;
const LOSS_LOW: u8 = 5;

/// The estimate of one publisher.
#[derive(Debug)]
pub(crate) struct UplinkEstimate {
    ceiling: f64,
    bits_per_second: f64,
    /// Sending time, unwrapped, and arrival of the first packet: what delays are counted from.
    origin: Option<(u32, Instant)>,
    last_sent: i64,
    /// Least relative delays of this and the previous span, microseconds.
    baseline: [Option<i64>; 2],
    baseline_since: Option<Instant>,
    /// Least relative delay since the last update: a standing queue delays every packet.
    recent: Option<i64>,
    updated_at: Option<Instant>,
    /// As it was known last, of 256.
    lost: u8,
}

impl UplinkEstimate {
    /// Starts at, and never exceeds, `ceiling_bits_per_second`.
    pub(crate) fn new(ceiling_bits_per_second: u32) -> Self {
        let ceiling = f64::from(ceiling_bits_per_second);
        Self {
            ceiling,
            bits_per_second: ceiling,
            origin: None,
            last_sent: 0,
            baseline: [None; 2],
            baseline_since: None,
            recent: None,
            updated_at: None,
            lost: 0,
        }
    }

    /// A packet with the abs-send-time `sent` (24 bits) arrived.
    pub(crate) fn arrived(&mut self, sent: u32, now: Instant) {
        let (first, start) = *self.origin.get_or_insert((sent, now));
        // Unwrapped around the last one.
        let wrapped = i64::from(sent.wrapping_sub(first) & ((1 << SEND_TIME_BITS) - 1));
        let span = 1i64 << SEND_TIME_BITS;
        let turns = (self.last_sent - wrapped + span / 2).div_euclid(span);
        let sent = wrapped + turns * span;
        self.last_sent = self.last_sent.max(sent);
        let sent_micros = sent * 1_000_000 / (1 << 18);
        let delay = now.saturating_duration_since(start).as_micros() as i64 - sent_micros;
        let least = |slot: &mut Option<i64>| *slot = Some(slot.map_or(delay, |known| known.min(delay)));
        least(&mut self.recent);
        least(&mut self.baseline[0]);
        if now.saturating_duration_since(*self.baseline_since.get_or_insert(now)) > BASELINE_FOR {
            self.baseline = [None, self.baseline[0]];
            self.baseline_since = Some(now);
        }
    }

    /// Once an interval: what arrived in it, and what was lost (of 256), if that can be told: else nothing is taken
    /// back. Returns what to tell the publisher.
    pub(crate) fn update(&mut self, received_bits_per_second: u32, fraction_lost: Option<u8>, now: Instant) -> u32 {
        let fraction_lost = fraction_lost.unwrap_or(self.lost.min(LOSS_HIGH));
        self.lost = fraction_lost;
        let seconds =
            self.updated_at.replace(now).map_or(1.0, |at| now.saturating_duration_since(at).as_secs_f64().min(5.0));
        let received = f64::from(received_bits_per_second);
        let empty = self.baseline.iter().flatten().min().copied();
        let queue = self.recent.take().zip(empty).map_or(0, |(recent, empty)| recent - empty);
        if queue > QUEUE_MAX.as_micros() as i64 {
            self.bits_per_second = (received * 0.85).min(self.bits_per_second);
        } else if fraction_lost > LOSS_HIGH {
            self.bits_per_second *= 1.0 - 0.5 * f64::from(fraction_lost) / 256.0;
        } else if fraction_lost < LOSS_LOW {
            // An untried rate is unknown: grow at most one step beyond the rate that is sent.
            let reach = (received * 1.5 + 200_000.0).max(self.bits_per_second);
            self.bits_per_second = (self.bits_per_second * GROWTH.powf(seconds)).min(reach);
        }
        self.bits_per_second = self.bits_per_second.clamp(FLOOR_BITS_PER_SECOND, self.ceiling);
        self.bits_per_second as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A second of 100 packets that left at `second`, each delayed by what `delay_ms` says.
    fn second(e: &mut UplinkEstimate, start: Instant, second: u64, delay_ms: impl Fn(u64) -> u64) {
        for i in 0..100 {
            let sent_micros = second * 1_000_000 + i * 10_000;
            let stamp = (sent_micros * (1 << 18) / 1_000_000) as u32 & 0xff_ffff;
            e.arrived(stamp, start + Duration::from_micros(sent_micros) + Duration::from_millis(delay_ms(i)));
        }
    }

    fn at(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn a_good_path_stays_at_the_ceiling_across_the_wrap_of_its_clock() {
        let (mut e, t) = (UplinkEstimate::new(5_000_000), Instant::now());
        for s in 0..150 {
            second(&mut e, t, s, |i| 30 + i % 7);
            assert_eq!(e.update(2_000_000, Some(0), at(t, s + 1)), 5_000_000, "second {s}");
        }
    }

    #[test]
    fn a_growing_queue_brings_it_below_what_arrives() {
        let (mut e, t) = (UplinkEstimate::new(5_000_000), Instant::now());
        second(&mut e, t, 0, |_| 30);
        e.update(2_000_000, Some(0), at(t, 1));
        second(&mut e, t, 1, |i| 130 + i);
        assert_eq!(e.update(1_000_000, Some(0), at(t, 2)), 850_000);
        second(&mut e, t, 2, |_| 30);
        let after = e.update(850_000, Some(0), at(t, 3));
        assert!((850_001..1_000_000).contains(&after), "{after}");
    }

    #[test]
    fn single_late_packets_are_no_queue() {
        let (mut e, t) = (UplinkEstimate::new(5_000_000), Instant::now());
        for s in 0..5 {
            second(&mut e, t, s, |i| if i % 10 == 0 { 30 } else { 300 });
            assert_eq!(e.update(2_000_000, Some(0), at(t, s + 1)), 5_000_000);
        }
    }

    #[test]
    fn without_send_times_losses_decide() {
        let (mut e, t) = (UplinkEstimate::new(4_000_000), Instant::now());
        assert_eq!(e.update(2_000_000, Some(128), at(t, 1)), 3_000_000);
        assert_eq!(e.update(2_000_000, Some(10), at(t, 2)), 3_000_000);
        assert!(e.update(3_000_000, Some(0), at(t, 3)) > 3_200_000);
        let full = e.update(3_000_000, Some(128), at(t, 4));
        assert_eq!(e.update(0, None, at(t, 5)), full, "who is silent loses nothing more");
    }
}
