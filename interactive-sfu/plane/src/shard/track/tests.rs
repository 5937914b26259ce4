use std::time::Instant;

use codec_headers::VideoCodec;

use super::*;

fn track(rids: &[&str]) -> Track {
    let negotiated = NewTrack {
        id: TrackId(1),
        video: Some(VideoCodec::Vp8),
        clock_hz: 90_000,
        payload_type: 96,
        rtx_payload_type: None,
        red_payload_type: None,
        nack: true,
        rids: rids.iter().map(|rid| (*rid).to_owned()).collect(),
        ssrcs: Vec::new(),
        fid_groups: Vec::new(),
        mid: "0".into(),
        mid_extension: None,
        rid_extension: None,
        rrid_extension: None,
        abs_send_time_extension: None,
        audio_level_extension: None,
        dependency_descriptor_extension: None,
    };
    Track::new(negotiated, &Config::default())
}

/// A VP8 keyframe's first payload.
fn keyframe(side: u16) -> Vec<u8> {
    [&[0x10, 0x10, 0, 0, 0x9d, 1, 0x2a][..], &side.to_le_bytes(), &side.to_le_bytes()].concat()
}

#[test]
fn a_refused_layer_is_off_and_its_publisher_is_told_once_when_none_is_left() {
    let (mut track, now) = (track(&["q", "f"]), Instant::now());
    let admit = |track: &mut Track, layer: usize, side: u16, timestamp: u32| {
        track.layers[layer].admit(VideoCodec::Vp8, &keyframe(side), true, timestamp, now)
    };
    for layer in 0..2 {
        assert_eq!(admit(&mut track, layer, 640, 0), Ok(()));
        track.layers[layer].info.live = true;
    }
    assert_eq!(admit(&mut track, 1, 16_383, 1), Err((Refusal::TooLarge, true)));
    assert_eq!(admit(&mut track, 1, 16_383, 2), Err((Refusal::TooLarge, false)));
    assert!(track.infos()[0].live && !track.infos().iter().any(|info| info.live && info.variant.source == 1));
    assert_eq!(track.take_refusal(), None, "the other layer is left");
    assert_eq!(admit(&mut track, 0, 16_383, 1), Err((Refusal::TooLarge, true)));
    assert_eq!((track.take_refusal(), track.take_refusal()), (Some(Refusal::TooLarge), None));
    // Unmuted, it is looked at anew.
    track.mute(true);
    track.mute(false);
    assert_eq!(track.take_refusal(), None);
    assert_eq!(admit(&mut track, 0, 16_383, 3), Err((Refusal::TooLarge, false)));
    assert_eq!((track.take_refusal(), admit(&mut track, 0, 640, 4)), (Some(Refusal::TooLarge), Ok(())));
}
