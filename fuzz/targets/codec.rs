//! Any bytes as an RTP payload of every codec; a VP8 rewrite changes its two fields and nothing else. And as redundant audio, and as a
//! dependency descriptor.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spillway_fuzz::codec::{VideoCodec, audio, dependency, h264, is_keyframe_start, picture_size, red, temporal_id, vp8};

fuzz_target!(|payload: &[u8]| {
    for codec in [VideoCodec::Vp8, VideoCodec::H264, VideoCodec::Vp9, VideoCodec::Av1] {
        let _ = (is_keyframe_start(codec, payload), picture_size(codec, payload), temporal_id(codec, payload));
    }
    let _ = (h264::sps_size(payload), audio::audio_level(payload), audio::is_opus_dtx(payload));
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
