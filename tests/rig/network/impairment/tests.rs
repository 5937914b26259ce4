use super::*;

const MS: Duration = Duration::from_millis(1);

/// What becomes of so many packets of 1,250 bytes, one each `every`, in time since the first one entered.
fn fates(impairment: Impairment, seed: u64, count: u32, every: Duration) -> Vec<Fate> {
    let (mut path, start) = (Path::new(seed), Instant::now());
    (0..count).map(|n| path.send(&impairment, 1250, start + every * n)).collect()
}

/// How long each of these packets took; `None` if it did not arrive.
fn delays(impairment: Impairment, count: u32, every: Duration) -> Vec<Option<Duration>> {
    let (mut path, start) = (Path::new(7), Instant::now());
    let delay = |n| match path.send(&impairment, 1250, start + every * n) {
        Fate::Delivered { at, .. } => Some(at - (start + every * n)),
        _ => None,
    };
    (0..count).map(delay).collect()
}

fn count(fates: &[Fate], is: fn(&Fate) -> bool) -> usize {
    fates.iter().filter(|fate| is(fate)).count()
}

#[test]
fn shares_come_out_as_asked() {
    let bad = Impairment { loss: 0.1, reorder: 0.2, reorder_by_max: 30 * MS, duplicate: 0.05, ..Impairment::default() };
    let fates = fates(bad, 7, 10_000, MS);
    assert!((900..1100).contains(&count(&fates, |fate| *fate == Fate::Lost)));
    let held_back = |fate: &Fate| matches!(fate, Fate::Delivered { held_back: true, .. });
    assert!((1600..2000).contains(&count(&fates, held_back)));
    let twice = |fate: &Fate| matches!(fate, Fate::Delivered { again: Some(_), .. });
    assert!((380..520).contains(&count(&fates, twice)));
}

#[test]
fn the_same_seed_gives_the_same_fates_and_another_seed_others() {
    let bad = Impairment { loss: 0.3, jitter: 5 * MS, ..Impairment::default() };
    let start = Instant::now();
    let draw = |seed| {
        let mut path = Path::new(seed);
        (0..1000).map(|n| path.send(&bad, 100, start + MS * n)).collect::<Vec<_>>()
    };
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
}

#[test]
fn a_perfect_network_delivers_at_once_and_once() {
    let (mut path, now) = (Path::new(1), Instant::now());
    let fate = path.send(&Impairment::default(), 1500, now);
    assert_eq!(fate, Fate::Delivered { at: now, again: None, held_back: false });
}

#[test]
fn one_share_leaves_the_pattern_of_the_others_as_it_is() {
    let lost = |impairment| {
        let fates = fates(impairment, 3, 1000, MS);
        fates.iter().enumerate().filter(|(_, fate)| **fate == Fate::Lost).map(|(n, _)| n).collect::<Vec<_>>()
    };
    let alone = lost(Impairment::lossy(0.05));
    assert!(!alone.is_empty());
    let bursts = Some(Bursts { begin: 1.0, end: 0.0, loss: 0.0 });
    let among =
        Impairment { loss: 0.05, bursts, reorder: 0.5, duplicate: 0.5, jitter: 9 * MS, ..Impairment::default() };
    assert_eq!(lost(among), alone);
}

#[test]
fn bursts_have_the_length_and_the_share_asked_for() {
    let bursts = Impairment { bursts: Some(Bursts::of(8.0, 0.1)), ..Impairment::default() };
    let fates = fates(bursts, 11, 100_000, MS);
    let lost = count(&fates, |fate| *fate == Fate::Lost);
    let bursts = fates.windows(2).filter(|two| two[0] != Fate::Lost && two[1] == Fate::Lost).count();
    assert!((9_000..11_000).contains(&lost), "{lost} lost");
    let length = lost as f64 / bursts as f64;
    assert!((7.0..9.0).contains(&length), "bursts of {length} packets");
}

#[test]
fn jitter_adds_up_to_its_maximum_and_keeps_the_order() {
    let jittery = Impairment { delay: 30 * MS, jitter: 20 * MS, ..Impairment::default() };
    let delays: Vec<_> = delays(jittery, 1000, MS).into_iter().flatten().collect();
    assert_eq!(delays.len(), 1000);
    assert!(delays.iter().all(|delay| (30 * MS..=50 * MS).contains(delay)));
    assert!(delays.windows(2).all(|two| two[0] <= two[1] + MS), "a packet has overtaken another");
    assert!(delays.iter().any(|delay| *delay < 40 * MS) && delays.iter().any(|delay| *delay > 45 * MS));
}

#[test]
fn packets_overtake_those_that_are_held_back_and_no_others() {
    let reordering = Impairment { reorder: 0.1, reorder_by_max: 20 * MS, ..Impairment::default() };
    let (mut newest, mut overtaken) = (None, 0);
    for fate in fates(reordering, 5, 1000, MS) {
        let Fate::Delivered { at, held_back, .. } = fate else { panic!("{fate:?}") };
        if held_back {
            overtaken += 1;
        } else {
            assert!(newest.is_none_or(|newest| newest <= at));
            newest = Some(at);
        }
    }
    assert!((70..130).contains(&overtaken), "{overtaken} held back");
}

#[test]
fn a_limit_spaces_packets_and_drops_what_its_queue_does_not_hold() {
    // 1,250 bytes in a millisecond; 4 wait, one is on its way.
    let limit = Some(Limit::with_queue_bytes(10_000_000, 5000));
    let limited = Impairment { limit, delay: 10 * MS, ..Impairment::default() };
    let at_once = delays(limited, 8, Duration::ZERO);
    let expected = [11, 12, 13, 14, 15].map(|ms| Some(MS * ms));
    assert_eq!(at_once, [&expected[..], &[None; 3]].concat());
    // At its own rate it carries everything, for as long as one likes.
    assert!(delays(limited, 1000, MS).iter().all(|delay| *delay == Some(11 * MS)));
}

#[test]
fn a_changed_limit_and_delay_count_from_the_next_packet_on_and_the_order_stays() {
    let (mut path, start) = (Path::new(1), Instant::now());
    let mut arrival = |impairment: Impairment, ms: u32| match path.send(&impairment, 1250, start + MS * ms) {
        Fate::Delivered { at, .. } => at - start,
        fate => panic!("{fate:?}"),
    };
    let limit = Limit { bits_per_second: 1_000_000, queue: 100 * MS };
    assert_eq!(arrival(Impairment { limit: Some(limit), ..Impairment::default() }, 0), 10 * MS);
    assert_eq!(arrival(Impairment::slow(50 * MS), 1), 51 * MS);
    assert_eq!(arrival(Impairment::default(), 2), 51 * MS);
    assert_eq!(arrival(Impairment::default(), 60), 60 * MS);
}
