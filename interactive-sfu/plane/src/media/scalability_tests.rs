use codec_headers::vp9;

use super::*;

fn vp8(sequence: u64, picture: u16, temporal: u8, sync: bool) -> Arc<Packet> {
    let descriptor = vp8::Descriptor {
        start: true,
        picture_id: Some(picture),
        tid: Some(temporal),
        layer_sync: sync,
        ..Default::default()
    };
    packet(sequence, LayerPosition::of(VideoCodec::Vp8, &[], true, Some(&descriptor)), Some(descriptor))
}

fn packet(sequence: u64, place: LayerPosition, vp8: Option<vp8::Descriptor>) -> Arc<Packet> {
    Arc::new(Packet {
        sequence,
        timestamp: 0,
        marker: false,
        keyframe: false,
        place,
        vp8,
        red_primary: 0,
        descriptor: None,
        payload: Arc::new([1]),
        arrived: Instant::now(),
    })
}

/// The packet that goes out: number, picture id, whether it has a payload.
fn out(thinner: &mut LayerFilter, packet: &Arc<Packet>) -> Option<(u64, Option<u16>, bool)> {
    let thinned = thinner.thin(packet)?;
    Some((thinned.sequence, thinned.vp8.and_then(|d| d.picture_id), !thinned.payload.is_empty()))
}

#[test]
fn thinned_sequence_has_no_gaps() {
    let mut base = LayerFilter::new(Variant { temporal: 0, ..Variant::whole(0) });
    // Temporal layers 0 2 1 2, one packet a picture.
    let thinned: Vec<_> =
        (0..8).filter_map(|i| out(&mut base, &vp8(100 + i, i as u16, [0, 2, 1, 2][i as usize % 4], false))).collect();
    assert_eq!(thinned, [(100, Some(0), true), (101, Some(1), true)]);
    let mut half = LayerFilter::new(Variant { temporal: 1, ..Variant::whole(0) });
    let thinned: Vec<_> =
        (0..8).filter_map(|i| out(&mut half, &vp8(100 + i, i as u16, [0, 2, 1, 2][i as usize % 4], false))).collect();
    assert_eq!(
        thinned.iter().map(|(number, picture, _)| (*number, picture.unwrap())).collect::<Vec<_>>(),
        [(100, 0), (101, 1), (102, 2), (103, 3)]
    );
}

#[test]
fn late_packet_keeps_its_number_and_excluded_packet_leaves_a_hole() {
    let mut base = LayerFilter::new(Variant { temporal: 0, ..Variant::whole(0) });
    assert_eq!(out(&mut base, &vp8(10, 0, 0, false)), Some((10, Some(0), true)));
    assert_eq!(out(&mut base, &vp8(11, 1, 2, false)), None);
    // 12 and 13 are missing, of nobody knows which layer.
    assert_eq!(out(&mut base, &vp8(14, 4, 0, false)), Some((13, Some(3), true)));
    assert_eq!(out(&mut base, &vp8(15, 5, 2, false)), None);
    assert_eq!(out(&mut base, &vp8(16, 6, 0, false)), Some((14, Some(4), true)));
    assert_eq!(out(&mut base, &vp8(13, 3, 0, false)), Some((12, Some(2), true)));
    assert_eq!(out(&mut base, &vp8(12, 2, 2, false)), Some((11, Some(1), false)), "it was counted");
    // So long ago that nobody remembers.
    for i in 0..2 * BREAKS_MAX as u64 {
        out(&mut base, &vp8(20 + 2 * i, 0, 0, false));
        out(&mut base, &vp8(21 + 2 * i, 0, 2, false));
    }
    assert_eq!(out(&mut base, &vp8(17, 7, 0, false)), None);
}

fn vp9(sequence: u64, spatial: u8, begin: bool, end: bool) -> Arc<Packet> {
    let d = vp9::Descriptor { spatial_id: Some(spatial), temporal_id: Some(0), begin, end, ..Default::default() };
    packet(sequence, LayerPosition::of_vp9(&d, end && spatial == 2), None)
}

#[test]
fn a_smaller_picture_ends_where_its_last_layer_does() {
    let mut small = LayerFilter::new(Variant { spatial: 1, ..Variant::whole(0) });
    let layers = [(0, true, true), (1, true, false), (1, false, true), (2, true, false), (2, false, true)];
    let markers: Vec<bool> = (0..10)
        .filter_map(|i| {
            let (spatial, begin, end) = layers[i as usize % 5];
            small.thin(&vp9(i, spatial, begin, end)).map(|thinned| thinned.marker)
        })
        .collect();
    assert_eq!(markers, [false, false, true, false, false, true]);
}

#[test]
fn with_fewer_pictures_one_goes_on_at_any_and_with_more_where_references_allow() {
    let variant = |temporal| Variant { temporal, ..Variant::whole(0) };
    let may = |from, to, temporal, sync| variant(to).may_follow(&variant(from), &vp8(0, 0, temporal, sync).place);
    assert!(may(2, 0, 0, false));
    assert!(!may(0, 2, 1, false) && may(0, 2, 1, true));
    assert!(!may(0, 2, 2, true), "the layer between is missing");
    assert!(may(1, 2, 2, true));
    let other = Variant { source: 1, ..variant(0) };
    assert!(!other.may_follow(&variant(2), &vp8(0, 0, 0, true).place), "that is another sequence");
    let larger = Variant { spatial: 1, ..Variant::whole(0) };
    let smaller = Variant { spatial: 0, ..Variant::whole(0) };
    let first = vp9(0, 0, true, true).place;
    assert!(smaller.may_follow(&larger, &first) && !larger.may_follow(&smaller, &first), "that takes a keyframe");
}

#[test]
fn variants_follow_the_codec() {
    assert_eq!(variants(Some(VideoCodec::H264), 3), [0, 1, 2].map(Variant::whole));
    assert_eq!(variants(Some(VideoCodec::Vp8), 3).len(), 3 + 3 * 2);
    assert_eq!(variants(Some(VideoCodec::Vp9), 2).len(), 2 + 2 * 8);
    assert_eq!(variants(None, 1).len(), 1);
}

#[test]
fn rates_are_known_of_each_variant_that_exists() {
    let (mut spectrum, start) = (LayerRates::default(), Instant::now());
    spectrum.second(start);
    spectrum.sizes(&[(320, 180), (640, 360)]);
    for i in 0..30u64 {
        for spatial in [0, 1] {
            let mut place = vp9(0, spatial, true, true).place;
            place.temporal = u8::from(i % 2 == 1);
            spectrum.packet(&place, 1000);
        }
    }
    spectrum.second(start + Duration::from_secs(1));
    let of = |spatial, temporal| spectrum.of(&Variant { source: 0, spatial, temporal });
    let rate = |bits_per_second, pictures_per_second| Rate { bits_per_second, pictures_per_second };
    assert_eq!(of(0, TOP), Some((rate(240_000, 30), (320, 180))));
    assert_eq!(of(0, 0), Some((rate(120_000, 15), (320, 180))));
    assert_eq!(of(TOP, 0), Some((rate(240_000, 15), (640, 360))));
    assert_eq!((of(1, TOP), of(TOP, 1), of(TOP, TOP)), (None, None, None), "which are the whole");
    assert_eq!(spectrum.pictures_per_second(), 30);
}

/// A picture of one packet.
fn picture(sequence: u64, picture: u16) -> Arc<Packet> {
    let packet = Arc::unwrap_or_clone(vp8(sequence, picture, 0, false));
    Arc::new(Packet { marker: true, timestamp: u32::from(picture) * 3000, ..packet })
}

/// Padding after a picture.
fn padding(sequence: u64, picture: u16) -> Arc<Packet> {
    let timestamp = u32::from(picture) * 3000;
    let packet = Arc::unwrap_or_clone(packet(sequence, LayerPosition::default(), None));
    Arc::new(Packet { payload: Arc::new([]), timestamp, ..packet })
}

#[test]
fn padding_takes_no_number_even_where_some_of_it_is_lost() {
    let mut whole = LayerFilter::new(Variant::whole(0));
    assert_eq!(out(&mut whole, &picture(10, 1)), Some((10, Some(1), true)));
    // 11 to 29 are padding; some of it is lost, the last of it too.
    for sequence in [11, 12, 15, 16, 20, 27] {
        assert_eq!(out(&mut whole, &padding(sequence, 1)), None);
    }
    assert_eq!(out(&mut whole, &picture(30, 2)), Some((11, Some(2), true)));
    assert_eq!(out(&mut whole, &padding(18, 1)), None, "late, and its number is another's");
    assert_eq!(out(&mut whole, &picture(31, 3)), Some((12, Some(3), true)));
    // Here a picture may be missing: it keeps its number, and has it when it comes.
    assert_eq!(out(&mut whole, &picture(33, 5)), Some((14, Some(5), true)));
    assert_eq!(out(&mut whole, &picture(32, 4)), Some((13, Some(4), true)));
    // Padding, and nobody knows what.
    assert_eq!(out(&mut whole, &padding(35, 6)), None);
    assert_eq!(out(&mut whole, &picture(36, 7)), Some((16, Some(7), true)));
    assert_eq!(out(&mut whole, &padding(34, 5)), Some((15, None, false)), "it was padding: the number carries nothing");
}

#[test]
fn a_packet_that_is_as_it_was_is_not_copied() {
    let mut whole = LayerFilter::new(Variant::whole(0));
    let packet = picture(10, 1);
    assert!(whole.thin(&packet).is_some_and(|same| Arc::ptr_eq(&same, &packet)));
}

proptest::proptest! {
    #[test]
    fn no_number_is_given_to_two_packets(
        steps in proptest::collection::vec((0u8..10, 0u8..3, proptest::bool::ANY, 0u64..6), 1..300),
        temporal in 0..=TOP,
    ) {
        let mut thinner = LayerFilter::new(Variant { temporal, ..Variant::whole(0) });
        let (mut sequence, mut number) = (100u64, 1u16);
        let (mut held, mut given) = (Vec::new(), std::collections::HashSet::new());
        let check = |thinner: &mut LayerFilter, given: &mut std::collections::HashSet<u64>, packet: &Arc<Packet>| {
            if let Some(thinned) = thinner.thin(packet) {
                proptest::prop_assert!(given.insert(thinned.sequence), "{} twice", thinned.sequence);
            }
            Ok(())
        };
        for (fate, layer, padded, late) in steps {
            let next = if padded { padding(sequence, number) } else {
                number += 1;
                let picture = Arc::unwrap_or_clone(picture(sequence, number));
                let place = LayerPosition { temporal: layer, ..picture.place };
                Arc::new(Packet { place, ..picture })
            };
            sequence += 1;
            match fate {
                0 => {}
                1 => held.push((sequence + late, next)),
                _ => check(&mut thinner, &mut given, &next)?,
            }
            while let Some(at) = held.iter().position(|(due, _)| *due <= sequence) {
                check(&mut thinner, &mut given, &held.remove(at).1)?;
            }
        }
    }
}
