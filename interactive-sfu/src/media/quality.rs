//! How good a peer's path is, from what it loses.
//!
//! Getting worse is told at once, getting better only when it lasts: nobody is helped by an icon that flickers. No I/O and no clock:
//! one observation a second. Driven by the shard for each peer.

/// Loss up to which a path is excellent, and up to which it is good; of 256, as receiver reports tell it (RFC 3550 §6.4.1).
const EXCELLENT_MAX: u8 = 5;
const GOOD_MAX: u8 = 20;
/// Seconds for which a path must be better.
const PATIENCE: u8 = 5;

/// In order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Quality {
    Poor,
    Good,
    #[default]
    Excellent,
}

/// One peer's.
#[derive(Debug, Default)]
pub(crate) struct QualityMeter {
    told: Quality,
    worst: u8,
    better_for: u8,
}

impl QualityMeter {
    /// So much was lost lately, of 256.
    pub(crate) fn lost(&mut self, fraction: u8) {
        self.worst = self.worst.max(fraction);
    }

    /// Once a second: what is news.
    pub(crate) fn second(&mut self) -> Option<Quality> {
        let now = match std::mem::take(&mut self.worst) {
            loss if loss <= EXCELLENT_MAX => Quality::Excellent,
            loss if loss <= GOOD_MAX => Quality::Good,
            _ => Quality::Poor,
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
    fn worse_is_told_at_once_and_better_when_it_lasts() {
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
}
