//! The simulated room: rooms and their driver without sockets and threads, in virtual time.
//!
//! Random people of both protocols come, lose their socket, resume, publish, mute, are moderated, and go; peer
//! connections come up and break; clocks jump. After each step nothing may be ordered of a peer that is not there, and
//! when all is said and answered, what everybody was told equals what is so, and everybody is sent what they are to be
//! sent. When all have left, nothing remains.
//!
//! `ROOM_STEPS` sets how many steps are taken, `PROPTEST_RNG_SEED` repeats them; a sequence that fails is shortened and
//! printed.

mod checks;
mod client;
mod compared;
mod descriptions;
mod garbled;
mod plane;
mod remains;
mod rules;
mod seats;
mod steps;
mod world;

use std::cell::Cell;
use std::time::Instant;

use proptest::prelude::*;
use proptest::test_runner::{Config as Runs, RngSeed, TestRunner};

use compared::Compared;
use world::World;

/// Steps of one run, on average: a run begins with nobody.
const STEPS: usize = 120;

/// One thing that happens. Small numbers name people, rooms and tracks, as many as there are.
#[derive(Clone, Debug)]
enum Step {
    Join {
        who: u8,
        room: u8,
        single: bool,
        publishes: bool,
        subscribes: bool,
        hidden: bool,
        auto: bool,
    },
    LoseSocket(u8),
    Resume(u8),
    Leave(u8),
    /// A request of a connection that another has replaced.
    Stale(u8),
    Publish(u8, bool),
    Unpublish(u8, u8),
    Answer(u8),
    Offer(u8),
    Mute(u8, u8, bool),
    Subscribe(u8, u8, bool),
    Setting(u8, u8, bool),
    Audience(u8, bool),
    Rename(u8, u8),
    MuteByServer(u8, u8, bool),
    Permit(u8, bool, bool),
    Remove(u8),
    CloseRoom(u8),
    Whip {
        who: u8,
        room: u8,
        video: bool,
        hidden: bool,
    },
    Whep {
        who: u8,
        room: u8,
    },
    EndSession(u8),
    /// A seat is leased.
    Lease {
        who: u8,
        room: u8,
        class: u8,
    },
    /// A room's seats are limited.
    LimitSeats {
        room: u8,
        max: u8,
        reserved: u8,
    },
    /// Somebody is moved to the broadcast.
    Demote(u8),
    /// The server lets people in otherwise.
    Admit(u8),
    Restart(u8),
    /// A peer connection comes up, if one can.
    Connect,
    /// The media plane tells of one that is gone.
    TellGone,
    /// A peer connection breaks.
    Break(u8),
    Loudness(u8, u8),
    OpenData(u8),
    Message(u8),
    Wait(u16),
    /// The wall clock is set.
    SetClock(i32),
    /// A request of a kind, some of whose bits are turned round.
    Garbled {
        who: u8,
        kind: u8,
        flips: Vec<(u16, u8)>,
    },
    /// Until nothing is left to be said.
    Settle,
}

fn step() -> impl Strategy<Value = Step> {
    use Step::*;
    let (who, n, flag) = (any::<u8>, any::<u8>, any::<bool>);
    let mostly = || proptest::bool::weighted(0.8);
    let seldom = || proptest::bool::weighted(0.15);
    let join = (who(), n(), flag(), mostly(), mostly(), seldom(), mostly()).prop_map(
        |(who, room, single, publishes, subscribes, hidden, auto)| Join {
            who,
            room,
            single,
            publishes,
            subscribes,
            hidden,
            auto,
        },
    );
    let whip = (who(), n(), flag(), seldom()).prop_map(|(who, room, video, hidden)| Whip { who, room, video, hidden });
    let flips = proptest::collection::vec((any::<u16>(), 0u8..8), 0..4);
    let garbled = (who(), any::<u8>(), flips).prop_map(|(who, kind, flips)| Garbled { who, kind, flips });
    prop_oneof![
        8 => join,
        2 => who().prop_map(LoseSocket),
        3 => who().prop_map(Resume),
        2 => who().prop_map(Leave),
        1 => who().prop_map(Stale),
        8 => (who(), flag()).prop_map(|(who, video)| Publish(who, video)),
        2 => (who(), n()).prop_map(|(who, n)| Unpublish(who, n)),
        10 => who().prop_map(Answer),
        6 => who().prop_map(Offer),
        2 => (who(), n(), flag()).prop_map(|(who, n, muted)| Mute(who, n, muted)),
        2 => (who(), n(), flag()).prop_map(|(who, n, on)| Subscribe(who, n, on)),
        2 => (who(), n(), flag()).prop_map(|(who, n, off)| Setting(who, n, off)),
        2 => (who(), flag()).prop_map(|(who, all)| Audience(who, all)),
        1 => (who(), n()).prop_map(|(who, n)| Rename(who, n)),
        1 => (who(), n(), flag()).prop_map(|(who, n, muted)| MuteByServer(who, n, muted)),
        2 => (who(), flag(), flag()).prop_map(|(who, publish, subscribe)| Permit(who, publish, subscribe)),
        1 => who().prop_map(Remove),
        1 => n().prop_map(CloseRoom),
        4 => whip,
        3 => (who(), n()).prop_map(|(who, room)| Whep { who, room }),
        2 => n().prop_map(EndSession),
        3 => (who(), n(), n()).prop_map(|(who, room, class)| Lease { who, room, class }),
        2 => (n(), n(), n()).prop_map(|(room, max, reserved)| LimitSeats { room, max, reserved }),
        1 => who().prop_map(Demote),
        1 => n().prop_map(Admit),
        1 => n().prop_map(Restart),
        16 => Just(Connect),
        6 => Just(TellGone),
        1 => n().prop_map(Break),
        2 => (n(), n()).prop_map(|(peer, step)| Loudness(peer, step)),
        2 => n().prop_map(OpenData),
        2 => n().prop_map(Message),
        4 => (0u16..3000).prop_map(Wait),
        1 => (-100_000i32..100_000).prop_map(SetClock),
        4 => garbled,
        4 => Just(Settle),
    ]
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
    let result = TestRunner::new(runs).run(&proptest::collection::vec(step(), 1..2 * STEPS), |steps| {
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
        assert!(compared.people > 0 && compared.tracks > 0 && compared.resumed > 0, "nothing was compared");
    }
}
