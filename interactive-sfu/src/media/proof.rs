//! What a subscriber's path has borne.
//!
//! A receiver's estimate hardly exceeds what it receives, so after a while of small pictures it says little about the path. What
//! was sent without loss, and without the receiver's estimate falling, has been proved, and holds for some time. That an estimate is
//! below what is sent proves nothing: after a switch to a larger picture it takes its time to follow. No I/O and no clock: told
//! once a second by the shard.

use std::time::{Duration, Instant};

/// For how long a proof holds.
const HOLDS: Duration = Duration::from_secs(120);
/// Loss up to which what is sent counts as borne, of 256.
const LOSS_BORNE: u8 = 5;
/// Loss that disproves, of 256.
const LOSS_TOO_MUCH: u8 = 26;
/// A path that bears so much bears a little more: bit rates vary.
const MARGIN_PERCENT: u64 = 125;
/// An estimate below what is sent that falls to so much of what it was: the receiver sees its path fill.
const FALLEN_PERCENT: u64 = 95;

/// One path's.
#[derive(Debug, Default)]
pub(crate) struct Proof {
    borne: Option<(u64, Instant)>,
    worst_loss: u8,
    estimate: Option<u64>,
}

impl Proof {
    /// So much was lost lately, of 256.
    pub(crate) fn lost(&mut self, fraction: u8) {
        self.worst_loss = self.worst_loss.max(fraction);
    }

    /// So much was sent in the last second, and so much does the receiver estimate, if that can be trusted.
    pub(crate) fn second(&mut self, sent_bits_per_second: u64, estimate_bits_per_second: Option<u64>, now: Instant) {
        let loss = std::mem::take(&mut self.worst_loss);
        let before = std::mem::replace(&mut self.estimate, estimate_bits_per_second);
        let fills = estimate_bits_per_second.zip(before).is_some_and(|(estimate, before)| {
            estimate < sent_bits_per_second && estimate * 100 < before * FALLEN_PERCENT
        });
        if loss > LOSS_TOO_MUCH || fills {
            self.borne = None;
        } else if loss <= LOSS_BORNE && sent_bits_per_second >= self.bits_per_second(now).unwrap_or(0) {
            self.borne = Some((sent_bits_per_second, now));
        }
    }

    /// What the path bears, if that is known.
    pub(crate) fn budget(&self, now: Instant) -> Option<u64> {
        self.bits_per_second(now).map(|borne| borne * MARGIN_PERCENT / 100)
    }

    fn bits_per_second(&self, now: Instant) -> Option<u64> {
        self.borne.filter(|(_, at)| now.saturating_duration_since(*at) < HOLDS).map(|(borne, _)| borne)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_borne_holds_for_a_while_and_until_it_is_disproved() {
        let (mut proof, start) = (Proof::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        proof.second(2_000_000, Some(2_400_000), at(0));
        proof.second(100_000, Some(150_000), at(1));
        assert_eq!((proof.budget(at(2)), proof.budget(at(120))), (Some(2_500_000), None));
        proof.lost(40);
        proof.second(100_000, None, at(3));
        assert_eq!(proof.budget(at(4)), None, "it loses");
        proof.second(1_000_000, Some(200_000), at(5));
        assert!(proof.budget(at(6)).is_some(), "the estimate follows slowly");
        proof.second(1_000_000, Some(150_000), at(6));
        assert_eq!(proof.budget(at(7)), None, "its receiver sees it fill");
        proof.lost(10);
        proof.second(1_000_000, None, at(8));
        assert_eq!(proof.budget(at(9)), None, "some loss proves nothing");
    }
}
