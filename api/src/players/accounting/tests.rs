use proptest::prelude::*;

use super::super::report::reports;
use super::super::session::SILENT_MAX;
use super::*;

/// Virtual time: an accounting, and how long after its beginning it is.
struct World {
    accounting: Accounting,
    began: Instant,
    elapsed: Duration,
}

impl World {
    fn new(sessions_max: usize) -> Self {
        Self { accounting: Accounting::new(sessions_max), began: Instant::now(), elapsed: Duration::ZERO }
    }

    fn now(&self) -> Instant {
        self.began + self.elapsed
    }

    /// `line` without `sid`, of an unverified session unless it begins with `v`.
    fn take(&mut self, room: &str, session: &str, line: &str) -> Taken {
        self.take_of(room, session, line, true)
    }

    fn take_of(&mut self, room: &str, session: &str, line: &str, may_name: bool) -> Taken {
        let room = room.parse().unwrap();
        let player = Player { room: &room, session, is_verified: session.starts_with('v'), may_name };
        let now = self.now();
        self.accounting.take(player, &reports(line).unwrap()[0], now)
    }

    fn unverified(&mut self, room: &str) -> u32 {
        let now = self.now();
        self.accounting.unverified(room, now)
    }

    /// Named rooms, `name: verified players and others that play`; and the same of all others.
    fn playing(&mut self) -> (Vec<String>, String) {
        let now = self.now();
        let overview = self.accounting.overview(|room| !room.starts_with("secret"), now);
        let playing = |counts: &Counts| {
            format!("{}+{}", counts.verified[PlayState::Playing as usize], counts.others[PlayState::Playing as usize])
        };
        let named = overview.named.iter().map(|(room, counts, _)| format!("{room}: {}", playing(counts)));
        (named.collect(), playing(&overview.rest.0))
    }
}

#[test]
fn session_of_an_events_socket_is_not_among_the_unverified() {
    let mut world = World::new(9);
    world.take("demo", "v1", "sta=p");
    world.take("demo", "a", "sta=p");
    world.take("demo", "b", "sta=r");
    world.take("demo", "c", "sta=d");
    assert_eq!((world.unverified("demo"), world.unverified("other")), (2, 0), "c loads ahead");
    assert_eq!(world.playing().0, ["demo: 1+1"]);
}

#[test]
fn player_is_gone_when_it_says_so_or_has_been_silent_and_comes_back() {
    let mut world = World::new(9);
    world.take("demo", "a", "sta=p,ts=1");
    world.take("demo", "b", "sta=p,ts=1");
    world.take("demo", "a", "sta=q,ts=2");
    assert_eq!(world.unverified("demo"), 1);
    world.take("demo", "a", "sta=p,ts=3");
    assert_eq!(world.unverified("demo"), 2, "a page that was left and came back");
    world.elapsed = SILENT_MAX / 2;
    world.take("demo", "b", "e=t,ts=4");
    world.elapsed = SILENT_MAX;
    assert_eq!(world.unverified("demo"), 1);
    world.elapsed = 2 * SILENT_MAX;
    assert_eq!((world.unverified("demo"), world.accounting.others), (0, 0));
    assert_eq!(world.take("demo", "z", "sta=e"), Taken::Counted);
    assert_eq!(world.accounting.others, 0, "a player that only says farewell was never here");
}

#[test]
fn verified_sessions_have_places_of_their_own_and_a_full_table_takes_known_players_alone() {
    let mut world = World::new(2);
    for session in ["a", "b", "v1", "v2"] {
        assert_eq!(world.take("demo", session, "sta=p"), Taken::Counted);
    }
    assert_eq!((world.take("demo", "c", "sta=p"), world.take("other", "v3", "sta=p")), (Taken::Full, Taken::Full));
    assert_eq!((world.take("demo", "b", "sta=a"), world.take("demo", "b", "sta=a")), (Taken::Counted, Taken::Repeated));
    world.elapsed = SILENT_MAX;
    assert_eq!(world.take("demo", "c", "sta=p"), Taken::Counted);
}

#[test]
fn rooms_beyond_a_number_and_those_that_may_not_be_named_are_summed() {
    let mut world = World::new(1000);
    world.take_of("hidden", "a", "sta=p", false);
    world.take("secret", "a", "sta=p");
    for room in 0..ROOMS_NAMED_MAX + 3 {
        world.take(&format!("room-{room}"), "a", "sta=p");
    }
    let (named, rest) = world.playing();
    // The secret one has a place, and may not be named any more.
    assert_eq!((named.len(), rest.as_str()), (ROOMS_NAMED_MAX - 1, "0+6"));
    // Their places are free a while after their last players.
    world.elapsed = SILENT_MAX;
    assert_eq!((world.playing().0.len(), world.accounting.rooms.len()), (ROOMS_NAMED_MAX - 1, ROOMS_NAMED_MAX));
    world.elapsed += LINGER;
    assert_eq!((world.playing(), world.accounting.named), ((vec![], "0+0".to_owned()), 0));
    assert!(world.accounting.rooms.is_empty());
    world.take("late", "a", "sta=p");
    assert_eq!(world.playing().0, ["late: 0+1"]);
}

#[derive(Clone, Debug)]
enum Step {
    Report { room: u8, session: u8, is_verified: bool, state: usize, at_ms: i64, may_name: bool },
    Pass(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let report = (0u8..4, 0u8..12, any::<bool>(), 0usize..9, 0i64..200_000, any::<bool>()).prop_map(
        |(room, session, is_verified, state, at_ms, may_name)| Step::Report {
            room,
            session,
            is_verified,
            state,
            at_ms,
            may_name,
        },
    );
    let pass = (0u64..120).prop_map(Step::Pass);
    prop::collection::vec(prop_oneof![6 => report, 1 => pass], 1..200)
}

proptest! {
    #[test]
    fn counts_are_those_of_the_sessions_whatever_comes(steps in steps()) {
        let mut world = World::new(7);
        for step in steps {
            match step {
                Step::Pass(seconds) => world.elapsed += Duration::from_secs(seconds),
                Step::Report { room, session, is_verified, state, at_ms, may_name } => {
                    let session = format!("{}{session}", if is_verified { "v" } else { "u" });
                    let line = format!("sta={},ts={at_ms}", ["d", "s", "p", "k", "r", "a", "e", "q", "x"][state]);
                    world.take_of(&format!("room-{room}"), &session, &line, may_name);
                }
            }
            let accounting = &world.accounting;
            prop_assert!(accounting.verified <= 7 && accounting.others <= 7 && accounting.named <= ROOMS_NAMED_MAX);
            let mut kept = (0, 0);
            for room in accounting.rooms.values() {
                let mut counts = Counts::default();
                for (is_verified, session) in room.sessions.values() {
                    counts.of(*is_verified)[session.state as usize] += 1;
                    *(if *is_verified { &mut kept.0 } else { &mut kept.1 }) += 1;
                }
                prop_assert_eq!(counts, room.counts);
            }
            prop_assert_eq!(kept, (accounting.verified, accounting.others));
            let named = accounting.rooms.values().filter(|room| room.figures.is_some()).count();
            prop_assert_eq!(named, accounting.named);
        }
    }
}
