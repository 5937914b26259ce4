//! When webhooks are told the size of a room's audience: at once when it is new, then at most once a minute. Pure.

use access::{ByClass, Class};
use api::AudienceSnapshot;
use interactive_sfu::RoomSeats;
use rooms::FactKind;

/// The time between two counts of a room.
const PAUSE_MS: u64 = 60_000;
/// The same before the count that says that nobody is left.
const EMPTY_PAUSE_MS: u64 = 10_000;

/// The size of an audience, identities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Size {
    interactive: u32,
    broadcast: u32,
    by_class: ByClass,
}

impl Size {
    /// The audience as events sockets have it; of a room without such sockets, those with a seat.
    pub(crate) fn of(audience: &AudienceSnapshot, seats: &RoomSeats) -> Self {
        let known = &audience.audience;
        let mut by_class = ByClass::default();
        if known.total() > 0 {
            for (class, count) in Class::ALL.into_iter().zip(known.by_class) {
                *by_class.get_mut(class) = count;
            }
            return Self { interactive: known.interactive, broadcast: known.broadcast, by_class };
        }
        let seen = seats.seated.iter().filter(|one| !one.hidden);
        seen.for_each(|one| *by_class.get_mut(one.class) += 1);
        Self { interactive: by_class.total(), broadcast: 0, by_class }
    }

    fn total(&self) -> u32 {
        self.interactive.saturating_add(self.broadcast)
    }
}

/// The memory of one room.
#[derive(Debug, Default)]
pub(crate) struct Count {
    told: Size,
    told_at_ms: Option<u64>,
    /// The most that were there since somebody came into an empty room.
    peak: u32,
}

impl Count {
    /// The fact to be told, if it is time.
    pub(crate) fn step(&mut self, now: Size, now_ms: u64) -> Option<FactKind> {
        self.peak = self.peak.max(now.total());
        let pause_ms = if now.total() == 0 { EMPTY_PAUSE_MS } else { PAUSE_MS };
        let is_time = self.told_at_ms.is_none_or(|told_at_ms| now_ms.saturating_sub(told_at_ms) >= pause_ms);
        if now == self.told || !is_time {
            return None;
        }
        (self.told, self.told_at_ms) = (now, Some(now_ms));
        let Size { interactive, broadcast, by_class } = now;
        let peak = if now.total() == 0 { std::mem::take(&mut self.peak) } else { self.peak };
        Some(FactKind::AudienceCounted { interactive, broadcast, total: now.total(), peak, by_class })
    }

    /// Whether nothing is to be remembered: nobody is said to be there.
    pub(crate) fn is_settled(&self) -> bool {
        self.told.total() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(interactive: u32, broadcast: u32) -> Size {
        let by_class = ByClass { viewer: interactive + broadcast, ..ByClass::default() };
        Size { interactive, broadcast, by_class }
    }

    fn total(fact: Option<FactKind>) -> Option<(u32, u32)> {
        match fact {
            Some(FactKind::AudienceCounted { total, peak, .. }) => Some((total, peak)),
            _ => None,
        }
    }

    #[test]
    fn audience_is_counted_when_it_is_new_then_once_a_minute_and_when_it_has_gone() {
        let mut count = Count::default();
        for (second, (interactive, broadcast), told) in [
            (0, (0, 0), None),
            (1, (2, 0), Some((2, 2))),
            (2, (2, 7), None),
            (60, (2, 3), None),
            (61, (2, 3), Some((5, 9))),
            (121, (2, 3), None),
            (122, (0, 4), Some((4, 9))),
            (131, (0, 0), None),
            (132, (0, 0), Some((0, 9))),
        ] {
            let fact = count.step(size(interactive, broadcast), second * 1000);
            assert_eq!((second, total(fact)), (second, told));
        }
        assert!(count.is_settled());
        assert_eq!(total(count.step(size(1, 0), 192_000)), Some((1, 1)), "the peak is of this audience");
    }

    #[test]
    fn no_audience_is_counted_more_than_once_in_ten_seconds() {
        for period in 1..30 {
            let (mut count, mut told) = (Count::default(), vec![]);
            for second in 0..600_u64 {
                let here = u32::try_from(second / period % 3).unwrap();
                if count.step(size(here, here / 2), second * 1000).is_some() {
                    told.push(second * 1000);
                }
            }
            assert!(
                told.len() > 1 && told.windows(2).all(|two| two[1] - two[0] >= EMPTY_PAUSE_MS),
                "{period}: {told:?}"
            );
        }
    }
}
