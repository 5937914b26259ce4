//! The names of broadcasts: an epoch stands in every media URI, so that no cache mixes two broadcasts of a room.
//!
//! An epoch is when the broadcast began, milliseconds since the Unix epoch, and 64 random bits, both in base 36: 21
//! characters of `[0-9a-z]`. By the first part later broadcasts sort later, and a broadcast is told from one of an
//! earlier room of its name. The second part keeps strangers from trying every moment in turn to find a recording.
//! Recordings made before there was a second part have an epoch of the first part alone. Pure: time and randomness come
//! in.

use std::time::SystemTime;

const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
/// Digits that the milliseconds have at least: enough until 2059.
const TIME_DIGITS_MIN: usize = 8;
/// Digits of 64 random bits: 36^13 > 2^64.
const RANDOM_DIGITS: usize = 13;

/// Names a broadcast that begins at `began_at`. `random` must come from a generator that strangers cannot predict.
pub fn epoch(began_at: SystemTime, random: u64) -> String {
    let since = began_at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    base36(ms, TIME_DIGITS_MIN) + &base36(random, RANDOM_DIGITS)
}

/// When the broadcast of that epoch began, milliseconds since the Unix epoch. `None`: [`epoch`] made no such name.
pub(crate) fn began_at_utc_ms(epoch: &str) -> Option<i64> {
    let time = match epoch.len().checked_sub(RANDOM_DIGITS) {
        Some(digits) if digits >= TIME_DIGITS_MIN => epoch.get(..digits)?,
        _ => epoch,
    };
    i64::from_str_radix(time, 36).ok()
}

fn base36(mut number: u64, digits_min: usize) -> String {
    let mut digits = Vec::new();
    while number > 0 || digits.len() < digits_min {
        digits.push(char::from(DIGITS[(number % 36) as usize]));
        number /= 36;
    }
    digits.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(ms: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(ms)
    }

    #[test]
    fn epochs_fit_into_uris_and_sort_by_time() {
        for (ms, random) in [(0, 0), (1, u64::MAX), (1_700_000_000_000, 7), (4_000_000_000_000, u64::MAX)] {
            let epoch = epoch(at(ms), random);
            assert!((6..=32).contains(&epoch.len()), "{epoch}");
            assert!(epoch.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()), "{epoch}");
            assert_eq!(began_at_utc_ms(&epoch), Some(ms as i64), "{epoch}");
        }
        let earlier = epoch(at(1_700_000_000_000), u64::MAX);
        assert!(earlier < epoch(at(1_700_000_000_001), 0) && epoch(at(35), 9) < epoch(at(36), 0));
    }

    #[test]
    fn epochs_of_one_moment_differ_in_all_random_bits() {
        let suffix = |random| epoch(at(1_700_000_000_000), random).split_off(8);
        assert_eq!(suffix(0).len(), 13);
        for bit in 0..64 {
            assert_ne!(suffix(0), suffix(1 << bit), "bit {bit}");
        }
        assert_eq!(u64::from_str_radix(&suffix(u64::MAX), 36), Ok(u64::MAX), "no bit is lost");
    }

    #[test]
    fn an_epoch_without_random_digits_is_its_moment() {
        assert_eq!(began_at_utc_ms("cre66i9s"), Some(1_000_000_000_000));
        assert_eq!(began_at_utc_ms("zzzzzzzzzzzzzzzzzzzz"), None, "beyond 64 bits");
        assert_eq!(began_at_utc_ms(""), None);
        assert_eq!(began_at_utc_ms("ä23456789012345678901"), None);
    }
}
