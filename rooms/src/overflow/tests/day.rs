//! A day of a room with a million viewers at its peak: faults, changes of thresholds, restarts.

use super::world::{Random, World};
use super::*;

const TICK_MS: u64 = 5000;
const TICKS: u64 = 24 * 3600 * 1000 / TICK_MS;
/// Viewers by the hour; between the hours the number goes straight.
const VIEWERS: [u64; 25] = [
    0, 40, 80, 120, 60, 90, 400, 3000, 20_000, 90_000, 300_000, 800_000, 1_000_000, 1_000_000, 600_000, 700_000,
    200_000, 30_000, 2000, 450, 500, 300, 90, 20, 0,
];
const NAMED_MAX: usize = 300;

/// The viewers there are to be at a tick, with a wobble of a tenth.
fn viewers_at(tick: u64, random: &mut Random) -> u64 {
    let ticks_an_hour = TICKS / 24;
    let (hour, rest) = ((tick / ticks_an_hour) as usize, tick % ticks_an_hour);
    let (from, to) = (VIEWERS[hour], VIEWERS[hour + 1]);
    let middle = (from * (ticks_an_hour - rest) + to * rest) / ticks_an_hour;
    middle - middle / 20 + random.below(middle / 10 + 1)
}

/// The audience comes and goes until there are `viewers`: by name up to a bound, the rest as a crowd.
fn follow(world: &mut World, viewers: u64, random: &mut Random, joined: &mut u64) {
    let present = world.seats.len() as u64 + u64::from(world.audience_count());
    if viewers > present {
        for _ in 0..(viewers - present).min(40).min((NAMED_MAX.saturating_sub(world.audience.len())) as u64) {
            *joined += 1;
            let class = [Class::Premium, Class::Viewer, Class::Viewer, Class::Anonymous][random.below(4) as usize];
            world.join(identity(*joined), class, random.below(3) == 0);
        }
        let present = world.seats.len() as u64 + u64::from(world.audience_count());
        world.crowd += (viewers.saturating_sub(present)) as u32;
        return;
    }
    let mut leaving = present - viewers;
    let of_crowd = leaving.min(u64::from(world.crowd));
    world.crowd -= of_crowd as u32;
    leaving -= of_crowd;
    for _ in 0..leaving {
        match random.below(2) == 0 && !world.audience.is_empty() {
            true => drop(world.audience.swap_remove(random.below(world.audience.len() as u64) as usize)),
            false => leave_seat(world, random),
        }
    }
}

/// A seated viewer leaves; the stage stays.
fn leave_seat(world: &mut World, random: &mut Random) {
    if world.seats.is_empty() {
        return;
    }
    let index = random.below(world.seats.len() as u64) as usize;
    if !world.seats[index].person.on_stage {
        world.seats.swap_remove(index);
    }
}

#[test]
fn a_day_of_a_million_viewers_with_faults_oversells_no_seat_and_moves_nobody_to_and_fro() {
    let reserved = ByClass { speaker: 5, host: 2, premium: 60, ..ByClass::default() };
    let morning = Thresholds { seats_max: 500, reserved, demote: Demotion::LowestClassFirst, ..THRESHOLDS };
    let evening = Thresholds { seats_max: 300, dwell_seconds: 120, promote: Promotion::Auto, ..morning };
    let mut world = World::new(morning);
    let (mut overflow, mut random, mut joined) = (RoomOverflow::default(), Random(7), 0);
    assert!(world.join(identity("speaker"), Class::Speaker, false));
    let mut last = world.snapshot();
    let (mut most, mut late) = (0, Vec::new());
    for tick in 0..TICKS {
        world.advance(TICK_MS);
        let viewers = viewers_at(tick, &mut random);
        follow(&mut world, viewers, &mut random, &mut joined);
        // In any minute a tenth of the seated viewers lets go, and others of the audience ask for a seat.
        (0..world.seats.len().div_ceil(120)).for_each(|_| leave_seat(&mut world, &mut random));
        most = most.max(world.audience_count() as usize + world.seats.len());
        world.thresholds = if (tick / 2000) % 2 == 0 { morning } else { evening };
        world.node_seats = if (tick / 700) % 3 == 0 { 350 } else { 10_000 };
        let fault = random.below(20);
        match fault {
            0 => continue,
            1 => {}
            _ => last = world.snapshot(),
        }
        if fault == 2 && random.below(10) == 0 {
            overflow = RoomOverflow::default();
        }
        // Orders that come a tick late find other seats: the SFU may refuse them.
        world.carry_out(&late);
        late.clear();
        let proposals = overflow.step(&last, &world.thresholds, world.now_ms);
        match fault {
            3 => {}
            4 => late = proposals,
            _ => assert_eq!(world.carry_out(&proposals), 0, "a promotion without a seat at tick {tick}"),
        }
    }
    assert!(most > 900_000, "{most} viewers at most");
    assert!(world.seats_most <= 500 && world.promoted > 1000 && world.demoted > 1000);
    assert_eq!((world.audience_count(), world.seats.len()), (0, 1), "the speaker alone is left");
    assert!((1..=10).contains(&world.starts), "{} starts", world.starts);
}
