//! How good a peer's path is, from what it loses and how long it takes.
//!
//! Getting worse is told at once, getting better only when it lasts: nobody is helped by an icon that flickers. No I/O
//! and no clock: one observation a second. Driven by the shard for each peer.

use std::time::Duration;

/// Loss up to which a path is excellent, and up to which it is good; of 256, as receiver reports tell it (RFC 3550
/// §6.4.1).
const EXCELLENT_MAX: u8 = 5;
const GOOD_MAX: u8 = 20;
/// Round trips up to which a path is excellent, and up to which it is good: twice what ITU-T G.114 says of one way.
const EXCELLENT_ROUND_TRIP_MAX: Duration = Duration::from_millis(300);
const GOOD_ROUND_TRIP_MAX: Duration = Duration::from_millis(800);
/// Seconds for which a path must be better.
const PATIENCE: u8 = 5;

/// How good a path is, from worst to best.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quality {
    /// More than 8 % is lost, or a round trip takes more than 800 ms.
    Poor,
    /// More than 2 % is lost, or a round trip takes more than 300 ms.
    Good,
    /// Anything better.
    #[default]
    Excellent,
}

/// One peer's.
#[derive(Debug, Default)]
pub(crate) struct QualityMeter {
    told: Quality,
    worst: u8,
    slowest: Duration,
    better_for: u8,
}

impl QualityMeter {
    /// A fraction of the latest packets was lost, of 256.
    pub(crate) fn lost(&mut self, fraction: u8) {
        self.worst = self.worst.max(fraction);
    }

    /// There and back it took so long.
    pub(crate) fn took(&mut self, round_trip: Duration) {
        self.slowest = self.slowest.max(round_trip);
    }

    /// Once a second: what is news.
    pub(crate) fn second(&mut self) -> Option<Quality> {
        let (loss, round_trip) = (std::mem::take(&mut self.worst), std::mem::take(&mut self.slowest));
        let now = if loss > GOOD_MAX || round_trip > GOOD_ROUND_TRIP_MAX {
            Quality::Poor
        } else if loss > EXCELLENT_MAX || round_trip > EXCELLENT_ROUND_TRIP_MAX {
            Quality::Good
        } else {
            Quality::Excellent
        };
        self.better_for = if now > self.told { self.better_for + 1 } else { 0 };
        let news = now < self.told || self.better_for >= PATIENCE;
        if !news {
            return None;
        }
        (self.told, self.better_for) = (now, 0);
        Some(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worse_quality_is_reported_at_once_and_better_quality_when_it_lasts() {
        let mut meter = QualityMeter::default();
        let mut second = |lost: u8| {
            meter.lost(lost);
            meter.second()
        };
        assert_eq!(second(0), None, "excellent until something is lost");
        assert_eq!(second(10), Some(Quality::Good));
        assert_eq!(second(100), Some(Quality::Poor));
        for lost in [0, 0, 0, 0, 100, 0, 0, 0, 0] {
            assert_eq!(second(lost), None);
        }
        assert_eq!(second(0), Some(Quality::Excellent));
    }

    #[test]
    fn a_slow_path_is_not_a_good_one() {
        for (ms, told) in [(20, None), (300, None), (301, Some(Quality::Good)), (801, Some(Quality::Poor))] {
            let mut meter = QualityMeter::default();
            meter.took(Duration::from_millis(ms));
            meter.took(Duration::from_millis(10));
            assert_eq!(meter.second(), told, "{ms} ms");
        }
    }
}
