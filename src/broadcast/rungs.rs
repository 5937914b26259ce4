//! Decides which rungs of a ladder are encoded, for one broadcast. Pure.
//!
//! A rung rests when nobody has asked for its playlist or its media for `rest_after`; a request wakes it. The lowest
//! rung never rests: many players start on it, and its media stand in for those of a rung that wakes. A broadcast that
//! is recorded encodes every rung, because a recording has no gaps and one quality in each playlist. A broadcast begins
//! with every rung, as if each had been asked for. The last requests and `now` come in, the rungs that change come out.
//! Driven by `pipeline.rs`.

use std::time::{Duration, Instant};

/// A rung that is to rest, or to be encoded again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    /// The rung, counted from the top of the ladder.
    pub(crate) rung: usize,
    pub(crate) rests: bool,
}

/// The rungs of one broadcast.
#[derive(Debug)]
pub(crate) struct RungPolicy {
    /// `None`: no rung rests.
    rest_after: Option<Duration>,
    /// All but the lowest.
    rungs: Vec<RungState>,
}

#[derive(Clone, Copy, Debug)]
struct RungState {
    asked_at: Instant,
    rests: bool,
}

impl RungPolicy {
    /// A broadcast that begins `now`, with a ladder of `rungs` rungs. `rest_after` 0: no rung rests.
    pub(crate) fn new(rest_after: Duration, recorded: bool, rungs: usize, now: Instant) -> Self {
        let rest_after = Some(rest_after).filter(|after| !after.is_zero() && !recorded);
        Self { rest_after, rungs: vec![RungState { asked_at: now, rests: false }; rungs.saturating_sub(1)] }
    }

    /// `asked_at`: the last request for each rung, from the top; `None`: there was none.
    pub(crate) fn step(&mut self, asked_at: &[Option<Instant>], now: Instant) -> Vec<Turn> {
        let Some(rest_after) = self.rest_after else { return vec![] };
        let turn = |(rung, (state, asked)): (usize, (&mut RungState, &Option<Instant>))| {
            state.asked_at = asked.map_or(state.asked_at, |asked| asked.max(state.asked_at));
            let rests = now.saturating_duration_since(state.asked_at) >= rest_after;
            (std::mem::replace(&mut state.rests, rests) != rests).then_some(Turn { rung, rests })
        };
        self.rungs.iter_mut().zip(asked_at).enumerate().filter_map(turn).collect()
    }

    /// The time at which the next rung may rest; `None`: no rung will, unless one is asked for.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let rest_after = self.rest_after?;
        self.rungs.iter().filter(|state| !state.rests).map(|state| state.asked_at + rest_after).min()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const REST_AFTER: Duration = Duration::from_secs(30);

    fn after(began: Instant, seconds: u64) -> Instant {
        began + Duration::from_secs(seconds)
    }

    #[test]
    fn rung_rests_half_a_minute_after_the_last_request_and_wakes_with_the_next() {
        let began = Instant::now();
        let mut policy = RungPolicy::new(REST_AFTER, false, 3, began);
        let asked = [None, Some(after(began, 10)), None];
        assert_eq!(policy.poll_timeout(), Some(after(began, 30)));
        assert_eq!(policy.step(&asked, after(began, 29)), []);
        assert_eq!(policy.step(&asked, after(began, 30)), [Turn { rung: 0, rests: true }]);
        assert_eq!(policy.poll_timeout(), Some(after(began, 40)));
        assert_eq!(policy.step(&asked, after(began, 40)), [Turn { rung: 1, rests: true }]);
        assert_eq!(policy.poll_timeout(), None);
        let asked = [Some(after(began, 50)), asked[1], None];
        assert_eq!(policy.step(&asked, after(began, 50)), [Turn { rung: 0, rests: false }]);
        assert_eq!(policy.step(&asked, after(began, 80)), [Turn { rung: 0, rests: true }]);
    }

    #[test]
    fn no_rung_rests_while_the_broadcast_is_recorded_or_if_resting_is_switched_off() {
        let began = Instant::now();
        for (rest_after, recorded) in [(REST_AFTER, true), (Duration::ZERO, false)] {
            let mut policy = RungPolicy::new(rest_after, recorded, 3, began);
            assert_eq!(policy.poll_timeout(), None);
            assert_eq!(policy.step(&[None; 3], after(began, 3600)), []);
        }
    }

    proptest! {
        #[test]
        fn a_rung_is_encoded_if_and_only_if_it_was_asked_for_lately(
            rungs in 1usize..6,
            rest_after_s in 1u64..60,
            steps in prop::collection::vec((0u64..40, prop::collection::vec(any::<bool>(), 6)), 1..80),
        ) {
            let began = Instant::now();
            let rest_after = Duration::from_secs(rest_after_s);
            let mut policy = RungPolicy::new(rest_after, false, rungs, began);
            let (mut now, mut asked) = (began, vec![None; rungs]);
            let mut resting = vec![false; rungs];
            for (pause_s, asks) in steps {
                // A step that comes when the policy asks for it, as well as any other.
                let later = after(now, pause_s);
                let due = policy.poll_timeout().filter(|due| *due <= later);
                for at in due.into_iter().chain([later]) {
                    now = at;
                    if at == later {
                        asked.iter_mut().zip(&asks).filter(|(_, asks)| **asks).for_each(|(at, _)| *at = Some(now));
                    }
                    for turn in policy.step(&asked, now) {
                        prop_assert_ne!(resting[turn.rung], turn.rests, "a turn is a change");
                        resting[turn.rung] = turn.rests;
                    }
                    for (rung, rests) in resting.iter().enumerate() {
                        let silent = now - asked[rung].unwrap_or(began) >= rest_after;
                        prop_assert_eq!(*rests, silent && rung + 1 < rungs);
                    }
                    prop_assert!(policy.poll_timeout().is_none_or(|due| due > now), "no rung is overdue");
                    prop_assert_eq!(policy.poll_timeout().is_none(), resting[..rungs - 1].iter().all(|rests| *rests));
                }
            }
        }
    }
}
