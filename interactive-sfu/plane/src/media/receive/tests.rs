use super::*;

fn ms(start: Instant, ms: u64) -> Instant {
    start + Duration::from_millis(ms)
}

#[test]
fn a_gap_is_asked_for_after_the_time_of_reordering_and_again() {
    let (mut r, t) = (Reception::new(90_000), Instant::now());
    for s in [100, 101, 104] {
        assert_eq!(r.arrived(s, 0, (100, 100), t, false), Arrival::Wanted);
    }
    assert_eq!(r.nacks(ms(t, 7)), [0u16; 0]);
    assert_eq!(r.arrived(102, 0, (100, 100), ms(t, 7), false), Arrival::Wanted);
    assert_eq!(r.nacks(ms(t, 8)), [103]);
    assert_eq!(r.nacks(ms(t, 9)), [0u16; 0]);
    assert_eq!(r.nacks(ms(t, 68)), [103]);
    assert_eq!(r.arrived(103, 0, (100, 100), ms(t, 80), true), Arrival::Wanted);
    assert_eq!(r.arrived(103, 0, (100, 100), ms(t, 81), true), Arrival::Duplicate);
    assert_eq!(r.nacks(ms(t, 500)), [0u16; 0]);
}

#[test]
fn packet_that_is_too_late_is_given_up() {
    let (mut r, t) = (Reception::new(90_000), Instant::now());
    r.arrived(1, 0, (100, 100), t, false);
    r.arrived(3, 0, (100, 100), t, false);
    assert_eq!(r.nacks(ms(t, 999)), [2]);
    assert_eq!(r.nacks(ms(t, 1000)), [0u16; 0]);
    assert_eq!(r.arrived(2, 0, (100, 100), ms(t, 1001), true), Arrival::Duplicate);
}

#[test]
fn a_wide_gap_wants_a_keyframe_and_no_thousand_requests() {
    let (mut r, t) = (Reception::new(90_000), Instant::now());
    r.arrived(1, 0, (100, 100), t, false);
    assert_eq!(r.arrived(5000, 0, (100, 100), t, false), Arrival::WantedAfterBreak);
    assert_eq!(r.nacks(ms(t, 100)), [0u16; 0]);
    assert_eq!(r.arrived(5001, 0, (100, 100), t, false), Arrival::Wanted);
}

#[test]
fn reports_count_losses_of_each_interval() {
    let (mut r, t) = (Reception::new(90_000), Instant::now());
    assert_eq!(r.report(9), None);
    (0..100).filter(|s| s % 10 != 5).for_each(|s| {
        r.arrived(1000 + s, 0, (100, 100), t, false);
    });
    let block = r.report(9).unwrap();
    assert_eq!((block.ssrc, block.fraction_lost, block.lost, block.highest_sequence), (9, 25, 10, 1099));
    (100..200).for_each(|s| {
        r.arrived(1000 + s, 0, (100, 100), t, false);
    });
    let block = r.report(9).unwrap();
    assert_eq!((block.fraction_lost, block.lost), (0, 10));
}

#[test]
fn a_steady_source_has_no_jitter_and_an_uneven_one_has() {
    let (mut steady, mut uneven, t) = (Reception::new(90_000), Reception::new(90_000), Instant::now());
    for i in 0..200u64 {
        let timestamp = i as u32 * 3000;
        steady.arrived(i, timestamp, (100, 100), t + Duration::from_micros(i * 100_000 / 3), false);
        uneven.arrived(i, timestamp, (100, 100), t + Duration::from_micros(i * 100_000 / 3 + (i % 2) * 10_000), false);
    }
    let jitter = |r: &mut Reception| r.report(1).unwrap().jitter;
    assert!(jitter(&mut steady) <= 1);
    assert!((800..1000).contains(&jitter(&mut uneven)));
}

#[test]
fn padding_and_repeated_packets_count_as_received_but_not_as_media() {
    let (mut r, t) = (Reception::new(90_000), Instant::now());
    r.meter(t);
    r.arrived(7, 0, (1000, 1000), t, false);
    assert_eq!(r.arrived(7, 0, (1000, 1000), ms(t, 900), true), Arrival::Duplicate);
    r.arrived(8, 0, (1000, 0), t, false);
    r.meter(ms(t, 1000));
    assert_eq!((r.bits_per_second(), r.media_bits_per_second()), (24_000, 8_000));
    assert!(!r.is_live(ms(t, 1000), Duration::from_millis(500)));
}

#[test]
fn bit_rate_is_that_of_arriving_packets() {
    let (mut r, t) = (Reception::new(90_000), Instant::now());
    r.meter(t);
    (0..100).for_each(|s| {
        r.arrived(s, 0, (1250, 1250), t, false);
    });
    r.meter(ms(t, 1000));
    assert_eq!((r.bits_per_second(), r.media_bits_per_second()), (1_000_000, 1_000_000));
}
