//! When a room goes on the air and off it.

use super::*;

const OFF: BroadcastState = BroadcastState::Off { last_started_ms: None };
const START: &str = "start";
const STOP: &str = "stop";

/// A room with so many viewers in seats, and nobody in the audience.
fn viewers(viewer: u32, broadcast: BroadcastState) -> RoomSnapshot {
    let mut snapshot = room(0);
    snapshot.seats.taken.viewer = viewer;
    snapshot.broadcast = broadcast;
    snapshot
}

/// Steps at a second, and says which change of the broadcast was proposed.
fn step(overflow: &mut RoomOverflow, snapshot: &RoomSnapshot, second: u64) -> Option<Proposal> {
    let snapshot = RoomSnapshot { taken_at_ms: second * 1000, ..snapshot.clone() };
    overflow.step(&snapshot, &THRESHOLDS, second * 1000).into_iter().next()
}

fn change(overflow: &mut RoomOverflow, snapshot: &RoomSnapshot, second: u64) -> &'static str {
    match step(overflow, snapshot, second) {
        Some(Proposal::StartBroadcast(_)) => START,
        Some(Proposal::StopBroadcast(_)) => STOP,
        _ => "",
    }
}

#[test]
fn a_broadcast_starts_for_viewers_for_whoever_waits_and_by_its_setting() {
    let first = |snapshot: &RoomSnapshot| match step(&mut RoomOverflow::default(), snapshot, 1000) {
        Some(Proposal::StartBroadcast(reason)) => Some(reason),
        None => None,
        other => panic!("{other:?}"),
    };
    assert_eq!(first(&viewers(79, OFF)), None);
    assert_eq!(first(&viewers(80, OFF)), Some(StartReason::Viewers));
    let mut waiting = viewers(1, OFF);
    waiting.audience =
        Audience { waiting: 1, people: ByClass { viewer: 1, ..ByClass::default() }, ..Audience::default() };
    assert_eq!(first(&waiting), Some(StartReason::Waiting));
    assert_eq!(first(&RoomSnapshot { setting: BroadcastSetting::Off, ..waiting.clone() }), None);
    assert_eq!(first(&RoomSnapshot { is_encrypted: true, ..waiting.clone() }), None);
    waiting.seats.on_stage = 0;
    assert_eq!(first(&waiting), None, "a broadcast without a stage shows nothing");
    let mut on = RoomSnapshot { setting: BroadcastSetting::On, ..viewers(0, OFF) };
    assert_eq!(first(&on), Some(StartReason::AlwaysOn));
    on.seats.on_stage = 0;
    assert_eq!(first(&on), None);
}

#[test]
fn a_broadcast_that_nobody_needs_stops_after_a_linger() {
    let on_air = BroadcastState::OnAir { started_ms: 0, last_viewer_gone_ms: Some(130_000) };
    let mut overflow = RoomOverflow::default();
    let mut watched = viewers(10, on_air);
    watched.audience.people.viewer = 1;
    let idle = viewers(10, on_air);
    for (second, snapshot, expected) in [
        (100, &watched, ""),
        (101, &idle, ""),
        (120, &viewers(80, on_air), ""),
        (121, &idle, ""),
        (181, &idle, ""),
        (189, &idle, ""),
        (190, &idle, STOP),
        (191, &idle, ""),
        (199, &idle, ""),
        (200, &idle, STOP),
        (201, &viewers(10, BroadcastState::Ending), ""),
    ] {
        assert_eq!(
            change(&mut overflow, snapshot, second),
            expected,
            "at {second}: 130 + 60 and 121 + 60 are over at 190"
        );
    }
}

#[test]
fn a_curve_that_wobbles_round_the_threshold_starts_the_broadcast_once() {
    let mut overflow = RoomOverflow::default();
    let mut broadcast = OFF;
    let mut changes = Vec::new();
    for second in 100..1000 {
        let snapshot = viewers(if second % 50 < 25 { 81 } else { 79 }, broadcast);
        match change(&mut overflow, &snapshot, second) {
            START => broadcast = BroadcastState::OnAir { started_ms: second * 1000, last_viewer_gone_ms: None },
            STOP => broadcast = BroadcastState::Off { last_started_ms: Some(0) },
            _ => continue,
        }
        changes.push(second);
    }
    assert_eq!(changes, [100]);
}

#[test]
fn a_start_that_does_not_show_is_proposed_again_and_a_new_run_waits_for_a_linger() {
    let mut overflow = RoomOverflow::default();
    let full = |last_started_ms| viewers(80, BroadcastState::Off { last_started_ms });
    for (second, last_started_ms, expected) in [
        (100, None, START),
        (101, None, ""),
        (109, None, ""),
        (110, None, START),
        (130, Some(110_000), ""),
        (169, Some(110_000), ""),
        (170, Some(110_000), START),
    ] {
        assert_eq!(change(&mut overflow, &full(last_started_ms), second), expected, "at {second}");
    }
}

#[test]
fn a_room_that_must_not_be_broadcast_goes_off_the_air_at_once() {
    let started = BroadcastState::Starting { started_ms: 99_000 };
    let on_air = BroadcastState::OnAir { started_ms: 99_000, last_viewer_gone_ms: None };
    for broadcast in [started, on_air] {
        let full = viewers(90, broadcast);
        let off = RoomSnapshot { setting: BroadcastSetting::Off, ..full.clone() };
        let encrypted = RoomSnapshot { is_encrypted: true, ..full };
        let first = |snapshot| step(&mut RoomOverflow::default(), snapshot, 100);
        assert_eq!(first(&off), Some(Proposal::StopBroadcast(StopReason::SwitchedOff)));
        assert_eq!(first(&encrypted), Some(Proposal::StopBroadcast(StopReason::Encrypted)));
    }
}

#[test]
fn a_broadcast_that_is_always_on_outlasts_a_pause_of_the_stage() {
    let on_air = BroadcastState::OnAir { started_ms: 0, last_viewer_gone_ms: None };
    let mut overflow = RoomOverflow::default();
    let mut snapshot = RoomSnapshot { setting: BroadcastSetting::On, ..viewers(5, on_air) };
    for (second, on_stage, expected) in
        [(100, 1, ""), (101, 0, ""), (159, 0, ""), (160, 1, ""), (161, 0, ""), (220, 0, ""), (221, 0, STOP)]
    {
        snapshot.seats.on_stage = on_stage;
        assert_eq!(change(&mut overflow, &snapshot, second), expected, "at {second}");
    }
}
