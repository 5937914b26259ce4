use proptest::prelude::*;

use super::*;

/// A keyframe's first packet of each codec, and the size it tells.
type Case = (VideoCodec, &'static [u8], Option<(u32, u32)>);
const KEYFRAMES: [Case; 9] = [
    (VideoCodec::Vp8, &[0x10, 0x10, 0, 0, 0x9d, 1, 0x2a, 0x00, 0x45, 0xd0, 0x02, 0], Some((1280, 720))),
    (VideoCodec::Vp8, &[0x90, 0xe0, 0x81, 2, 3, 0x20, 0x10, 0, 0, 0x9d, 1, 0x2a, 0x80, 2, 0x68, 1], Some((640, 360))),
    // Constrained baseline, 1920 × 1088 cropped by 8 lines, alone, aggregated, fragmented.
    (VideoCodec::H264, SPS_1080P, Some((1920, 1080))),
    (
        VideoCodec::H264,
        &[0x78, 0, 11, 0x67, 0x42, 0xc0, 0x28, 0xda, 0x01, 0xe0, 0x08, 0x9f, 0x95, 0x80, 0, 1, 0x68],
        Some((1920, 1080)),
    ),
    (VideoCodec::H264, &[0x7c, 0x85, 0x88, 0x84], None),
    (VideoCodec::H264, &[0x65, 0x88, 0x84], None),
    // Non-flexible, with a scalability structure; flexible, from the uncompressed header.
    (VideoCodec::Vp9, &[0x8a, 0x23, 0x18, 0x05, 0x00, 0x02, 0xd0, 1, 0x00, 0x00, 0x82], Some((1280, 720))),
    (VideoCodec::Vp9, &[0x98, 0x23, 0x82, 0x49, 0x83, 0x42, 0x20, 0x4f, 0xf0, 0x2c, 0xf0], Some((1280, 720))),
    (VideoCodec::Av1, &[0x18, 0x0a, 0, 0, 0, 0x4a, 0x9b, 0xfd, 0x67, 0x80], None),
];
const SPS_1080P: &[u8] = &[0x67, 0x42, 0xc0, 0x28, 0xda, 0x01, 0xe0, 0x08, 0x9f, 0x95, 0x80];

const OTHERS: [(VideoCodec, &[u8]); 12] = [
    (VideoCodec::Vp8, &[0x10, 0x11]),
    (VideoCodec::Vp8, &[0x00, 0x10]),
    (VideoCodec::Vp8, &[0x11, 0x10]),
    (VideoCodec::Vp8, &[0x90, 0xe0, 0x81]),
    (VideoCodec::H264, &[0x61, 0x88]),
    (VideoCodec::H264, &[0x65, 0x08]),
    (VideoCodec::H264, &[0x7c, 0x05, 0x88]),
    (VideoCodec::H264, &[0x78, 0, 9, 0x67]),
    (VideoCodec::Vp9, &[0xca, 0x23, 0]),
    (VideoCodec::Vp9, &[0x80, 0x23, 0]),
    (VideoCodec::Av1, &[0x98, 0x0a]),
    (VideoCodec::Av1, &[0x10, 0x0a]),
];

#[test]
fn keyframes_start_where_a_decoder_can_and_tell_their_size() {
    for (codec, payload, size) in KEYFRAMES {
        assert!(is_keyframe_start(codec, payload), "{codec:?} {payload:02x?}");
        if codec != VideoCodec::Av1 {
            assert_eq!(picture_size(codec, payload), size, "{codec:?} {payload:02x?}");
        }
    }
    for (codec, payload) in OTHERS {
        assert!(!is_keyframe_start(codec, payload), "{codec:?} {payload:02x?}");
        assert!(!is_keyframe_start(codec, &[]));
    }
}

/// Writes bits, for structures that are easier to read field by field.
#[derive(Default)]
struct Writer(Vec<bool>);

impl Writer {
    fn put(mut self, value: u32, count: u32) -> Self {
        self.0.extend((0..count).rev().map(|i| value >> i & 1 == 1));
        self
    }

    fn ue(self, value: u32) -> Self {
        let bits = 32 - (value + 1).leading_zeros();
        self.put(0, bits - 1).put(value + 1, bits)
    }

    fn bytes(self) -> Vec<u8> {
        self.0.chunks(8).map(|c| c.iter().enumerate().fold(0, |b, (i, on)| b | u8::from(*on) << (7 - i))).collect()
    }
}

#[test]
fn a_high_profile_sps_with_scaling_lists_and_interlace_tells_its_size() {
    // 4:2:0, one list of 16 that ends at once, POC type 1 with a cycle of one; 720 × 576 in fields of 18 map units.
    let sps = Writer::default().put(0x67, 8).put(100, 8).put(0, 8).put(31, 8).ue(0);
    let sps = sps.ue(1).ue(0).ue(0).put(0, 1).put(1, 1).put(1, 1).ue(16).put(0, 7); // se(−8): the next scale is 0
    let sps = sps.ue(0).ue(1).put(0, 1).ue(0).ue(0).ue(1).ue(2).ue(1).put(0, 1);
    let sps =
        sps.ue(44).ue(17).put(0, 1).put(0, 1).put(1, 1).put(1, 1).ue(0).ue(8).ue(0).ue(0).put(0, 1).put(1, 1).bytes();
    assert_eq!(h264::sps_size(&sps), Some((704, 576)));
}

#[test]
fn an_av1_sequence_header_tells_its_size() {
    let with = |timing: bool| {
        let w = Writer::default().put(0, 3).put(0, 1).put(0, 1);
        let w = if timing { w.put(1, 1).put(1, 32).put(60, 32).put(1, 1).ue(0).put(0, 1) } else { w.put(0, 1) };
        // One operating point at level 8 (a tier bit follows); 11 and 10 bits for the sides.
        w.put(0, 1)
            .put(0, 5)
            .put(0, 12)
            .put(8, 5)
            .put(0, 1)
            .put(10, 4)
            .put(9, 4)
            .put(1279, 11)
            .put(719, 10)
            .put(0, 8)
            .bytes()
    };
    for timing in [false, true] {
        let body = with(timing);
        let mut sized = vec![0x28, 2, 0x12, 0, 2 + body.len() as u8, 0x0a, body.len() as u8];
        sized.extend(&body); // W=2: the delimiter, then the header as the last… with its own length
        sized.remove(4);
        assert_eq!(picture_size(VideoCodec::Av1, &sized), Some((1280, 720)), "has_size, timing {timing}");
        let mut plain = vec![0x08, 1 + body.len() as u8, 0x08];
        plain.extend(&body);
        assert_eq!(picture_size(VideoCodec::Av1, &plain), Some((1280, 720)), "W=0, timing {timing}");
        plain[0] = 0;
        assert_eq!(picture_size(VideoCodec::Av1, &plain), None);
    }
}

/// A sequence header of 8-bit 4:2:0 at level 2.
fn av1_sequence(width: u32, height: u32) -> Vec<u8> {
    let w = Writer::default().put(0, 5).put(0, 1).put(0, 1).put(0, 5).put(0, 12).put(0, 5);
    w.put(15, 4).put(15, 4).put(width - 1, 16).put(height - 1, 16).put(0, 8).bytes()
}

/// The uncompressed header of a VP9 frame of profile 0; `reference`: it is as large as one of its references.
fn vp9_frame(keyframe: bool, reference: bool, width: u32, height: u32) -> Vec<u8> {
    let w = Writer::default().put(2, 2).put(0, 2).put(0, 1).put(u32::from(!keyframe), 1).put(1, 1).put(0, 1);
    let w = if keyframe { w.put(0x49_8342, 24).put(1, 3).put(0, 1) } else { w.put(0, 2).put(0xff, 8).put(0, 12) };
    let w = match (keyframe, reference) {
        (true, _) => w,
        (false, true) => w.put(0b01, 2),
        (false, false) => w.put(0, 3),
    };
    w.put(width - 1, 16).put(height - 1, 16).put(0, 16).bytes()
}

fn with_head(head: &[u8], rest: &[u8]) -> Vec<u8> {
    [head, rest].concat()
}

#[test]
fn sizes_are_told_or_else_unreadable_wherever_pictures_begin() {
    use CodedSize::{Pixels, Unchanged, Unreadable};
    let vp8 = |first: u8, picture: &[u8]| (VideoCodec::Vp8, with_head(&[first], picture));
    let vp9 = |first: u8, picture: &[u8]| (VideoCodec::Vp9, with_head(&[first], picture));
    let av1 = |first: u8, obus: &[u8]| (VideoCodec::Av1, with_head(&[first], obus));
    let h264 = |payload: &[u8]| (VideoCodec::H264, payload.to_vec());
    let huge = [0x10, 0, 0, 0x9d, 1, 0x2a, 0xff, 0x3f, 0xff, 0x3f];
    let sequence = with_head(&[0x08], &av1_sequence(65_536, 32_768));
    let stap_of_two = [&[0x78, 0, 11][..], SPS_1080P, &[0, 3, 0x67, 0x42, 0xc0]].concat();
    let table = [
        (vp8(0x10, &huge), Pixels(16_383, 16_383)),
        (vp8(0x10, &huge[..9]), Unreadable),
        (vp8(0x10, &[]), Unreadable),
        (vp8(0x10, &[0x11, 0, 0]), Unchanged),
        (vp8(0x00, &huge), Unchanged),
        (vp8(0x11, &huge), Unchanged),
        (vp9(0x08, &vp9_frame(true, false, 1280, 720)), Pixels(1280, 720)),
        (vp9(0x48, &vp9_frame(false, true, 65_536, 65_536)), Unchanged),
        (vp9(0x48, &vp9_frame(false, false, 65_536, 65_536)), Pixels(65_536, 65_536)),
        (vp9(0x08, &vp9_frame(true, false, 1280, 720)[..5]), Unreadable),
        (vp9(0x00, &vp9_frame(true, false, 1280, 720)), Unchanged),
        // The scalability structure says another size than the frame.
        (vp9(0x0a, &with_head(&[0x10, 0xff, 0xff, 0, 16], &vp9_frame(true, false, 64, 64))), Pixels(65_535, 64)),
        (h264(SPS_1080P), Pixels(1920, 1080)),
        (h264(&stap_of_two), Unreadable),
        (h264(&[0x67, 0x42]), Unreadable),
        (h264(&[0x7c, 0x87, 0x42, 0xc0]), Unreadable),
        (h264(&[0x79, 0, 0, 0, 11, 0x67]), Unreadable),
        (h264(&[0x65, 0x88, 0x84]), Unchanged),
        (av1(0x18, &sequence), Pixels(65_536, 32_768)),
        (av1(0x10, &sequence), Pixels(65_536, 32_768)),
        (av1(0x18, &sequence[..4]), Unreadable),
        (av1(0x90, &sequence), Unchanged),
        (av1(0x20, &with_head(&[2, 0x32, 0], &sequence)), Pixels(65_536, 32_768)),
        (av1(0x40, &[0]), Unreadable),
        (av1(0x10, &[0x32, 0, 0]), Unchanged),
    ];
    for ((codec, payload), expected) in table {
        assert_eq!(coded_size(codec, &payload), expected, "{codec:?} {payload:02x?}");
        assert_eq!(coded_size(codec, &[]), Unchanged, "{codec:?}");
    }
}

#[test]
fn what_an_sps_crops_counts_but_for_padding() {
    let sps = |mbs: u32, crop: u32| {
        let w = Writer::default().put(0x67, 8).put(66, 8).put(0, 8).put(31, 8).ue(0).ue(0).ue(2).ue(1).put(0, 1);
        let w = w.ue(mbs - 1).ue(mbs - 1).put(1, 1).put(1, 1).put(1, 1).ue(0).ue(crop / 2).ue(0).ue(crop / 2);
        w.put(0, 1).put(1, 1).bytes()
    };
    assert_eq!(coded_size(VideoCodec::H264, &sps(68, 8)), CodedSize::Pixels(1080, 1080));
    assert_eq!(coded_size(VideoCodec::H264, &sps(1024, 16_000)), CodedSize::Pixels(16_384 - 127, 16_384 - 127));
}

#[test]
fn whole_pictures_are_looked_through() {
    use CodedSize::{Pixels, Unchanged, Unreadable};
    let (small, large) = (vp9_frame(true, false, 64, 64), vp9_frame(false, false, 16_384, 64));
    let superframe = |lengths: [usize; 2]| {
        let index = [0xc1, lengths[0] as u8, lengths[1] as u8, 0xc1];
        [&small[..], &large, &index].concat()
    };
    let annex_b = [&[0, 0, 0, 1, 0x09, 0xf0, 0, 0, 1][..], SPS_1080P, &[0, 0, 1, 0x65, 0x88]].concat();
    let table = [
        (VideoCodec::Vp8, vec![0x10, 0, 0, 0x9d, 1, 0x2a, 0x80, 2, 0x68, 1], Pixels(640, 360)),
        (VideoCodec::Vp8, vec![0x11, 0, 0], Unchanged),
        (VideoCodec::Vp8, vec![], Unreadable),
        (VideoCodec::Vp9, small.clone(), Pixels(64, 64)),
        (VideoCodec::Vp9, superframe([small.len(), large.len()]), Pixels(16_384, 64)),
        (VideoCodec::Vp9, superframe([small.len(), 200]), Unreadable),
        (VideoCodec::H264, annex_b.clone(), Pixels(1920, 1080)),
        (VideoCodec::H264, annex_b[..9].to_vec(), Unchanged),
        (VideoCodec::H264, annex_b[..12].to_vec(), Unreadable),
    ];
    for (codec, picture, expected) in table {
        assert_eq!(coded_size_of_picture(codec, &picture), expected, "{codec:?} {picture:02x?}");
    }
}

#[test]
fn temporal_layers_are_read() {
    assert_eq!(temporal_id(VideoCodec::Vp8, &[0x80, 0x20, 0x80, 0]), Some(2));
    assert_eq!(temporal_id(VideoCodec::Vp8, &[0x80, 0x10, 0x80, 0]), None);
    assert_eq!(temporal_id(VideoCodec::Vp9, &[0x20, 0x40, 9]), Some(2));
    assert_eq!(temporal_id(VideoCodec::Av1, &[0x10, 0x34, 0x40, 0]), Some(2));
    assert_eq!(temporal_id(VideoCodec::Av1, &[0x90, 0x34, 0x40, 0]), None);
}

#[test]
fn audio_levels_are_read() {
    assert_eq!(audio::audio_level(&[0x9e]), Some(audio::AudioLevel { voice: true, level: 30 }));
    assert_eq!(audio::audio_level(&[0x7f, 0]), Some(audio::AudioLevel { voice: false, level: 127 }));
    assert_eq!(audio::audio_level(&[]), None);
}

proptest! {
    #[test]
    fn no_bytes_panic(payload in proptest::collection::vec(any::<u8>(), 0..128)) {
        for codec in [VideoCodec::Vp8, VideoCodec::H264, VideoCodec::Vp9, VideoCodec::Av1] {
            let _ = (is_keyframe_start(codec, &payload), picture_size(codec, &payload), temporal_id(codec, &payload));
            let _ = (coded_size(codec, &payload), coded_size_of_picture(codec, &payload));
        }
        let _ = (h264::sps_size(&payload), audio::audio_level(&payload));
    }

    #[test]
    fn a_vp8_rewrite_changes_its_two_fields_alone(
        mut payload in proptest::collection::vec(any::<u8>(), 6..32), picture_id in 0u16..0x8000, tl0: u8,
    ) {
        payload[0] |= 0x80;
        let before = vp8::Descriptor::parse(&payload).unwrap();
        let rest = payload[before.len..].to_vec();
        vp8::rewrite(&mut payload, &before, picture_id, tl0);
        let mask = if before.long_picture_id { 0x7fff } else { 0x7f };
        let expected = vp8::Descriptor {
            picture_id: before.picture_id.map(|_| picture_id & mask),
            tl0_pic_idx: before.tl0_pic_idx.map(|_| tl0),
            ..before
        };
        prop_assert_eq!(vp8::Descriptor::parse(&payload), Some(expected));
        prop_assert_eq!(&payload[before.len..], &rest[..]);
    }
}

#[test]
fn vp9_structure_is_counted_in_a_packet_that_begins_no_frame() {
    let payload = [0x02, 0x10, 0, 140, 0, 159, 1, 42, 0, 5, 0xd0, 2, 0];
    assert_eq!(picture_size(VideoCodec::Vp9, &payload), Some((140, 159)));
    assert_eq!(coded_size(VideoCodec::Vp9, &payload), CodedSize::Pixels(140, 159));
}
