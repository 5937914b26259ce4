//! Which of a publisher's layers a subscriber gets.
//!
//! Picks the largest layer the subscriber can show and its bandwidth allows. A change waits for at most one keyframe. A
//! step down happens at once; a step up needs bandwidth to spare and some seconds, or the picture would flap. No I/O
//! and no clock. Driven by the subscription.

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use super::scalability::Variant;

/// The least time from a step down to the next step up.
const UP_AGAIN_AFTER: Duration = Duration::from_secs(5);
/// How long a video stays paused before the smallest layer is tried.
const TRIAL_AFTER: Duration = Duration::from_secs(10);
/// How long the trial lasts.
const TRIAL: Duration = Duration::from_secs(4);
/// Room to spare for a step up, percent of the layer's bit rate.
const UP_PERCENT: u64 = 115;
/// Percent of a layer's bit rate that the estimate must reach for the layer to stay.
const STAY_PERCENT: u64 = 90;

/// Size and rates of a layer. Sizes are 0 until the first keyframe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LayerInfo {
    pub width: u32,
    pub height: u32,
    pub bits_per_second: u32,
    /// 0 where that is not told.
    pub pictures_per_second: u32,
    /// Packets arrive.
    pub live: bool,
    /// The part of a published sequence that it is.
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

/// The most that a subscriber can show.
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
        match pictures.iter_mut().find(|picture| layers[picture[0]].picture() == layers[i].picture()) {
            Some(picture) => picture.push(i),
            None => pictures.push(vec![i]),
        }
    }
    for picture in &mut pictures {
        picture.sort_by_key(|i| layers[*i].variant.temporal);
        let enough = |i: &usize| layers[*i].pictures_per_second >= limit.pictures_per_second;
        if limit.pictures_per_second > 0
            && let Some(index) = picture.iter().position(enough)
        {
            picture.truncate(index + 1);
        }
    }
    pictures.sort_by_key(|picture| picture.last().map(|i| layers[*i].cost()));
    let covers = |picture: &Vec<usize>| {
        let largest = picture.last().map(|i| &layers[*i]);
        limit.size.zip(largest).is_some_and(|((w, h), l)| l.width >= w && l.height >= h && l.width > 0)
    };
    let most = pictures.iter().position(covers).map_or(pictures.len(), |index| index + 1);
    let mut rungs = pictures.first().cloned().unwrap_or_default();
    rungs.extend(pictures[..most].iter().skip(1).filter_map(|picture| picture.last()));
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

    /// Retries a paused video every 10 s: while nothing is sent, no estimate can show that the path has recovered.
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
