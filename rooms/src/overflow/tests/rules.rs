//! Single rules, one snapshot or a few.

use super::*;

/// An instant by which everybody has dwelt where they are.
const NOW_MS: u64 = 1_000_000;

fn step(snapshot: &RoomSnapshot, thresholds: &Thresholds) -> Vec<Proposal> {
    RoomOverflow::default().step(snapshot, thresholds, snapshot.taken_at_ms)
}

/// A room with so many viewers in seats beside its speaker, of whom those are candidates.
fn seating(viewer: u32, candidates: Vec<Seated>) -> RoomSnapshot {
    let mut snapshot = room(NOW_MS);
    snapshot.seats.taken.viewer = viewer;
    snapshot.seats.candidates = candidates;
    snapshot.audience.people.viewer = 1;
    snapshot
}

/// The same with these people in the audience.
fn asking(viewer: u32, candidates: Vec<Watching>) -> RoomSnapshot {
    let mut snapshot = seating(viewer, Vec::new());
    snapshot.audience.candidates = candidates;
    snapshot
}

/// A node at this percent of its limit of CPU.
fn node(percent: u32, admission: Admission) -> NodeSnapshot {
    let limits = NodeLimits { cpu_percent_max: 100, ..NodeLimits::default() };
    NodeSnapshot {
        limits,
        load: NodeLoad { cpu_percent: percent, ..NodeLoad::default() },
        admission,
        ..NodeSnapshot::default()
    }
}

fn crowd(count: usize, class: Class) -> Vec<Seated> {
    (0..count).map(|number| seated(&format!("s{number:03}"), class)).collect()
}

fn askers(count: usize, class: Class) -> Vec<Watching> {
    (0..count).map(|number| watching(&format!("w{number:03}"), class, Some(0))).collect()
}

fn count(proposals: &[Proposal]) -> usize {
    proposals.iter().filter(|p| matches!(p, Proposal::Promote { .. } | Proposal::Demote { .. })).count()
}

#[test]
fn seats_are_offered_to_the_highest_class_and_then_to_whoever_asked_first() {
    let mut waiting = watching("waits", Class::Viewer, None);
    waiting.on_broadcast_since_ms = None;
    let mut content = watching("chose-broadcast", Class::Host, None);
    content.asked_for_broadcast = true;
    let mut lately = watching("lately-moved", Class::Host, Some(1));
    lately.on_broadcast_since_ms = Some(NOW_MS - 59_999);
    let people = vec![
        watching("late", Class::Viewer, Some(9)),
        watching("silent", Class::Premium, None),
        watching("early", Class::Viewer, Some(5)),
        watching("premium", Class::Premium, Some(8)),
        watching("stranger", Class::Anonymous, Some(1)),
        waiting,
        content,
        lately,
    ];
    let snapshot = asking(10, people);
    let viewers = Thresholds { lowest_class: Class::Viewer, ..THRESHOLDS };
    for (promote, expected) in [
        (Promotion::Ask, "+premium +early +late"),
        (Promotion::Auto, "+premium +silent +early +late +waits"),
        (Promotion::Never, ""),
    ] {
        assert_eq!(moved(&step(&snapshot, &Thresholds { promote, ..viewers })), expected, "{promote:?}");
    }
    let mut held = snapshot;
    held.seats.is_held = true;
    assert_eq!(moved(&step(&held, &viewers)), "");
}

#[test]
fn promotion_stops_at_the_low_watermark_at_reserved_seats_and_where_the_node_is_at_its_level() {
    let reserved = ByClass { premium: 40, ..ByClass::default() };
    let promoted = |seated, people: Vec<Watching>, reserved, node| {
        let mut snapshot = asking(seated, people);
        snapshot.node = node;
        count(&step(&snapshot, &Thresholds { reserved, ..THRESHOLDS }))
    };
    let idle = NodeSnapshot::default();
    let none = ByClass::default();
    assert_eq!(promoted(68, askers(9, Class::Viewer), none, idle), 1, "69 of 70 seats are taken");
    assert_eq!(promoted(69, askers(9, Class::Viewer), none, idle), 0);
    assert_eq!(promoted(57, askers(9, Class::Viewer), reserved, idle), 2, "58 of 60 unreserved seats are taken");
    assert_eq!(promoted(59, askers(9, Class::Premium), reserved, idle), 9, "premium viewers have their own");
    assert_eq!(promoted(0, askers(100, Class::Viewer), none, idle), 64, "a step moves 64 at most");
    assert_eq!(promoted(39, askers(99, Class::Viewer), none, node(50, Admission::Open)), 24, "40 seats are 50 % of it");
    assert_eq!(promoted(39, askers(99, Class::Viewer), none, node(80, Admission::Open)), 0);
    assert_eq!(promoted(39, askers(99, Class::Viewer), none, node(10, Admission::Busy)), 0);
}

#[test]
fn the_sfu_limit_counts_where_it_is_stricter_than_the_thresholds_or_they_name_none() {
    let mut snapshot = asking(10, askers(90, Class::Viewer));
    snapshot.seats.limit = 20;
    assert_eq!(count(&step(&snapshot, &THRESHOLDS)), 3, "70 % of 20 are 14, 11 are taken");
    snapshot.seats.limit = 50;
    assert_eq!(count(&step(&snapshot, &Thresholds { seats_max: 0, ..THRESHOLDS })), 24, "70 % of 50 are 35");
}

#[test]
fn promotions_that_do_not_show_yet_take_their_seats() {
    let mut overflow = RoomOverflow::default();
    let mut snapshot = asking(67, askers(9, Class::Viewer));
    assert_eq!(moved(&overflow.step(&snapshot, &THRESHOLDS, NOW_MS)), "+w000 +w001");
    for (later_ms, expected) in [(1000, ""), (9999, ""), (10_000, "+w002 +w003")] {
        snapshot.taken_at_ms = NOW_MS + later_ms;
        assert_eq!(moved(&overflow.step(&snapshot, &THRESHOLDS, NOW_MS + later_ms)), expected, "after {later_ms} ms");
    }
}

#[test]
fn demotion_begins_above_the_high_watermark_and_ends_at_the_low_one() {
    for (seats, demoted) in [(70, 0), (90, 0), (91, 21), (100, 30)] {
        let proposals = step(&seating(seats - 1, crowd(99, Class::Viewer)), &THRESHOLDS);
        assert_eq!(count(&proposals), demoted, "{seats} seats");
    }
    let mut overflow = RoomOverflow::default();
    let few = seating(90, crowd(5, Class::Viewer));
    assert_eq!(count(&overflow.step(&few, &THRESHOLDS, NOW_MS)), 5);
    let mut later = seating(85, crowd(99, Class::Viewer).split_off(5));
    later.taken_at_ms = NOW_MS + 10_000;
    assert_eq!(count(&overflow.step(&later, &THRESHOLDS, NOW_MS + 10_000)), 16, "86 seats: on the way down to 70");
}

#[test]
fn demotion_follows_the_policy_and_spares_the_stage_and_the_reserved() {
    let mut idle = seated("idle", Class::Premium);
    idle.idle_since_ms = Some(7);
    let mut stage = seated("on-stage", Class::Viewer);
    stage.on_stage = true;
    let mut newcomer = seated("newcomer", Class::Anonymous);
    newcomer.seated_since_ms = NOW_MS - 59_999;
    let mut young = seated("young", Class::Viewer);
    young.seated_since_ms = 5;
    let people = vec![
        seated("host", Class::Host),
        seated("speaker", Class::Speaker),
        stage,
        newcomer,
        seated("premium", Class::Premium),
        idle,
        seated("old", Class::Viewer),
        young,
        seated("anonymous", Class::Anonymous),
    ];
    let mut snapshot = seating(88, people);
    snapshot.seats.taken.premium = 2;
    snapshot.seats.taken.anonymous = 2;
    for (demote, premium, expected) in [
        (Demotion::IdleFirst, 0, "-idle -anonymous -young -old -premium"),
        (Demotion::IdleFirst, 1, "-idle -anonymous -young -old"),
        (Demotion::LowestClassFirst, 0, "-anonymous -young -old -idle -premium"),
        (Demotion::LowestClassFirst, 2, "-anonymous -young -old"),
        (Demotion::Never, 0, ""),
    ] {
        let reserved = ByClass { premium, ..ByClass::default() };
        let proposals = step(&snapshot, &Thresholds { demote, reserved, ..THRESHOLDS });
        assert_eq!(moved(&proposals), expected, "{demote:?}, {premium} reserved");
    }
}

#[test]
fn the_stricter_of_room_and_node_says_how_many_leave() {
    let demoted = |seats: u32, percent, admission| {
        let mut snapshot = seating(seats - 1, crowd(99, Class::Viewer));
        snapshot.node = node(percent, admission);
        let proposals = step(&snapshot, &THRESHOLDS);
        let reason = proposals.iter().find_map(|proposal| match proposal {
            Proposal::Demote { reason, .. } => Some(*reason),
            _ => None,
        });
        (count(&proposals), reason)
    };
    assert_eq!(demoted(91, 99, Admission::Open), (21, Some(DemoteReason::RoomFull)));
    assert_eq!(demoted(60, 100, Admission::Busy), (12, Some(DemoteReason::NodeBusy)), "60 seats to 48: 80 % of them");
    assert_eq!(demoted(100, 90, Admission::Busy), (30, Some(DemoteReason::RoomFull)), "the node asks for 12 alone");
    assert_eq!(demoted(95, 140, Admission::Busy), (41, Some(DemoteReason::NodeBusy)), "the room asks for 25 alone");
    assert_eq!(demoted(60, 80, Admission::Busy), (0, None), "calm enough to open");
}

#[test]
fn demotion_waits_for_the_broadcast_and_asks_for_it() {
    let mut snapshot = seating(99, crowd(99, Class::Viewer));
    snapshot.audience = Audience::default();
    snapshot.broadcast = BroadcastState::Off { last_started_ms: None };
    let on_demand = Thresholds { broadcast_start_at: 0, ..THRESHOLDS };
    assert_eq!(step(&snapshot, &on_demand), [Proposal::StartBroadcast(StartReason::Overflow)]);
    assert_eq!(step(&snapshot, &Thresholds { demote: Demotion::Never, ..on_demand }), []);
    snapshot.broadcast = BroadcastState::Starting { started_ms: NOW_MS };
    assert_eq!(step(&snapshot, &on_demand), []);
    snapshot.is_encrypted = true;
    snapshot.broadcast = BroadcastState::Off { last_started_ms: None };
    assert_eq!(step(&snapshot, &on_demand), []);
}

#[test]
fn a_draining_node_moves_everybody_at_its_rate_and_the_stage_last() {
    let mut overflow = RoomOverflow::default();
    let mut stage = seated("on-stage", Class::Speaker);
    stage.on_stage = true;
    let mut people = vec![stage, seated("host", Class::Host)];
    people.extend(crowd(20, Class::Viewer));
    let mut left = Vec::new();
    for second in 0..40 {
        let now_ms = NOW_MS + second * 1000;
        let mut snapshot = seating(0, people.clone());
        snapshot.seats.taken = ByClass { viewer: people.len() as u32, ..ByClass::default() };
        snapshot.taken_at_ms = now_ms;
        snapshot.node.draining_since_ms = Some(NOW_MS);
        snapshot.node.limits =
            NodeLimits { drain_seats_per_second: 4, drain_stage_seconds: 30, ..NodeLimits::default() };
        snapshot.node.seats_taken = 2 * people.len() as u64;
        let never = Thresholds { demote: Demotion::Never, ..THRESHOLDS };
        for proposal in overflow.step(&snapshot, &never, now_ms) {
            let Proposal::Demote { identity, reason: DemoteReason::NodeDrains } = proposal else {
                panic!("{proposal:?}")
            };
            people.retain(|seated| seated.identity != identity);
            left.push((second, identity.to_string()));
        }
    }
    let in_first_ten = left.iter().filter(|(second, _)| *second <= 10).count();
    assert_eq!(in_first_ten, 20, "half of the node's four a second is this room's");
    assert_eq!(left[20], (11, "host".to_owned()));
    assert_eq!(left[21], (30, "on-stage".to_owned()));
}

#[test]
fn an_old_or_repeated_snapshot_proposes_nothing() {
    let mut overflow = RoomOverflow::default();
    let mut snapshot = seating(99, crowd(99, Class::Viewer));
    assert_eq!(overflow.step(&snapshot, &THRESHOLDS, NOW_MS + 5001), [], "too old");
    assert_eq!(overflow.step(&snapshot, &THRESHOLDS, NOW_MS - 1), [], "of the future");
    assert_eq!(count(&overflow.step(&snapshot, &THRESHOLDS, NOW_MS + 5000)), 30);
    assert_eq!(overflow.step(&snapshot, &THRESHOLDS, NOW_MS + 5000), [], "seen before");
    snapshot.taken_at_ms -= 1;
    assert_eq!(overflow.step(&snapshot, &THRESHOLDS, NOW_MS), [], "older than one that was seen");
}

#[test]
fn a_small_room_fills_all_its_seats() {
    for seats_max in 1..=3 {
        let small = Thresholds { seats_max, ..THRESHOLDS };
        let full = seating(seats_max - 1, crowd(3, Class::Viewer));
        assert_eq!(moved(&step(&full, &small)), "", "{seats_max} seats");
        let mut free = full;
        free.seats.taken.speaker = 0;
        free.seats.taken.viewer = seats_max - 1;
        free.audience.candidates = askers(3, Class::Viewer);
        assert_eq!(moved(&step(&free, &small)), "+w000", "{seats_max} seats");
    }
}

#[test]
fn people_after_the_first_256_of_a_list_are_not_looked_at() {
    let mut many = crowd(100_000, Class::Host);
    many.extend(crowd(1, Class::Viewer));
    assert_eq!(moved(&step(&seating(99, many.clone()), &THRESHOLDS)), "");
    assert_eq!(moved(&step(&seating(99, many.split_off(100_000 - 255)), &THRESHOLDS)), "-s000");
    let mut many = askers(100_000, Class::Viewer);
    many.push(watching("premium", Class::Premium, Some(0)));
    assert_eq!(moved(&step(&asking(68, many), &THRESHOLDS)), "+w000");
}
