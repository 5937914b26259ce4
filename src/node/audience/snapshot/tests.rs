use std::time::{Duration, Instant, SystemTime};

use access::{ByClass, Class};
use interactive_sfu::{SeatLimits, Seated as Person};
use rooms::RoomSettings;

use super::*;

const LIVE: BroadcastRun = BroadcastRun { is_live: true, has_ended: false, asked_at_utc_ms: 0 };

fn at(seconds: u64) -> Now {
    let (began, utc) = (Instant::now(), SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds));
    Now { instant: began + Duration::from_secs(seconds), utc, began }
}

fn room() -> Room {
    Room::new("r".parse().unwrap(), 1, RoomSettings::REST)
}

fn look(memory: &mut RunMemory, broadcast: Option<BroadcastRun>, is_waited_for: bool, now: Now) -> RoomSnapshot {
    let (room, seats) = (room(), RoomSeats::default());
    let audience = AudienceSnapshot::default();
    let facts = RoomFacts { room: &room, seats: &seats, has_stage: true, audience, is_waited_for, broadcast };
    memory.snapshot(&facts, NodeSnapshot::default(), now)
}

#[test]
fn broadcast_is_off_starting_on_the_air_ending_and_off_again() {
    let mut memory = RunMemory::default();
    let off = look(&mut memory, None, true, at(0));
    assert_eq!((off.broadcast, off.audience.waiting), (BroadcastState::Off { last_started_ms: None }, 1));
    memory.started(at(1).ms());
    let starting = BroadcastState::Starting { started_ms: 1000 };
    assert_eq!(look(&mut memory, None, true, at(2)).broadcast, starting);
    let not_live = BroadcastRun { is_live: false, ..LIVE };
    assert_eq!(look(&mut memory, Some(not_live), true, at(3)).broadcast, starting);
    let watched = BroadcastRun { asked_at_utc_ms: at(4).utc_ms(), ..LIVE };
    let live = look(&mut memory, Some(watched), true, at(5));
    assert_eq!((live.audience.waiting, live.audience.people.total()), (0, 1), "whoever waited watches");
    assert_eq!(live.broadcast, BroadcastState::OnAir { started_ms: 1000, last_viewer_gone_ms: None });
    let left = look(&mut memory, Some(watched), false, at(19));
    assert_eq!(left.broadcast, BroadcastState::OnAir { started_ms: 1000, last_viewer_gone_ms: Some(19_000) });
    assert_eq!(left.audience.people.total(), 0);
    memory.stopped();
    assert_eq!(look(&mut memory, Some(LIVE), false, at(80)).broadcast, BroadcastState::Ending);
    let over = BroadcastRun { has_ended: true, ..LIVE };
    let again = look(&mut memory, Some(over), false, at(81)).broadcast;
    assert_eq!(again, BroadcastState::Off { last_started_ms: Some(1000) });
    assert!(!memory.is_idle(), "its end can be fetched");
    look(&mut memory, None, false, at(82));
    assert!(memory.is_idle());
}

#[test]
fn people_who_may_be_moved_are_those_idle_longest_and_nobody_hidden_or_on_the_way() {
    let person = |name: &str, class, idle_since_s: Option<i64>| Person {
        identity: name.parse().unwrap(),
        class,
        since_utc_ms: at(5).utc_ms(),
        performs: name == "ann",
        hidden: name == "ghost",
        idle_since_utc_ms: idle_since_s.map(|second| at(0).utc_ms() + second * 1000),
        leaving: name == "leaver",
    };
    let seats = RoomSeats {
        limits: SeatLimits { held_until_utc_ms: at(11).utc_ms(), ..SeatLimits::default() },
        max: 9,
        given: ByClass { speaker: 1, viewer: 5, ..ByClass::default() },
        leased: ByClass { viewer: 1, ..ByClass::default() },
        seated: vec![
            person("ann", Class::Speaker, None),
            person("busy", Class::Viewer, None),
            person("idle", Class::Viewer, Some(8)),
            person("idler", Class::Premium, Some(6)),
            person("ghost", Class::Viewer, Some(1)),
            person("leaver", Class::Viewer, Some(1)),
        ],
        is_encrypted: false,
    };
    let seen = super::seats(&seats, at(10));
    let order: Vec<&str> = seen.candidates.iter().map(|one| one.identity.as_str()).collect();
    assert_eq!(order, ["idler", "idle", "busy", "ann"]);
    assert_eq!((seen.limit, seen.on_stage, seen.is_held), (9, 1, true));
    assert_eq!((seen.taken.total(), seen.leased.viewer), (5, 1));
    assert_eq!((seen.candidates[0].idle_since_ms, seen.candidates[0].seated_since_ms), (Some(6000), 5000));
    assert!(!super::seats(&seats, at(11)).is_held);
}
