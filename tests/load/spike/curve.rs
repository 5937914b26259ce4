//! When each viewer of a spike arrives. Pure.

use std::f64::consts::PI;
use std::time::Duration;

use clap::ValueEnum;

/// The shape of the audience's growth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Curve {
    /// As many arrivals in each second.
    Even,
    /// Slow at both ends, and in the middle 1.57 times as many a second as on average: half a wave of a cosine.
    Surge,
}

impl Curve {
    /// When viewer `n` of `count`, from 0, arrives after the beginning of a spike that takes `over`.
    pub(crate) fn arrival(self, n: u32, count: u32, over: Duration) -> Duration {
        let share = (f64::from(n) + 0.5) / f64::from(count.max(1));
        let time = match self {
            Self::Even => share,
            Self::Surge => (1.0 - 2.0 * share).clamp(-1.0, 1.0).acos() / PI,
        };
        over.mul_f64(time.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OVER: Duration = Duration::from_secs(60);

    fn arrived(curve: Curve, by_s: u64) -> usize {
        (0..1500).filter(|n| curve.arrival(*n, 1500, OVER) < Duration::from_secs(by_s)).count()
    }

    #[test]
    fn everybody_arrives_in_order_and_within_the_spike() {
        for curve in [Curve::Even, Curve::Surge] {
            let arrivals: Vec<Duration> = (0..1500).map(|n| curve.arrival(n, 1500, OVER)).collect();
            assert!(arrivals.is_sorted(), "{curve:?}");
            assert_eq!((arrived(curve, 0), arrived(curve, 30), arrived(curve, 60)), (0, 750, 1500), "{curve:?}");
        }
    }

    #[test]
    fn surge_begins_slowly_and_is_steepest_in_the_middle() {
        let in_a_second = |curve, s| arrived(curve, s + 1) - arrived(curve, s);
        assert_eq!([0, 29, 59].map(|s| in_a_second(Curve::Even, s)), [25, 25, 25]);
        assert_eq!([0, 29, 59].map(|s| in_a_second(Curve::Surge, s)), [1, 39, 1]);
    }

    #[test]
    fn a_viewer_alone_arrives_in_the_middle() {
        assert_eq!(Curve::Surge.arrival(0, 1, OVER), Duration::from_secs(30));
    }
}
