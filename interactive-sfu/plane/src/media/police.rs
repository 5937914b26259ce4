//! The limit of what a publisher may send, enforced.
//!
//! A publisher is told its limit by REMB. One that sends more loses packets: those of its highest layers first, so that
//! the lowest keeps flowing. A layer that lost a packet stays off until a keyframe of it fits again, because a decoder
//! can do nothing with what lies between. Sound loses single packets, and last of all. No I/O and no clock. Driven by
//! the publisher for each packet that arrives.

use std::time::Instant;

use super::pace::Pace;

/// Of the limit, percent: retransmissions and padding that probes the path come on top of media.
const RATE_PERCENT: f64 = 125.0;
/// The bucket holds what the limit allows in so many seconds. A keyframe of every layer at once fits.
const BURST_SECONDS: f64 = 2.0;
/// Of the bucket, what a publisher's highest layer leaves for the lower ones.
const RESERVED_FOR_LOWER: f64 = 0.5;

/// One publisher's limit.
#[derive(Debug)]
pub(crate) struct Police {
    pace: Pace,
    burst: f64,
}

impl Police {
    pub(crate) fn new(bits_per_second_max: u32) -> Self {
        let bytes_per_second = f64::from(bits_per_second_max) / 8.0 * RATE_PERCENT / 100.0;
        let burst = bytes_per_second * BURST_SECONDS;
        Self { pace: Pace::new(bytes_per_second, burst), burst }
    }

    /// Whether a packet of `bytes` may pass. `height`: the layer's place among its track's, 0.0 (lowest, or sound) to
    /// 1.0 (highest). A packet that may not is not charged.
    #[inline]
    pub(crate) fn admits(&mut self, bytes: usize, height: f64, now: Instant) -> bool {
        let needed = self.burst * RESERVED_FOR_LOWER * height;
        let admitted = self.pace.left(now) - bytes as f64 >= needed;
        if admitted {
            self.pace.charge(bytes as f64);
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Bytes that pass of each of two layers, in a second after the bucket has been used up, of 1250 bytes a packet.
    fn passing(packets_a_second: [u32; 2], limit: u32) -> [usize; 2] {
        let (mut police, start) = (Police::new(limit), Instant::now());
        let mut passed = [0; 2];
        for millisecond in 0..10_000u32 {
            let now = start + Duration::from_millis(millisecond.into());
            for (layer, rate) in packets_a_second.into_iter().enumerate() {
                let due = (millisecond + 1) * rate / 1000 - millisecond * rate / 1000;
                for _ in 0..due {
                    let admitted = police.admits(1250, layer as f64, now);
                    passed[layer] += if admitted && millisecond >= 9000 { 1250 } else { 0 };
                }
            }
        }
        passed
    }

    #[test]
    fn publisher_within_its_limit_loses_nothing() {
        assert_eq!(passing([20, 80], 1_000_000), [25_000, 100_000]);
    }

    #[test]
    fn publisher_beyond_its_limit_loses_its_highest_layer_first() {
        let [low, high] = passing([50, 1000], 1_000_000);
        assert_eq!(low, 62_500, "the low layer is whole");
        assert!((80_000..=95_000).contains(&high), "{high} bytes: what the limit and its slack leave");
    }

    #[test]
    fn one_layer_beyond_its_limit_is_cut_to_it() {
        let [passed, _] = passing([2000, 0], 1_000_000);
        assert!((150_000..=158_000).contains(&passed), "{passed} bytes of 2,500,000");
    }

    #[test]
    fn keyframes_of_every_layer_at_once_pass() {
        let (mut police, now) = (Police::new(1_000_000), Instant::now());
        assert!((0..96).all(|_| police.admits(1250, 1.0, now)), "120 kB at 1 Mbit/s");
    }
}
