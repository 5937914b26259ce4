//! The worked example in the head of `overflow/mod.rs`.

use super::world::World;
use super::*;

/// Steps a second of the world. Returns the proposals in short words, those that move people as a number.
fn second(world: &mut World, overflow: &mut RoomOverflow) -> Vec<String> {
    world.advance(1000);
    let snapshot = world.snapshot();
    let proposals = overflow.step(&snapshot, &world.thresholds, world.now_ms);
    world.carry_out(&proposals);
    let (mut words, mut promoted, mut demoted) = (Vec::new(), 0, 0);
    for proposal in proposals {
        match proposal {
            Proposal::StartBroadcast(reason) => words.push(format!("start {reason:?}")),
            Proposal::StopBroadcast(reason) => words.push(format!("stop {reason:?}")),
            Proposal::Promote { .. } => promoted += 1,
            Proposal::Demote { .. } => demoted += 1,
        }
    }
    words.extend((promoted > 0).then(|| format!("promote {promoted}")));
    words.extend((demoted > 0).then(|| format!("demote {demoted}")));
    words
}

#[test]
fn a_room_of_100_seats_fills_to_300_viewers_and_empties() {
    let mut world = World::new(THRESHOLDS);
    let mut overflow = RoomOverflow::default();
    assert!(world.join(identity("speaker"), Class::Speaker, false));
    let (mut log, mut seats) = (Vec::new(), Vec::new());
    for now in 1..=800 {
        match now {
            1..=300 => drop(world.join(identity(format!("viewer-{now}")), Class::Viewer, true)),
            301..=400 => {}
            _ => {
                let viewer = world.seats.iter().position(|seat| !seat.person.on_stage);
                viewer.map(|index| world.seats.remove(index));
                world.audience.pop();
            }
        }
        for words in second(&mut world, &mut overflow) {
            log.push(format!("{now}: {words}"));
        }
        if [80, 90, 303, 400, 520, 580].contains(&now) {
            seats.push((now, world.seats.len(), world.audience.len()));
        }
        assert!(world.seats.len() <= 93, "nobody finds the room full");
    }
    let (promotions, others): (Vec<&str>, Vec<&str>) =
        log.iter().map(String::as_str).partition(|line| line.contains("promote"));
    let mut expected = vec!["80: start Viewers".to_owned()];
    expected.extend((90..=300).step_by(21).map(|now| format!("{now}: demote 21")));
    expected.push("580: stop Unneeded".to_owned());
    assert_eq!(others, expected);
    assert_eq!(seats, [(80, 81, 0), (90, 91, 0), (303, 70, 231), (400, 70, 231), (520, 62, 0), (580, 2, 0)]);
    assert_eq!((promotions.first(), promotions.last()), (Some(&"401: promote 1"), Some(&"519: promote 3")));
    assert_eq!((world.seats.len(), world.audience.len(), world.refused), (1, 0, 0));
}
