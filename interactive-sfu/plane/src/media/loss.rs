//! The fraction of packets lost, from reports that cover a few packets each.
//!
//! One packet of four is a quarter, and says nothing: reports are added up until they cover enough. No I/O and no
//! clock.

/// Packets that a verdict takes.
const ENOUGH: u32 = 50;
/// A report that covers more is none.
const COVERED_MAX: u32 = 10_000;

/// Adds up reports.
#[derive(Debug, Default)]
pub(crate) struct Loss {
    expected: u32,
    /// Of a packet, times 256.
    lost: u32,
}

impl Loss {
    /// Of `expected` packets so much was lost, of 256 (RFC 3550 §6.4.1).
    pub(crate) fn reported(&mut self, fraction: u8, expected: u32) {
        let expected = expected.min(COVERED_MAX);
        self.expected = self.expected.saturating_add(expected);
        self.lost = self.lost.saturating_add(u32::from(fraction) * expected);
    }

    /// Once a second: what is lost, of 256, if that can be told.
    pub(crate) fn second(&mut self) -> Option<u8> {
        if self.expected < ENOUGH {
            return None;
        }
        let Self { expected, lost } = std::mem::take(self);
        Some((lost / expected).min(255) as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_packets_say_nothing_and_many_small_reports_do() {
        let mut loss = Loss::default();
        loss.reported(64, 4);
        assert_eq!(loss.second(), None);
        for _ in 0..12 {
            loss.reported(0, 4);
        }
        assert_eq!(loss.second(), Some(4), "one of fifty-two");
        assert_eq!(loss.second(), None);
        loss.reported(255, u32::MAX);
        assert_eq!(loss.second(), Some(255));
    }
}
