use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn room(number: u8) -> RoomName {
    format!("room-{number}").parse().unwrap()
}

#[test]
fn room_whose_fact_fails_waits_and_others_do_not() {
    let (now, mut backlog) = (Instant::now(), Backlog::new(0));
    for (fact, number) in [(1, 1), (2, 1), (3, 2)] {
        backlog.add(fact, room(number), now);
    }
    assert_eq!((backlog.next(now), backlog.next(now)), (Some((1, room(1))), Some((3, room(2)))));
    assert_eq!(backlog.next(now), None, "the second of a room waits for the first");
    backlog.done(room(2), now);
    assert_eq!(backlog.failed(room(1), now, 0.0), 1);
    assert_eq!((backlog.next(now), backlog.done_up_to()), (None, 0), "told again after a restart");
    let later = now + Duration::from_millis(500);
    assert_eq!((backlog.poll_timeout(), backlog.next(later)), (Some(later), Some((1, room(1)))));
    backlog.done(room(1), later);
    assert_eq!((backlog.done_up_to(), backlog.next(later)), (1, Some((2, room(1)))));
    backlog.done(room(1), later);
    assert_eq!((backlog.done_up_to(), backlog.len(), backlog.poll_timeout()), (3, 0, None));
}

/// A step of a receiver's life.
#[derive(Clone, Copy, Debug)]
enum Step {
    Fact(u8),
    Pass(u32),
    Next,
    /// The attempt of that place among those under way ends, and how.
    End(usize, bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..6_u8).prop_map(Step::Fact),
        (0..90_000_u32).prop_map(Step::Pass),
        Just(Step::Next),
        (any::<usize>(), any::<bool>()).prop_map(|(place, is_told)| Step::End(place, is_told)),
    ]
}

proptest! {
    #[test]
    fn each_rooms_facts_are_told_once_in_their_order_whatever_fails(steps in prop::collection::vec(step(), 0..400)) {
        let (mut now, mut backlog) = (Instant::now(), Backlog::new(0));
        let (mut facts, mut told, mut under_way) = (vec![], vec![], vec![]);
        for step in steps {
            match step {
                Step::Fact(number) => {
                    facts.push((facts.len() as i64 + 1, room(number)));
                    let (fact, room) = facts.last().unwrap().clone();
                    backlog.add(fact, room, now);
                }
                Step::Pass(ms) => now += Duration::from_millis(ms.into()),
                Step::Next => under_way.extend(backlog.next(now)),
                Step::End(..) if under_way.is_empty() => {}
                Step::End(place, is_told) => {
                    let (fact, room): (i64, RoomName) = under_way.swap_remove(place % under_way.len());
                    if is_told {
                        backlog.done(room.clone(), now);
                        told.push((fact, room));
                    } else {
                        backlog.failed(room, now, 0.3);
                    }
                }
            }
            prop_assert!(under_way.len() <= ATTEMPTS_MAX);
            let up_to = backlog.done_up_to();
            prop_assert!(facts.iter().take_while(|(fact, _)| *fact <= up_to).all(|fact| told.contains(fact)));
        }
        for (fact, room) in under_way.drain(..) {
            backlog.done(room.clone(), now);
            told.push((fact, room));
        }
        now += Duration::from_secs(60);
        while let Some((fact, room)) = backlog.next(now) {
            backlog.done(room.clone(), now);
            told.push((fact, room));
        }
        prop_assert_eq!((backlog.len(), backlog.done_up_to()), (0, facts.len() as i64));
        for number in 0..6 {
            let of = |all: &[(i64, RoomName)]| all.iter().filter(|one| one.1 == room(number)).cloned().collect::<Vec<_>>();
            prop_assert_eq!(of(&told), of(&facts));
        }
    }
}
