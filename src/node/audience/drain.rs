//! The drain of this node: which order is followed, and until when. Pure.

use std::time::{Duration, Instant};

use access::RoomName;
use api::{DrainOrder, DrainProgress};
use interactive_sfu::RoomSeats;
use rooms::overflow::{NodeLimits, drain_seconds_max};

/// The memory of a drain.
#[derive(Debug, Default)]
pub(super) struct Drain {
    progress: Option<DrainProgress>,
}

/// The seats of a node when its drain begins.
pub(super) struct Seats {
    of_rooms: Vec<u32>,
    on_stage: bool,
}

impl Seats {
    pub(super) fn of(rooms: &[(RoomName, RoomSeats)]) -> Self {
        let of_rooms = rooms.iter().map(|(_, seats)| super::taken(seats)).collect();
        let on_stage = rooms.iter().any(|(_, seats)| seats.seated.iter().any(|one| one.performs));
        Self { of_rooms, on_stage }
    }
}

impl Drain {
    /// Follows what is ordered. The bound of a drain is set when it begins.
    pub(super) fn step(
        &mut self,
        ordered: Option<DrainOrder>,
        seats: impl FnOnce() -> Seats,
        limits: &NodeLimits,
    ) -> Option<DrainProgress> {
        let followed = self.progress.filter(|progress| Some(progress.order) == ordered);
        self.progress = ordered.map(|order| {
            followed.unwrap_or_else(|| {
                let Seats { of_rooms, on_stage } = seats();
                let seconds = drain_seconds_max(&of_rooms, on_stage, limits);
                DrainProgress {
                    order,
                    seats_before: of_rooms.into_iter().map(u64::from).sum(),
                    ends_by_utc: order.since_utc + Duration::from_secs(seconds.into()),
                }
            })
        });
        self.progress
    }
}

/// Whether the time of a drain is over, whatever becomes of the wall clock meanwhile.
pub(super) fn is_over(progress: &DrainProgress, now: Instant) -> bool {
    let within = progress.ends_by_utc.duration_since(progress.order.since_utc).unwrap_or_default();
    now.saturating_duration_since(progress.order.since) >= within
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn a_drain_keeps_its_bound_and_a_second_one_gets_its_own() {
        let (mut drain, limits) = (Drain::default(), NodeLimits::default());
        let seats = |taken: u32| move || Seats { of_rooms: vec![taken], on_stage: false };
        let order = DrainOrder { since: Instant::now(), since_utc: SystemTime::UNIX_EPOCH };
        let bound = |progress: Option<DrainProgress>| {
            let progress = progress?;
            Some((progress.seats_before, progress.ends_by_utc.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs()))
        };
        assert_eq!(drain.step(None, seats(100), &limits), None);
        assert_eq!(bound(drain.step(Some(order), seats(100), &limits)), Some((100, 34)));
        let kept = drain.step(Some(order), seats(3), &limits);
        assert_eq!(bound(kept), Some((100, 34)));
        let over = [33, 34].map(|after| is_over(&kept.unwrap(), order.since + Duration::from_secs(after)));
        assert_eq!(over, [false, true]);
        assert_eq!(drain.step(None, seats(3), &limits), None);
        let again = DrainOrder { since_utc: SystemTime::UNIX_EPOCH + Duration::from_secs(60), ..order };
        assert_eq!(bound(drain.step(Some(again), seats(3), &limits)), Some((3, 92)));
    }
}
