//! How bad a network is, and what that means for one datagram. Nothing but the draws: [`crate::relay`] carries them
//! out.

use std::time::Duration;

use rand::Rng as _;
use rand::rngs::StdRng;

/// How bad the network is: shares of datagrams, 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Impairment {
    /// Lost.
    pub loss: f64,
    /// Held back, so that later ones overtake it.
    pub reorder: f64,
    /// For at most so long.
    pub reorder_by_max: Duration,
    /// Delivered twice.
    pub duplicate: f64,
}

/// What becomes of one datagram: delivered after each of these delays; lost if there is none.
pub type Fate = Vec<Duration>;

impl Impairment {
    /// Nothing but loss.
    pub fn lossy(loss: f64) -> Self {
        Self { loss, ..Self::default() }
    }

    /// Draws one datagram's fate.
    pub fn fate(&self, rng: &mut StdRng) -> Fate {
        // Always the same number of draws, so that changing one share leaves the others' pattern as it is.
        let [loss, reorder, duplicate, by] = [(); 4].map(|()| rng.random::<f64>());
        if loss < self.loss {
            return vec![];
        }
        let delay = if reorder < self.reorder { self.reorder_by_max.mul_f64(by) } else { Duration::ZERO };
        if duplicate < self.duplicate { vec![delay, delay + Duration::from_millis(1)] } else { vec![delay] }
    }
}

/// One datagram that every peer loses: the `nth` of DTLS (RFC 7983 §7) that way, counted from nought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hole {
    /// From the peer, not to it.
    pub to_server: bool,
    /// Which.
    pub nth: u32,
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_fates_and_shares_come_out_as_asked() {
        let bad = Impairment { loss: 0.1, reorder: 0.2, reorder_by_max: Duration::from_millis(30), duplicate: 0.05 };
        let draw = |impairment: Impairment| {
            let mut rng = StdRng::seed_from_u64(7);
            (0..10_000).map(|_| impairment.fate(&mut rng)).collect::<Vec<_>>()
        };
        let fates = draw(bad);
        assert_eq!(fates, draw(bad));
        let count = |is: fn(&Fate) -> bool| fates.iter().filter(|fate| is(fate)).count();
        assert!((900..1100).contains(&count(|fate| fate.is_empty())));
        assert!((1600..2000).contains(&count(|fate| fate.first().is_some_and(|delay| !delay.is_zero()))));
        assert!((380..520).contains(&count(|fate| fate.len() == 2)));
        assert!(draw(Impairment::default()).iter().all(|fate| fate == &[Duration::ZERO]));
    }
}
