//! Wall clock and RTP clock: where a layer's timestamps lie in time, and how that is told to subscribers.
//!
//! A publisher's sender reports map its timestamps to its NTP clock. That mapping is kept and carried forward, so that
//! a subscriber's report is true for the forwarded timestamps at the moment it is sent, and sound and picture of one
//! publisher stay in step whatever layer is forwarded. No I/O and no clock.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Seconds from 1900 to 1970.
const NTP_UNIX_SECONDS: u64 = 2_208_988_800;

/// The last sender report of a layer, and when it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClockMapping {
    /// 32.32 fixed point seconds since 1900, in the publisher's clock.
    pub ntp: u64,
    /// The same instant in the layer's RTP clock.
    pub rtp: u32,
    /// When this server learnt it.
    pub at: Instant,
}

impl ClockMapping {
    /// The publisher's clock and the layer's timestamp now.
    pub(crate) fn at(&self, now: Instant, clock_hz: u32) -> (u64, u32) {
        let elapsed = now.saturating_duration_since(self.at);
        let ticks = (elapsed.as_micros() * u128::from(clock_hz) / 1_000_000) as u32;
        (self.ntp.wrapping_add(ntp_span(elapsed)), self.rtp.wrapping_add(ticks))
    }

    /// The timestamp of this layer at the instant at which `other` has `timestamp`.
    pub(crate) fn translate(&self, other: &Self, timestamp: u32, clock_hz: u32) -> u32 {
        let since_report = i128::from(timestamp.wrapping_sub(other.rtp).cast_signed());
        let between_reports = i128::from(other.ntp.wrapping_sub(self.ntp).cast_signed()) * i128::from(clock_hz);
        let ticks = (between_reports + (1 << 31)) >> 32;
        self.rtp.wrapping_add((ticks + since_report) as u32)
    }
}

/// 32.32 fixed point.
pub(crate) fn ntp_span(span: Duration) -> u64 {
    (span.as_nanos() << 32).checked_div(1_000_000_000).unwrap_or_default() as u64
}

/// 32.32 fixed point seconds since 1900.
pub(crate) fn ntp(now: SystemTime) -> u64 {
    let since_1970 = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    ntp_span(since_1970).wrapping_add(NTP_UNIX_SECONDS << 32)
}

/// The middle 32 bits: what a report refers to a sender report by.
pub(crate) fn middle(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}

/// abs-send-time: 6.18 fixed point seconds.
pub(crate) fn abs_send_time(ntp: u64) -> [u8; 3] {
    let [_, high, middle, low] = ((ntp >> 14) as u32).to_be_bytes();
    [high, middle, low]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_is_carried_forward() {
        let now = Instant::now();
        let mapping = ClockMapping { ntp: 100 << 32, rtp: u32::MAX - 10, at: now };
        let (ntp, rtp) = mapping.at(now + Duration::from_millis(1500), 90_000);
        assert_eq!((ntp >> 30, rtp), (406, 135_000 - 11));
    }

    #[test]
    fn layers_of_different_origin_meet_at_the_same_instant() {
        let at = Instant::now();
        let large = ClockMapping { ntp: 100 << 32, rtp: 5_000, at };
        let small = ClockMapping { ntp: (100 << 32) + (1 << 31), rtp: 4_000_000_000, at };
        // Half a second after the first report, and a tenth more.
        assert_eq!(large.translate(&small, 4_000_000_000u32.wrapping_add(9_000), 90_000), 5_000 + 45_000 + 9_000);
        assert_eq!(small.translate(&large, 5_000, 90_000), 4_000_000_000 - 45_000);
    }

    #[test]
    fn abs_send_time_is_the_middle_of_ntp() {
        // 1.5 s: 1.5 × 2^18.
        assert_eq!(abs_send_time(3 << 31), [0x06, 0, 0]);
    }
}
