use std::collections::HashMap;
use std::time::SystemTime;

use proptest::prelude::*;

use super::*;

fn start() -> Now {
    Now { instant: Instant::now(), utc: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000) }
}

fn later(now: Now, ms: u64) -> Now {
    Now { instant: now.instant + Duration::from_millis(ms), utc: now.utc + Duration::from_millis(ms) }
}

fn limits(max: u32, reserved: &[(Class, u32)]) -> SeatLimits {
    SeatLimits { max, reserved: reserved.iter().copied().collect(), ..SeatLimits::default() }
}

fn seats(limits: SeatLimits) -> Seats {
    let mut seats = Seats::new(1000);
    seats.limit(limits);
    seats
}

fn identity(number: u32) -> Identity {
    format!("i{number}").parse().unwrap()
}

/// Lets the identity of that number sit.
fn sit(seats: &mut Seats, number: u32, class: Class, now: Now) -> Result<Sat, NoSeat> {
    let applicant = Applicant { identity: &identity(number), class, leased_until_utc_ms: None };
    seats.sit(applicant, Admission::Open, now)
}

fn lease(seats: &mut Seats, number: u32, class: Class, now: Now) -> Result<bool, NoSeat> {
    let applicant = Applicant { identity: &identity(number), class, leased_until_utc_ms: None };
    seats.lease(applicant, Admission::Open, now)
}

#[test]
fn room_is_full_when_all_seats_are_taken_or_leased() {
    let (mut seats, now) = (seats(limits(2, &[])), start());
    assert_eq!(sit(&mut seats, 1, Class::Viewer, now), Ok(Sat::Newly));
    assert_eq!(lease(&mut seats, 2, Class::Viewer, now), Ok(true));
    assert_eq!(sit(&mut seats, 3, Class::Speaker, now), Err(NoSeat::RoomFull));
    assert!(seats.stand(&identity(1)));
    assert_eq!(sit(&mut seats, 3, Class::Speaker, now), Ok(Sat::Newly));
}

#[test]
fn lease_that_nobody_comes_for_ends_and_a_second_request_prolongs_it() {
    let (mut seats, now) = (seats(limits(1, &[])), start());
    assert_eq!(lease(&mut seats, 1, Class::Viewer, now), Ok(true));
    assert_eq!(lease(&mut seats, 1, Class::Viewer, later(now, 5000)), Ok(false));
    assert_eq!(lease(&mut seats, 2, Class::Viewer, later(now, 14_999)), Err(NoSeat::RoomFull));
    assert_eq!(lease(&mut seats, 2, Class::Viewer, later(now, 15_000)), Ok(true));
    assert_eq!(seats.given().total(), 1);
}

#[test]
fn identity_holds_one_seat_until_its_last_session_ends() {
    let (mut seats, now) = (seats(limits(1, &[])), start());
    assert_eq!(lease(&mut seats, 1, Class::Viewer, now), Ok(true));
    assert_eq!(sit(&mut seats, 1, Class::Viewer, now), Ok(Sat::ByLease));
    assert_eq!(sit(&mut seats, 1, Class::Viewer, now), Ok(Sat::Again));
    assert_eq!(lease(&mut seats, 1, Class::Viewer, now), Ok(false), "who is there needs no lease");
    assert!(!seats.stand(&identity(1)));
    assert_eq!(seats.given().total(), 1);
    assert!(seats.stand(&identity(1)));
    assert!(seats.is_empty() && seats.given().total() == 0);
}

#[test]
fn reserved_seats_are_for_their_class_alone() {
    let (mut seats, now) = (seats(limits(4, &[(Class::Premium, 2)])), start());
    assert_eq!(sit(&mut seats, 1, Class::Viewer, now), Ok(Sat::Newly));
    assert_eq!(sit(&mut seats, 2, Class::Speaker, now), Ok(Sat::Newly));
    assert_eq!(sit(&mut seats, 3, Class::Speaker, now), Err(NoSeat::ClassReserved));
    assert_eq!(sit(&mut seats, 4, Class::Premium, now), Ok(Sat::Newly));
    assert_eq!(sit(&mut seats, 5, Class::Premium, now), Ok(Sat::Newly));
    assert_eq!(sit(&mut seats, 6, Class::Premium, now), Err(NoSeat::RoomFull));
    seats.stand(&identity(1));
    assert_eq!(sit(&mut seats, 6, Class::Premium, now), Ok(Sat::Newly), "beyond its reservation a class is as others");
}

#[test]
fn class_below_the_lowest_gets_no_seat() {
    let mut seats = seats(SeatLimits { lowest_class: Class::Premium, ..limits(10, &[]) });
    assert_eq!(sit(&mut seats, 1, Class::Premium, start()), Ok(Sat::Newly));
    assert_eq!(sit(&mut seats, 2, Class::Viewer, start()), Err(NoSeat::ClassReserved));
}

#[test]
fn lowered_limit_takes_no_seat_away_and_gives_none() {
    let (mut seats, now) = (seats(limits(3, &[])), start());
    (1..=3).for_each(|number| assert_eq!(sit(&mut seats, number, Class::Viewer, now), Ok(Sat::Newly)));
    seats.limit(limits(1, &[(Class::Host, 1)]));
    assert_eq!(seats.given().total(), 3);
    assert_eq!(sit(&mut seats, 3, Class::Viewer, now), Ok(Sat::Again), "a second session of somebody who is there");
    for number in 1..=3 {
        assert!(sit(&mut seats, 9, Class::Viewer, now).is_err());
        seats.stand(&identity(number));
    }
    assert_eq!(sit(&mut seats, 9, Class::Viewer, now), Err(NoSeat::RoomFull), "identity 3 has a session left");
    seats.stand(&identity(3));
    assert_eq!(sit(&mut seats, 9, Class::Viewer, now), Err(NoSeat::ClassReserved));
    assert_eq!(sit(&mut seats, 9, Class::Host, now), Ok(Sat::Newly));
}

#[test]
fn busy_server_takes_speakers_and_hosts_and_a_draining_one_nobody_new() {
    let (mut seats, now) = (seats(limits(0, &[])), start());
    let mut ask = |number, class, admission| {
        seats.sit(Applicant { identity: &identity(number), class, leased_until_utc_ms: None }, admission, now)
    };
    assert_eq!(ask(1, Class::Premium, Admission::Busy), Err(NoSeat::NodeBusy));
    assert_eq!(ask(1, Class::Host, Admission::Busy), Ok(Sat::Newly));
    assert_eq!(ask(2, Class::Speaker, Admission::Draining), Err(NoSeat::NodeDrains));
    assert_eq!(ask(1, Class::Host, Admission::Draining), Ok(Sat::Again));
}

#[test]
fn after_a_restart_leases_of_before_are_honoured_and_nobody_else_is_let_in() {
    let now = start();
    let held_until = later(now, 10_000).utc_ms();
    let mut seats = seats(SeatLimits { held_until_utc_ms: held_until, ..limits(1, &[]) });
    let mut ask = |number, leased_until_utc_ms, now| {
        let applicant = Applicant { identity: &identity(number), class: Class::Viewer, leased_until_utc_ms };
        seats.sit(applicant, Admission::Open, now)
    };
    assert_eq!(ask(1, None, now), Err(NoSeat::NodeBusy));
    assert_eq!(ask(1, Some(now.utc_ms()), now), Err(NoSeat::NodeBusy), "its lease is over");
    assert_eq!(ask(1, Some(held_until), now), Ok(Sat::Newly));
    assert_eq!(ask(2, Some(held_until), now), Err(NoSeat::NodeBusy), "no lease oversells the room");
    assert_eq!(ask(2, Some(i64::MAX), later(now, 10_000)), Err(NoSeat::RoomFull), "from then on no lease counts");
}

#[test]
fn holder_of_a_lease_of_before_who_joins_again_is_given_another() {
    let now = start();
    let held_until = later(now, 10_000).utc_ms();
    let mut seats = seats(SeatLimits { held_until_utc_ms: held_until, ..limits(1, &[]) });
    let mut ask = |number, leased_until_utc_ms| {
        let applicant = Applicant { identity: &identity(number), class: Class::Viewer, leased_until_utc_ms };
        seats.lease(applicant, Admission::Open, now)
    };
    assert_eq!(ask(1, None), Err(NoSeat::NodeBusy));
    assert_eq!((ask(1, Some(held_until)), ask(1, Some(held_until))), (Ok(true), Ok(false)));
    assert_eq!(ask(2, Some(held_until)), Err(NoSeat::NodeBusy), "no lease oversells the room");
}

#[derive(Clone, Debug)]
enum Step {
    Lease(u32, Class),
    Sit(u32, Class),
    Stand(u32),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let class = || prop::sample::select(Class::ALL.to_vec());
    prop_oneof![
        (0..30u32, class()).prop_map(|(number, class)| Step::Lease(number, class)),
        (0..30u32, class()).prop_map(|(number, class)| Step::Sit(number, class)),
        (0..30u32).prop_map(Step::Stand),
        (0..12_000u64).prop_map(Step::Wait),
    ]
}

/// A seat as the model has it: its class, its sessions, and when its lease ends.
type Held = (Class, u32, Option<Instant>);

proptest! {
    /// People come and go in any order: no more seats than there are, none of a class in another's reservation, and
    /// everybody who is told of a seat has it.
    #[test]
    fn no_seat_is_sold_twice(max in 0..12u32, host in 0..4u32, premium in 0..4u32, steps in prop::collection::vec(step(), 1..200)) {
        let reserved = [(Class::Host, host), (Class::Premium, premium)];
        let (mut seats, mut now) = (Seats::new(12), start());
        seats.limit(limits(max, &reserved));
        let (max, mut model) = (seats.limits().max, HashMap::<u32, Held>::new());
        for step in steps {
            match step {
                Step::Lease(number, class) => {
                    if lease(&mut seats, number, class, now).is_ok() {
                        let held = model.entry(number).or_insert((class, 0, None));
                        held.2 = (held.1 == 0).then_some(now.instant + LEASE);
                    }
                }
                Step::Sit(number, class) => {
                    if sit(&mut seats, number, class, now).is_ok() {
                        let held = model.entry(number).or_insert((class, 0, None));
                        (held.1, held.2) = (held.1 + 1, None);
                    }
                }
                Step::Stand(number) => {
                    if let Some(held) = model.get_mut(&number).filter(|held| held.1 > 0) {
                        held.1 -= 1;
                        seats.stand(&identity(number));
                    }
                }
                Step::Wait(ms) => now = later(now, ms),
            }
            seats.expire(now.instant);
            model.retain(|_, (_, sessions, lease)| *sessions > 0 || lease.is_some_and(|until| until > now.instant));
            let count = |of: Class| model.values().filter(|(class, ..)| *class == of).count() as u32;
            for class in Class::ALL {
                prop_assert_eq!(seats.given().get(class), count(class));
            }
            let set_aside: u32 = reserved.iter().map(|(class, reserved)| reserved.saturating_sub(count(*class))).sum();
            prop_assert!(model.len() as u32 <= max);
            // Reservations that exceed the room cannot all be kept.
            prop_assert!(host + premium > max || model.len() as u32 + set_aside <= max);
        }
        for (number, (_, sessions, _)) in model {
            for _ in 0..sessions {
                seats.stand(&identity(number));
            }
        }
        seats.expire(later(now, 60_000).instant);
        prop_assert!(seats.is_empty() && seats.given().total() == 0);
    }
}
