//! Random steps, more or less as often as they happen in rooms, and runs of them.

use std::cell::Cell;
use std::time::Instant;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config as Runs, RngSeed, TestRunner};

use super::compared::Compared;
use super::step::Step::{self, *};
use super::step::{Join, Media, Message};
use super::world::World;

/// Steps of one run, on average: a run begins with nobody.
const STEPS: usize = 120;

fn step() -> impl Strategy<Value = Step> {
    let (who, n, flag) = (any::<u8>, any::<u8>, any::<bool>);
    let mostly = || proptest::bool::weighted(0.8);
    let seldom = || proptest::bool::weighted(0.15);
    let join = (who(), n(), flag(), mostly(), mostly(), seldom(), mostly()).prop_map(
        |(who, room, single, publishes, subscribes, hidden, auto)| {
            Step::Join(Join { who, room, single, publishes, subscribes, hidden, auto })
        },
    );
    let whip = (who(), n(), flag(), seldom()).prop_map(|(who, room, video, hidden)| Whip { who, room, video, hidden });
    let flips = vec((any::<u16>(), 0u8..8), 0..4);
    let garbled = (who(), any::<u8>(), flips).prop_map(|(who, kind, flips)| Garbled { who, kind, flips });
    let media = prop_oneof![2 => Just(Media::Sound), 1 => Just(Media::Picture), 1 => Just(Media::Simulcast)];
    let message = prop_oneof![
        2 => Just(Message::Lossy),
        4 => Just(Message::Reliable),
        1 => Just(Message::Large),
        2 => Just(Message::Numbered),
        1 => Just(Message::Again),
    ];
    let bytes = || vec(any::<u8>(), 0..8);
    let raw = prop_oneof![
        (who(), bytes()).prop_map(|(who, bytes)| Frame(who, bytes)),
        (n(), bytes()).prop_map(|(n, bytes)| Data(n, bytes)),
        (flag(), bytes()).prop_map(|(publishes, bytes)| Post(publishes, bytes)),
        (n(), bytes()).prop_map(|(n, bytes)| Patch(n, bytes)),
    ];
    let coming = prop_oneof![
        8 => join,
        2 => who().prop_map(LoseSocket),
        3 => who().prop_map(Resume),
        2 => who().prop_map(Leave),
        1 => who().prop_map(Stale),
        4 => whip,
        3 => (who(), n()).prop_map(|(who, room)| Whep { who, room }),
        2 => n().prop_map(EndSession),
        1 => n().prop_map(Restart),
    ];
    let wishes = prop_oneof![
        8 => (who(), media).prop_map(|(who, media)| Publish(who, media)),
        2 => (who(), n()).prop_map(|(who, n)| Unpublish(who, n)),
        1 => (who(), n()).prop_map(|(who, n)| ChangeSsrcs(who, n)),
        10 => who().prop_map(Answer),
        6 => who().prop_map(Offer),
        2 => (who(), n(), flag()).prop_map(|(who, n, muted)| Mute(who, n, muted)),
        2 => (who(), n(), flag()).prop_map(|(who, n, on)| Subscribe(who, n, on)),
        3 => (who(), n(), n()).prop_map(|(who, track, size)| Setting(who, track, size)),
        2 => (who(), flag()).prop_map(|(who, all)| Audience(who, all)),
        1 => (who(), n()).prop_map(|(who, n)| Rename(who, n)),
        4 => garbled,
        1 => raw,
    ];
    let server = prop_oneof![
        1 => (who(), n(), flag()).prop_map(|(who, n, muted)| MuteByServer(who, n, muted)),
        2 => (who(), flag(), flag()).prop_map(|(who, publish, subscribe)| Permit(who, publish, subscribe)),
        1 => who().prop_map(Remove),
        1 => n().prop_map(CloseRoom),
        1 => n().prop_map(SendAway),
        3 => (who(), n(), n()).prop_map(|(who, room, class)| Lease { who, room, class }),
        2 => (n(), n(), n()).prop_map(|(room, max, reserved)| LimitSeats { room, max, reserved }),
        1 => who().prop_map(Demote),
        1 => n().prop_map(Admit),
    ];
    let plane = prop_oneof![
        16 => Just(Connect),
        6 => Just(TellGone),
        1 => n().prop_map(Break),
        2 => (n(), n()).prop_map(|(peer, step)| Loudness(peer, step)),
        6 => n().prop_map(OpenData),
        6 => (n(), message).prop_map(|(n, message)| Step::Message(n, message)),
    ];
    let time = prop_oneof![
        4 => (0u16..3000).prop_map(Wait),
        1 => (-100_000i32..100_000).prop_map(SetClock),
        4 => Just(Settle),
    ];
    prop_oneof![26 => coming, 42 => wishes, 12 => server, 36 => plane, 9 => time]
}

#[test]
fn whatever_people_do_everybody_knows_what_is_so_and_gets_what_they_are_to_get() {
    let steps: usize = std::env::var("ROOM_STEPS").ok().and_then(|steps| steps.parse().ok()).unwrap_or(200_000);
    let mut runs = Runs { cases: (steps / STEPS).max(1) as u32, failure_persistence: None, ..Runs::default() };
    if runs.rng_seed == RngSeed::Random {
        runs.rng_seed = RngSeed::Fixed(rand::random());
    }
    let RngSeed::Fixed(seed) = runs.rng_seed else { unreachable!() };
    runs.max_shrink_iters = 20_000;
    println!("PROPTEST_RNG_SEED={seed}");
    let (began, taken, compared) = (Instant::now(), Cell::new(0), Cell::new(Compared::default()));
    let result = TestRunner::new(runs).run(&vec(step(), 1..2 * STEPS), |steps| {
        let mut world = World::new();
        let result = world.run(&steps).map_err(TestCaseError::fail);
        taken.set(taken.get() + steps.len());
        compared.set(compared.get() + world.compared);
        result
    });
    let (seconds, compared) = (began.elapsed().as_secs_f64(), compared.get());
    println!("{} steps in {seconds:.1} s, {:.0} a second; {compared:?}", taken.get(), taken.get() as f64 / seconds);
    if let Err(failure) = result {
        panic!("PROPTEST_RNG_SEED={seed}: {failure}");
    }
    if steps >= 10_000 {
        let Compared { people, tracks, qualities, messages, resumed } = compared;
        assert!([people, tracks, qualities, messages, resumed].iter().all(|count| *count > 0), "{compared:?}");
    }
}
