//! The bit rate that a subscriber's path has carried lately.
//!
//! A receiver's estimate hardly exceeds what it receives, so after a while of small pictures it says little about the
//! path. A rate sent without loss, and without the receiver's estimate falling, has been proved, and fades slowly.
//! That an estimate is below what is sent proves nothing: after a switch to a larger picture it takes its time to
//! follow. No I/O and no clock: told once a second by the shard.

/// Decay of a proven rate in a second, per mille: a quarter of it in a minute.
const FADES_PER_MILLE: u64 = 5;
/// Loss up to which what is sent counts as borne, of 256: five percent are a bad radio's as often as a full path's, and
/// that shows in the estimate.
const LOSS_BORNE: u8 = 13;
/// Loss that disproves, of 256.
const LOSS_TOO_MUCH: u8 = 26;
/// A path that bears so much is trusted with more: if it does not bear it, that shows within a second or two.
const MARGIN_PERCENT: u64 = 150;
/// An estimate below what is sent that falls to so much of what it was: the receiver sees its path fill.
const FALLEN_PERCENT: u64 = 95;

/// One path's.
#[derive(Debug, Default)]
pub(crate) struct ProvenRate {
    borne: Option<u64>,
    worst_loss: u8,
    estimate: Option<u64>,
}

impl ProvenRate {
    /// A fraction of the latest packets was lost, of 256.
    pub(crate) fn lost(&mut self, fraction: u8) {
        self.worst_loss = self.worst_loss.max(fraction);
    }

    /// Once a second: bits sent in it, and the receiver's estimate if that can be trusted.
    pub(crate) fn second(&mut self, sent_bits_per_second: u64, estimate_bits_per_second: Option<u64>) {
        let loss = std::mem::take(&mut self.worst_loss);
        let before = std::mem::replace(&mut self.estimate, estimate_bits_per_second);
        let fills = estimate_bits_per_second.zip(before).is_some_and(|(estimate, before)| {
            estimate < sent_bits_per_second && estimate * 100 < before * FALLEN_PERCENT
        });
        if loss > LOSS_TOO_MUCH || fills {
            self.borne = None;
        } else if loss <= LOSS_BORNE {
            let before = self.borne.map_or(0, |borne| borne * (1000 - FADES_PER_MILLE) / 1000);
            self.borne = Some(before.max(sent_bits_per_second));
        }
    }

    /// Bits a second that the path is known to carry.
    pub(crate) fn budget(&self) -> Option<u64> {
        self.borne.map(|borne| borne * MARGIN_PERCENT / 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proven_rate_fades_slowly_and_ends_with_loss() {
        let mut proof = ProvenRate::default();
        proof.second(2_000_000, Some(2_400_000));
        assert_eq!(proof.budget(), Some(3_000_000));
        (0..60).for_each(|_| proof.second(100_000, Some(150_000)));
        assert!((2_100_000..2_400_000).contains(&proof.budget().unwrap()), "{proof:?}");
        (0..900).for_each(|_| proof.second(100_000, Some(150_000)));
        assert_eq!(proof.budget(), Some(150_000), "never less than what is borne now");
        proof.lost(40);
        proof.second(100_000, None);
        assert_eq!(proof.budget(), None, "it loses");
        proof.second(1_000_000, Some(200_000));
        assert!(proof.budget().is_some(), "the estimate follows slowly");
        proof.second(1_000_000, Some(150_000));
        assert_eq!(proof.budget(), None, "its receiver sees it fill");
        proof.lost(20);
        proof.second(1_000_000, None);
        assert_eq!(proof.budget(), None, "some loss proves nothing");
    }
}
