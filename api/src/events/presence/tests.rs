use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

fn name(number: u8) -> Identity {
    format!("viewer-{number}").parse().unwrap()
}

fn seated(number: u8, class: Class) -> Seated {
    Seated { identity: name(number), class, performs: false }
}

#[test]
fn identity_with_sockets_and_a_seat_counts_once_and_by_its_seat() {
    let mut presence = Presence::default();
    presence.plays(&name(1), Class::Viewer, 10, Some(Playing::Playing), 5);
    presence.plays(&name(1), Class::Viewer, 11, Some(Playing::Stalled), 6);
    presence.plays(&name(2), Class::Anonymous, 12, Some(Playing::Paused), 7);
    assert_eq!((presence.audience().broadcast, presence.audience().total()), (2, 2));
    presence.seats(&[seated(1, Class::Premium), seated(3, Class::Viewer)]);
    let audience = presence.audience();
    assert_eq!((audience.interactive, audience.broadcast, audience.peak), (2, 1, 3));
    assert_eq!(audience.by_class, [0, 0, 1, 1, 1]);
    assert_eq!(presence.delivery(&name(1)), Some(Delivery::Interactive));
    presence.seats(&[]);
    presence.plays(&name(1), Class::Viewer, 10, None, 8);
    assert_eq!(presence.delivery(&name(1)), Some(Delivery::Broadcast), "its other socket watches");
    presence.plays(&name(1), Class::Viewer, 11, None, 9);
    assert_eq!((presence.delivery(&name(1)), presence.audience().peak, presence.people.len()), (None, 3, 1));
}

#[test]
fn performer_is_no_audience_and_counts_as_soon_as_they_only_watch() {
    let mut presence = Presence::default();
    let performs = |performs| [Seated { performs, ..seated(1, Class::Speaker) }, seated(2, Class::Viewer)];
    presence.seats(&performs(true));
    presence.plays(&name(1), Class::Speaker, 10, Some(Playing::Playing), 5);
    assert_eq!((presence.audience().total(), presence.audience().by_class), (1, [0, 0, 0, 1, 0]));
    assert_eq!(presence.delivery(&name(1)), Some(Delivery::Interactive));
    presence.seats(&performs(false));
    assert_eq!((presence.audience().interactive, presence.audience().broadcast), (2, 0));
    presence.seats(&performs(true));
    assert_eq!((presence.audience().total(), presence.audience().peak), (1, 2));
    presence.seats(&[]);
    assert_eq!(presence.audience().broadcast, 1, "they watch on without their seat");
    presence.leaves(&name(1), 10);
    assert!(presence.people.is_empty());
}

#[test]
fn list_begins_with_those_who_asked_for_a_seat_and_is_bounded() {
    let mut presence = Presence::default();
    for (number, class) in [(1, Class::Anonymous), (2, Class::Premium), (3, Class::Viewer), (4, Class::Viewer)] {
        presence.plays(&name(number), class, number.into(), Some(Playing::Playing), 10 - i64::from(number));
    }
    presence.plays(&name(2), Class::Premium, 2, Some(Playing::Paused), 100);
    presence.asks(&name(3), true, 60);
    presence.asks(&name(3), true, 90);
    presence.asks(&name(1), true, 50);
    let listed = presence.on_broadcast(3);
    let told: Vec<_> = listed.iter().map(|one| (one.identity.as_str(), one.asked_for_seat_utc_ms)).collect();
    assert_eq!(told, [("viewer-1", Some(50)), ("viewer-3", Some(60)), ("viewer-2", None)]);
    let paused = &listed[2];
    assert_eq!((paused.playing, paused.playing_since_utc_ms, paused.since_utc_ms), (Playing::Paused, 100, 8));
    presence.asks(&name(1), false, 70);
    assert_eq!(presence.on_broadcast(9).iter().map(|one| &*one.identity).next(), Some("viewer-3"));
}

proptest! {
    #[test]
    fn counts_are_those_of_a_recount_after_any_steps(
        steps in prop::collection::vec((0..4_u8, 0..6_u8, 0..3_u64, 0..5_usize), 1..200)
    ) {
        let mut presence = Presence::default();
        let (mut seats, mut players) = (BTreeMap::new(), BTreeMap::<u8, Vec<(u64, Class)>>::new());
        let mut peak = 0;
        for (step, who, socket, class) in steps {
            // Numbers of sockets are of one identity each.
            let (class, socket) = (Class::ALL[class], u64::from(who) * 10 + socket);
            let of_who = players.entry(who).or_default();
            match step {
                0 => {
                    of_who.retain(|(number, _)| *number != socket);
                    of_who.push((socket, class));
                    presence.plays(&name(who), class, socket, Some(Playing::Playing), 0);
                }
                1 => {
                    of_who.retain(|(number, _)| *number != socket);
                    presence.plays(&name(who), class, socket, None, 0);
                }
                2 => drop(seats.insert(who, class)),
                _ => drop(seats.remove(&who)),
            }
            let all: Vec<Seated> = seats.iter().map(|(who, class)| seated(*who, *class)).collect();
            presence.seats(&all);
            let watching: BTreeSet<u8> = players.iter().filter(|(_, all)| !all.is_empty()).map(|(who, _)| *who).collect();
            let broadcast: Vec<u8> = watching.into_iter().filter(|who| !seats.contains_key(who)).collect();
            let audience = presence.audience();
            prop_assert_eq!((audience.interactive, audience.broadcast), (seats.len() as u32, broadcast.len() as u32));
            let classes = seats.values().copied().chain(broadcast.iter().map(|who| players[who].last().unwrap().1));
            let mut by_class = [0; 5];
            classes.for_each(|class| by_class[class as usize] += 1);
            prop_assert_eq!(audience.by_class, by_class);
            peak = peak.max(audience.total());
            prop_assert_eq!(audience.peak, peak);
        }
    }
}
