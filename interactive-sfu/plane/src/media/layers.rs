//! Which of a publisher's layers a subscriber gets.
//!
//! As large as it has use for, as dear as its path carries; never more than one keyframe away from a change. Going down
//! is done at once, going up needs room to spare and patience, or a picture would flap. No I/O and no clock. Driven by
//! the subscription.

use std::time::{Duration, Instant};

use super::scalability::Variant;

/// After a step down, so long until the next step up.
const UP_AGAIN_AFTER: Duration = Duration::from_secs(5);
/// After a pause of so long the smallest layer is tried, for so long.
const TRIAL_AFTER: Duration = Duration::from_secs(10);
const TRIAL: Duration = Duration::from_secs(4);
/// Room to spare for a step up, percent of the layer's bit rate.
const UP_PERCENT: u64 = 115;
/// A layer may exceed the estimate by so much before it is left, percent.
const STAY_PERCENT: u64 = 90;

/// What is known of a layer. Sizes are 0 until a keyframe has told them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LayerInfo {
    pub width: u32,
    pub height: u32,
    pub bits_per_second: u32,
    /// 0 where that is not told.
    pub pictures_per_second: u32,
    /// Packets arrive.
    pub live: bool,
    /// Of what it is.
    pub variant: Variant,
}

impl LayerInfo {
    fn cost(&self) -> (u64, u32) {
        (u64::from(self.width) * u64::from(self.height), self.bits_per_second)
    }

    /// Those of one picture differ in how often it changes.
    fn picture(&self) -> (usize, u8) {
        (self.variant.source, self.variant.spatial)
    }
}

/// The most that a subscriber has use for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limit {
    /// The largest picture. `None`: any. 0 × 0: none at all.
    pub size: Option<(u32, u32)>,
    /// 0: as many as there are.
    pub pictures_per_second: u32,
}

impl Limit {
    /// No picture at all.
    pub(crate) fn is_none(&self) -> bool {
        self.size == Some((0, 0))
    }
}

/// The layers that a subscriber has use for, from small to large. Of a larger picture the one that changes often
/// enough; the smallest also as slide show, before it pauses.
fn rungs(layers: &[LayerInfo], limit: Limit) -> Vec<usize> {
    if limit.is_none() {
        return Vec::new();
    }
    let mut live: Vec<usize> = (0..layers.len()).filter(|i| layers[*i].live).collect();
    live.sort_by_key(|i| layers[*i].cost());
    let mut pictures: Vec<Vec<usize>> = Vec::new();
    for i in live {
        match pictures.iter_mut().find(|of| layers[of[0]].picture() == layers[i].picture()) {
            Some(of) => of.push(i),
            None => pictures.push(vec![i]),
        }
    }
    for of in &mut pictures {
        of.sort_by_key(|i| layers[*i].variant.temporal);
        let enough = |i: &usize| layers[*i].pictures_per_second >= limit.pictures_per_second;
        if limit.pictures_per_second > 0
            && let Some(at) = of.iter().position(enough)
        {
            of.truncate(at + 1);
        }
    }
    pictures.sort_by_key(|of| of.last().map(|i| layers[*i].cost()));
    let covers = |of: &Vec<usize>| {
        let largest = of.last().map(|i| &layers[*i]);
        limit.size.zip(largest).is_some_and(|((w, h), l)| l.width >= w && l.height >= h && l.width > 0)
    };
    let most = pictures.iter().position(covers).map_or(pictures.len(), |at| at + 1);
    let mut rungs = pictures.first().cloned().unwrap_or_default();
    rungs.extend(pictures[..most].iter().skip(1).filter_map(|of| of.last()));
    rungs
}

/// Bit rates of the layers that a subscriber has use for, ascending.
pub(crate) fn wanted_rates(layers: &[LayerInfo], limit: Limit) -> Vec<u64> {
    rungs(layers, limit).into_iter().map(|i| u64::from(layers[i].bits_per_second)).collect()
}

/// One subscription's choice.
#[derive(Debug, Default)]
pub(crate) struct LayerChoice {
    chosen: Option<usize>,
    stepped_down_at: Option<Instant>,
    /// Until then the smallest layer is sent, to see whether the path bears it.
    trial_until: Option<Instant>,
}

impl LayerChoice {
    /// Chooses anew. `budget_bits_per_second`: what the path carries for this track, `None` when not known.
    /// `pausable`: rather none than one that does not fit. Returns the layer to send, `None` for none.
    pub(crate) fn choose(
        &mut self,
        layers: &[LayerInfo],
        limit: Limit,
        budget_bits_per_second: Option<u64>,
        pausable: bool,
        now: Instant,
    ) -> Option<usize> {
        if limit.is_none() {
            self.chosen = None;
            return None;
        }
        let ascending = rungs(layers, limit);
        let most = ascending.len().checked_sub(1)?;
        let here = self.chosen.and_then(|c| ascending.iter().position(|i| *i == c));
        let patient = self.stepped_down_at.is_none_or(|at| now.saturating_duration_since(at) >= UP_AGAIN_AFTER);
        let fits = |rank: usize| {
            let Some(budget) = budget_bits_per_second else { return true };
            let bits = u64::from(layers[ascending[rank]].bits_per_second);
            match here {
                Some(here) if rank <= here => bits * STAY_PERCENT <= budget * 100,
                Some(_) => patient && bits * UP_PERCENT <= budget * 100,
                // A picture that paused comes back like one that grows.
                None if self.stepped_down_at.is_some() => patient && bits * UP_PERCENT <= budget * 100,
                None => bits <= budget,
            }
        };
        let fitting = (0..=most).rev().find(|rank| fits(*rank));
        if pausable && fitting.is_none() && !self.on_trial(now) {
            if self.chosen.take().is_some() {
                self.stepped_down_at = Some(now);
            }
            return None;
        }
        let rank = fitting.unwrap_or(0);
        if here.is_some_and(|here| rank < here) {
            self.stepped_down_at = Some(now);
        }
        self.chosen = Some(ascending[rank]);
        self.chosen
    }

    /// A picture that paused is tried again now and then: nothing else shows that a path bears it which is sent
    /// nothing.
    fn on_trial(&mut self, now: Instant) -> bool {
        let since = |at: Option<Instant>, least| at.is_some_and(|at| now.saturating_duration_since(at) >= least);
        if self.chosen.is_none() && since(self.stepped_down_at, TRIAL_AFTER) {
            (self.trial_until, self.stepped_down_at) = (Some(now + TRIAL), Some(now));
        }
        self.trial_until.is_some_and(|until| now < until)
    }

    /// The bit rate of the next larger layer that there is use for: what a probe would have to show room for.
    pub(crate) fn next_up(&self, layers: &[LayerInfo], limit: Limit) -> Option<u32> {
        let rungs = rungs(layers, limit);
        let next = match self.chosen {
            None => 0,
            Some(chosen) => rungs.iter().position(|i| *i == chosen)? + 1,
        };
        Some(layers[*rungs.get(next)?].bits_per_second)
    }

    /// The source changed: what was learnt of its layers is void.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers() -> [LayerInfo; 3] {
        let layers = [(320, 180, 150_000), (640, 360, 500_000), (1280, 720, 1_700_000)];
        std::array::from_fn(|source| {
            let (width, height, bits_per_second) = layers[source];
            let variant = Variant::whole(source);
            LayerInfo { width, height, bits_per_second, live: true, variant, ..LayerInfo::default() }
        })
    }

    #[test]
    fn the_smallest_layer_that_fills_the_tile_is_chosen() {
        let table = [
            (None, Some(2)),
            (Some((320, 180)), Some(0)),
            (Some((321, 180)), Some(1)),
            (Some((640, 360)), Some(1)),
            (Some((4000, 4000)), Some(2)),
            (Some((0, 0)), None),
        ];
        for (size, expected) in table {
            let limit = Limit { size, ..Limit::default() };
            assert_eq!(
                LayerChoice::default().choose(&layers(), limit, None, false, Instant::now()),
                expected,
                "{limit:?}"
            );
        }
    }

    #[test]
    fn a_layer_that_does_not_arrive_is_not_chosen() {
        let mut layers = layers();
        layers[2].live = false;
        assert_eq!(LayerChoice::default().choose(&layers, Limit::default(), None, false, Instant::now()), Some(1));
        layers.iter_mut().for_each(|l| l.live = false);
        assert_eq!(LayerChoice::default().choose(&layers, Limit::default(), None, false, Instant::now()), None);
    }

    #[test]
    fn down_at_once_up_with_room_and_patience() {
        let (mut choice, t, layers) = (LayerChoice::default(), Instant::now(), layers());
        let mut at = |ms: u64, kbps: u64| {
            choice.choose(&layers, Limit::default(), Some(kbps * 1000), false, t + Duration::from_millis(ms))
        };
        assert_eq!(at(0, 2500), Some(2));
        assert_eq!(at(100, 1600), Some(2), "within tolerance");
        assert_eq!(at(200, 1000), Some(1));
        assert_eq!(at(300, 5000), Some(1), "too soon");
        assert_eq!(at(5200, 1800), Some(1), "no room to spare");
        assert_eq!(at(5300, 2000), Some(2));
        assert_eq!(at(5400, 10), Some(0), "the smallest is sent whatever happens");
    }

    #[test]
    fn a_picture_that_may_pause_does_and_comes_back_with_patience() {
        let (mut choice, t, layers) = (LayerChoice::default(), Instant::now(), layers());
        let mut at = |ms: u64, kbps: u64| {
            choice.choose(&layers, Limit::default(), Some(kbps * 1000), true, t + Duration::from_millis(ms))
        };
        assert_eq!(at(0, 200), Some(0));
        assert_eq!(at(100, 140), Some(0), "within tolerance");
        assert_eq!(at(200, 100), None);
        assert_eq!(at(300, 500), None, "too soon");
        assert_eq!(at(5300, 160), None, "no room to spare");
        assert_eq!(at(5400, 200), Some(0));
    }

    #[test]
    fn a_picture_that_paused_is_tried_again_whatever_the_estimate_says() {
        let (mut choice, t, layers) = (LayerChoice::default(), Instant::now(), layers());
        let mut at = |ms: u64, kbps: u64| {
            choice.choose(&layers, Limit::default(), Some(kbps * 1000), true, t + Duration::from_millis(ms))
        };
        assert_eq!((at(0, 200), at(100, 50)), (Some(0), None));
        assert_eq!((at(10_000, 50), at(10_100, 50), at(14_000, 50)), (None, Some(0), Some(0)));
        assert_eq!(at(14_200, 50), None, "it did not bear it");
        assert_eq!((at(24_100, 50), at(24_300, 50)), (None, Some(0)));
        assert_eq!(at(30_000, 200), Some(0), "it did");
    }

    #[test]
    fn what_is_wanted_ends_with_what_fills_the_tile() {
        let within = |size| wanted_rates(&layers(), Limit { size, ..Limit::default() });
        assert_eq!(within(None), [150_000, 500_000, 1_700_000]);
        assert_eq!(within(Some((400, 200))), [150_000, 500_000]);
        assert!(within(Some((0, 0))).is_empty());
    }

    #[test]
    fn a_probe_aims_at_the_next_larger_layer() {
        let mut choice = LayerChoice::default();
        choice.choose(&layers(), Limit::default(), Some(200_000), false, Instant::now());
        assert_eq!(choice.next_up(&layers(), Limit::default()), Some(500_000));
        assert_eq!(choice.next_up(&layers(), Limit { size: Some((320, 180)), ..Limit::default() }), None);
    }

    /// Two pictures of three temporal layers each.
    fn temporal() -> Vec<LayerInfo> {
        let of = |source: usize, width, height, kbps: u32| {
            [(0, 7, 40), (1, 15, 65), (2, 30, 100)].map(|(temporal, pictures_per_second, percent)| LayerInfo {
                width,
                height,
                bits_per_second: kbps * 10 * percent,
                pictures_per_second,
                live: true,
                variant: Variant { temporal, ..Variant::whole(source) },
            })
        };
        [of(0, 320, 180, 150), of(1, 1280, 720, 1_700)].concat()
    }

    #[test]
    fn pictures_come_as_often_as_is_asked_for_and_the_smallest_seldom_before_it_pauses() {
        let layers = temporal();
        let chosen = |size, pictures_per_second, kbps: u64| {
            let limit = Limit { size, pictures_per_second };
            LayerChoice::default().choose(&layers, limit, Some(kbps * 1000), true, Instant::now())
        };
        assert_eq!(chosen(None, 0, 5_000), Some(5), "all of the largest");
        assert_eq!(chosen(None, 15, 5_000), Some(4));
        assert_eq!(chosen(None, 10, 5_000), Some(4), "rather more than asked for than less");
        assert_eq!(chosen(None, 60, 5_000), Some(5));
        assert_eq!(chosen(Some((100, 100)), 0, 5_000), Some(2));
        assert_eq!(chosen(None, 0, 1_200), Some(2), "smaller and smooth, not larger and seldom");
        assert_eq!((chosen(None, 0, 100), chosen(None, 0, 70), chosen(None, 0, 50)), (Some(1), Some(0), None));
    }
}
