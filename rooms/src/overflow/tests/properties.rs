//! Properties of single steps over arbitrary snapshots, and of whole evenings over arbitrary audiences.

use std::collections::HashMap;

use proptest::prelude::*;

use super::arbitrary::{snapshot, thresholds};
use super::world::{Random, World};
use super::*;

/// A move that was proposed.
#[derive(Clone, Copy)]
struct Proposed {
    at_ms: u64,
    class: Class,
    to_seat: bool,
}

/// Checks the promotions of a step against the SFU's rule, `on_their_way` being promised seats already.
fn check_promotions(snapshot: &RoomSnapshot, thresholds: &Thresholds, classes: &[Class], on_their_way: &[Class]) {
    let most = thresholds.seats_max.min(snapshot.seats.limit);
    let mut seats = snapshot.seats.occupied();
    on_their_way.iter().for_each(|class| *seats.get_mut(*class) += 1);
    for class in classes {
        let reserved = &thresholds.reserved;
        let kept: u32 = Class::ALL.iter().map(|kept| reserved.get(*kept).saturating_sub(seats.get(*kept))).sum();
        let total = seats.total();
        assert!(total < (most * thresholds.low_watermark).div_ceil(100), "above the low watermark");
        assert!(seats.get(*class) < reserved.get(*class) || total + kept < most, "a reserved seat");
        *seats.get_mut(*class) += 1;
    }
    if !classes.is_empty() {
        let is_open = snapshot.node.admission == Admission::Open && snapshot.node.draining_since_ms.is_none();
        assert!(is_open && !snapshot.seats.is_held && thresholds.promote != Promotion::Never);
    }
}

/// Checks the demotions of a step, `on_their_way` having left their seats as good as.
fn check_demotions(snapshot: &RoomSnapshot, thresholds: &Thresholds, people: &[Identity], on_their_way: usize) {
    if people.is_empty() {
        return;
    }
    assert!(snapshot.broadcast.is_on_air() && !snapshot.is_encrypted && snapshot.setting != BroadcastSetting::Off);
    if snapshot.node.draining_since_ms.is_some() {
        return;
    }
    assert_ne!(thresholds.demote, Demotion::Never);
    let occupied = snapshot.seats.occupied().total();
    let low = (thresholds.seats_max.min(snapshot.seats.limit) * thresholds.low_watermark).div_ceil(100);
    let usage = snapshot.node.load.usage_permille(&snapshot.node.limits);
    let is_busy = snapshot.node.admission == Admission::Busy && usage > 800;
    let least = if is_busy { low.min(occupied * 800 / usage) } else { low };
    let left = occupied as usize - on_their_way - people.len();
    assert!(left >= least as usize, "{left} seats are below the low watermark of {least}");
    for identity in people {
        let movable = |seated: &Seated| !seated.on_stage && !matches!(seated.class, Class::Speaker | Class::Host);
        assert!(snapshot.seats.candidates.iter().any(|seated| seated.identity == *identity && movable(seated)));
    }
}

/// Steps arbitrary snapshots, and checks each step.
fn check_steps(snapshots: Vec<(u64, RoomSnapshot)>, thresholds: &Thresholds) {
    let mut overflow = RoomOverflow::default();
    let mut now_ms = 100_000;
    let mut moves: HashMap<Identity, Proposed> = HashMap::new();
    for (pause_ms, mut snapshot) in snapshots {
        now_ms += pause_ms;
        snapshot.taken_at_ms = now_ms;
        let proposals = overflow.step(&snapshot, thresholds, now_ms);
        let is_drain = snapshot.node.draining_since_ms.is_some();
        let on_their_way = |to_seat: bool, moves: &HashMap<Identity, Proposed>| -> Vec<Class> {
            let recent = moves.values().filter(|last| last.to_seat == to_seat && last.at_ms + 10_000 > now_ms);
            recent.map(|last| last.class).collect()
        };
        let (promised, leaving) = (on_their_way(true, &moves), on_their_way(false, &moves).len());
        let (mut classes, mut people) = (Vec::new(), Vec::new());
        for proposal in &proposals {
            let (identity, class, to_seat) = match proposal {
                Proposal::Promote { identity, class } => (identity, *class, true),
                Proposal::Demote { identity, .. } => (identity, Class::Viewer, false),
                Proposal::StartBroadcast(_) | Proposal::StopBroadcast(_) => continue,
            };
            if to_seat {
                classes.push(class)
            } else {
                people.push(identity.clone())
            }
            if let Some(last) = moves.insert(identity.clone(), Proposed { at_ms: now_ms, class, to_seat }) {
                let dwell_ms = if is_drain { 0 } else { u64::from(thresholds.dwell_seconds) * 1000 };
                assert!(now_ms - last.at_ms >= dwell_ms, "{identity} is moved twice within a dwell");
            }
        }
        assert!(classes.is_empty() || people.is_empty(), "moves in both directions");
        assert!(classes.len() + people.len() <= MOVES_PER_STEP_MAX && proposals.len() <= MOVES_PER_STEP_MAX + 1);
        check_promotions(&snapshot, thresholds, &classes, &promised);
        check_demotions(&snapshot, thresholds, &people, leaving.min(snapshot.seats.occupied().total() as usize));
    }
}

/// A second of an arbitrary evening.
#[derive(Clone, Debug)]
struct Second {
    joins: u64,
    seats_left: u64,
    audience_left: u64,
    node_seats: u64,
    fault: u32,
}

fn second() -> impl Strategy<Value = Second> {
    (0u64..20, 0u64..3, 0u64..3, 5u64..120, 0u32..12).prop_map(
        |(joins, seats_left, audience_left, node_seats, fault)| Second {
            joins,
            seats_left,
            audience_left,
            node_seats,
            fault,
        },
    )
}

/// People come and go for a second.
fn live(world: &mut World, second: &Second, random: &mut Random, joined: &mut u32) {
    for _ in 0..random.below(second.joins + 1) {
        let class = Class::ALL[random.below(5) as usize];
        *joined += 1;
        world.join(identity(*joined), class, random.below(2) == 0);
    }
    for _ in 0..second.seats_left.min(world.seats.len() as u64) {
        world.seats.swap_remove(random.below(world.seats.len() as u64) as usize);
    }
    for _ in 0..second.audience_left.min(world.audience.len() as u64) {
        world.audience.swap_remove(random.below(world.audience.len() as u64) as usize);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_step_over_any_snapshot_keeps_seats_watermarks_and_dwell(
        snapshots in prop::collection::vec((1u64..8000, snapshot()), 1..12), thresholds in thresholds(),
    ) {
        check_steps(snapshots, &thresholds);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn numbers_that_no_validation_has_seen_do_no_harm(
        snapshot in snapshot(), thresholds in thresholds(), odd: [u32; 7], cpu_percent: u32, drain: u32,
    ) {
        let [seats_max, high_watermark, low_watermark, dwell_seconds, linger_seconds, viewer, limit] = odd;
        let reserved = ByClass { viewer, premium: limit, ..thresholds.reserved };
        let odd = Thresholds {
            seats_max, reserved, high_watermark, low_watermark, dwell_seconds, linger_seconds, ..thresholds
        };
        let mut snapshot = snapshot;
        snapshot.seats.limit = limit;
        snapshot.seats.leased = ByClass { viewer, anonymous: seats_max, ..ByClass::default() };
        snapshot.node.load.cpu_percent = cpu_percent;
        snapshot.node.limits = NodeLimits { drain_seats_per_second: drain, open_at_percent: drain, ..NodeLimits::default() };
        let mut overflow = RoomOverflow::default();
        for taken_at_ms in [200_000, 201_000, u64::MAX - 1, u64::MAX] {
            snapshot.taken_at_ms = taken_at_ms;
            prop_assert!(overflow.step(&snapshot, &odd, taken_at_ms).len() <= MOVES_PER_STEP_MAX + 1);
        }
    }

    #[test]
    fn no_audience_makes_people_or_the_broadcast_flap(
        evening in prop::collection::vec(second(), 1..150), thresholds in thresholds(), seed: u64,
    ) {
        let mut world = World::new(thresholds);
        let (mut overflow, mut random, mut joined) = (RoomOverflow::default(), Random(seed), 0);
        let mut last = world.snapshot();
        for second in evening {
            world.advance(1000);
            live(&mut world, &second, &mut random, &mut joined);
            world.node_seats = second.node_seats;
            if second.fault == 0 { continue }
            if second.fault == 1 { overflow = RoomOverflow::default() }
            if second.fault != 2 { last = world.snapshot() }
            let proposals = overflow.step(&last, &world.thresholds, world.now_ms);
            // The world refuses two moves within a dwell, and two starts or stops within a linger.
            let refused = if second.fault == 3 { 0 } else { world.carry_out(&proposals) };
            prop_assert!(second.fault < 4 || refused == 0, "a promotion without a seat");
            if second.fault == 4 { world.carry_out(&proposals); }
            prop_assert!(overflow.remembered() <= joined as usize);
        }
    }

    #[test]
    fn a_room_that_nobody_enters_or_leaves_comes_to_rest(
        people in 1u64..200, node_seats in 5u64..120, thresholds in thresholds(), seed: u64,
    ) {
        let mut world = World::new(thresholds);
        let (mut overflow, mut random, mut joined) = (RoomOverflow::default(), Random(seed), 0);
        world.node_seats = node_seats;
        for _ in 0..people {
            joined += 1;
            world.join(identity(joined), Class::ALL[random.below(5) as usize], random.below(2) == 0);
        }
        let mut last_change = 0;
        for second in 0..400 {
            world.advance(1000);
            let snapshot = world.snapshot();
            let proposals = overflow.step(&snapshot, &world.thresholds, world.now_ms);
            if !proposals.is_empty() { last_change = second }
            world.carry_out(&proposals);
        }
        prop_assert!(last_change < 300, "still moving at second {last_change}");
    }
}
