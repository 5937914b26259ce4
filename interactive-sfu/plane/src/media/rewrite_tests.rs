use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use codec_headers::vp8;
use proptest::prelude::*;

use super::*;
use crate::media::packet::LayerPosition;

fn packet(sequence: u64, timestamp: u32) -> Packet {
    Packet {
        sequence,
        timestamp,
        marker: false,
        keyframe: false,
        place: LayerPosition::default(),
        vp8: None,
        red_primary: 0,
        descriptor: None,
        payload: Arc::new([1]),
        arrived: Instant::now(),
    }
}

fn picture(sequence: u64, picture_id: u16, tl0: u8) -> Packet {
    let vp8 = vp8::Descriptor {
        picture_id: Some(picture_id),
        long_picture_id: true,
        tl0_pic_idx: Some(tl0),
        ..Default::default()
    };
    Packet { vp8: Some(vp8), ..packet(sequence, 0) }
}

fn rewriter() -> Rewriter {
    Rewriter::new(FirstNumbers { sequence: 2000, timestamp: 77 })
}

#[test]
fn a_switch_goes_on_where_the_last_layer_ended() {
    let mut r = rewriter();
    let first = packet(500, 9000);
    assert_eq!(r.rewrite(0, &first), None, "nothing is forwarded before the first switch");
    r.switch(0, &first, None);
    assert_eq!(r.rewrite(0, &first), Some(Numbers { index: 2000, timestamp: 77, vp8: None, frame: None }));
    assert_eq!(r.rewrite(0, &packet(503, 12_000)).map(|n| (n.index, n.timestamp)), Some((2003, 3077)));
    let other = packet(70_000, 5);
    r.switch(2, &other, Some(4000));
    assert_eq!(r.rewrite(2, &other).map(|n| (n.index, n.timestamp)), Some((2004, 4000)));
    assert_eq!(r.rewrite(0, &packet(502, 12_000)).map(|n| n.index), Some(2002), "late, of the old layer");
    assert_eq!(r.rewrite(0, &packet(504, 15_000)), None, "its number is taken");
    assert_eq!(r.rewrite(2, &packet(69_999, 5)), None, "before its epoch");
}

#[test]
fn packet_that_was_sent_is_found_by_its_number() {
    let mut r = rewriter();
    r.switch(0, &packet(500, 0), None);
    (500..600).for_each(|s| {
        r.rewrite(0, &packet(s, 0));
    });
    r.switch(1, &packet(9000, 0), Some(100));
    (9000..9010).for_each(|s| {
        r.rewrite(1, &packet(s, 0));
    });
    for (sequence, expected) in [
        (2000, Some((0, 500, 2000))),
        (2099, Some((0, 599, 2099))),
        (2100, Some((1, 9000, 2100))),
        (2110, None),
        (1999, None),
    ] {
        assert_eq!(r.source_of(sequence), expected, "{sequence}");
    }
    r.leave_source();
    assert_eq!(r.source_of(2100), None);
}

#[test]
fn picture_ids_stay_consecutive_across_layers() {
    let mut r = rewriter();
    r.switch(0, &picture(1, 32_766, 254), None);
    let ids: Vec<_> = (0..3u16)
        .map(|i| {
            r.rewrite(0, &picture(1 + u64::from(i), (32_766 + i) & 0x7fff, 254u8.wrapping_add(i as u8)))
                .unwrap()
                .vp8
                .unwrap()
        })
        .collect();
    assert_eq!(ids, [(1, 1), (2, 2), (3, 3)]);
    let next = picture(900, 5, 200);
    r.switch(1, &next, Some(3000));
    assert_eq!(r.rewrite(1, &next).unwrap().vp8, Some((4, 4)));
}

proptest! {
    #[test]
    fn no_number_is_used_for_two_packets_and_none_below_the_first(
        steps in proptest::collection::vec((0usize..3, 0u64..40, any::<bool>(), any::<bool>()), 1..300)
    ) {
        let mut r = rewriter();
        let (mut at, mut sent) = ([1_000u64, 90_000, 65_530], HashSet::new());
        let mut forwarded = HashSet::new();
        for (layer, step, switch, late) in steps {
            let sequence = if late { at[layer].saturating_sub(step) } else { at[layer] += step; at[layer] };
            // A publisher's packet reaches a subscriber once.
            if !forwarded.insert((layer, sequence)) { continue }
            let p = packet(sequence, 0);
            if switch { r.switch(layer, &p, Some(0)); }
            if let Some(numbers) = r.rewrite(layer, &p) {
                prop_assert!(numbers.index >= 2000);
                prop_assert!(sent.insert(numbers.index), "{} twice", numbers.index);
                prop_assert_eq!(r.again(numbers.index, &p), Some(numbers));
            }
        }
    }
}

#[test]
fn another_layer_of_the_same_sequence_goes_on_with_its_numbers() {
    let mut rewriter = rewriter();
    rewriter.switch(0, &picture(100, 7, 3), None);
    rewriter.rewrite(0, &picture(100, 7, 3));
    let last = rewriter.rewrite(0, &Packet { timestamp: 3000, ..picture(101, 8, 4) }).unwrap();
    // In the other layer the next picture is the ninetieth packet.
    let next = Packet { timestamp: 6000, ..picture(90, 5, 4) };
    rewriter.go_on(2, &next);
    let numbers = rewriter.rewrite(2, &next).unwrap();
    assert_eq!((numbers.index, numbers.timestamp), (last.index + 1, last.timestamp + 3000));
    let ((before, tl0_before), (picture_id, tl0)) = (last.vp8.unwrap(), numbers.vp8.unwrap());
    assert_eq!((picture_id, tl0), (before + 1, tl0_before), "the same base picture");
    assert_eq!(rewriter.rewrite(0, &picture(102, 9, 4)), None, "its place is taken");
}
