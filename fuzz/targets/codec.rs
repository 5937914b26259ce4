//! Any bytes as an RTP payload of every codec; a VP8 rewrite changes its two fields and nothing else. And as redundant
//! audio, and as a dependency descriptor.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spillway_fuzz::codec::bounds::PictureBounds;
use spillway_fuzz::codec::{
    CodedSize, VideoCodec, audio, coded_size, coded_size_of_picture, dependency, h264, is_keyframe_start, picture_size, red,
    temporal_id, vp8,
};

const BOUNDS: PictureBounds = PictureBounds { pixels_max: 3840 * 2160, side_max: 8192, per_second_max: 240 };

fuzz_target!(|payload: &[u8]| {
    for codec in [VideoCodec::Vp8, VideoCodec::H264, VideoCodec::Vp9, VideoCodec::Av1] {
        let _ = (is_keyframe_start(codec, payload), picture_size(codec, payload), temporal_id(codec, payload));
        for size in [coded_size(codec, payload), coded_size_of_picture(codec, payload)] {
            if let CodedSize::Pixels(width, height) = size {
                let _ = BOUNDS.admit(width, height);
            }
        }
        // A keyframe that tells its size tells it as something to be counted.
        if let (Some((width, height)), size) = (picture_size(codec, payload), coded_size(codec, payload)) {
            assert!(match size {
                CodedSize::Pixels(w, h) => w >= width && h >= height,
                CodedSize::Unreadable => true,
                CodedSize::Unchanged => false,
            });
        }
    }
    let _ = (h264::sps_size(payload), audio::audio_level(payload));
    let mut renamed = payload.to_vec();
    if let Some(primary) = red::primary(payload) {
        red::set_payload_types(&mut renamed, 96);
        assert_eq!((red::primary(&renamed), &renamed[primary..]), (Some(primary), &payload[primary..]));
    }
    let (frame, structure) = (dependency::Frame::parse(payload), dependency::Structure::parse(payload));
    assert!(structure.is_none() || frame.is_some());
    let _ = structure.map(|structure| (0..64).map(|template| structure.layer_of(template)).count());
    let Some(before) = vp8::Descriptor::parse(payload) else { return };
    let mut patched = payload.to_vec();
    vp8::rewrite(&mut patched, &before, 0x1234, 0x56);
    let picture_id = before.picture_id.map(|_| if before.long_picture_id { 0x1234 } else { 0x34 });
    let after = vp8::Descriptor { picture_id, tl0_pic_idx: before.tl0_pic_idx.map(|_| 0x56), ..before };
    assert_eq!(vp8::Descriptor::parse(&patched), Some(after));
    assert_eq!(payload[before.len..], patched[before.len..]);
});
