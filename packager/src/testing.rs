//! Shapes and units that this crate's tests share.

use std::time::Instant;

use bytes::Bytes;

use crate::delivery::{AccessUnit, BroadcastSpec, CodecConfig, MediaSpec, RenditionId, RenditionSpec};

pub(crate) const V0: RenditionId = RenditionId(0);
pub(crate) const AUDIO: RenditionId = RenditionId(2);

/// Two rungs and audio, 30 fps, 2 s segments of ten parts.
pub(crate) fn spec() -> BroadcastSpec {
    let video = |name: &str, width, height, bits_per_second| RenditionSpec {
        name: name.into(),
        media: MediaSpec::Video { width, height },
        bits_per_second,
    };
    BroadcastSpec {
        room: "main".into(),
        epoch: "k3f9a1".into(),
        renditions: vec![
            video("720p", 1280, 720, 2_500_000),
            video("480p", 854, 480, 1_200_000),
            RenditionSpec { name: "audio".into(), media: MediaSpec::Audio { channels: 2 }, bits_per_second: 128_000 },
        ],
        segment_frames: 60,
        part_frames: 6,
        frames_per_second: 30,
    }
}

/// Video frame `number` of `rendition` at 30 fps; a keyframe every 60.
pub(crate) fn frame(rendition: RenditionId, number: u64) -> AccessUnit {
    AccessUnit {
        rendition,
        time: number * 3_000,
        duration: 3_000,
        keyframe: number.is_multiple_of(60),
        data: Bytes::from(vec![number as u8; 40]),
        encoded_at: Instant::now(),
    }
}

/// AAC frame `number`.
pub(crate) fn aac(number: u64) -> AccessUnit {
    AccessUnit {
        rendition: AUDIO,
        time: number * 1_024,
        duration: 1_024,
        keyframe: true,
        data: Bytes::from(vec![number as u8; 20]),
        encoded_at: Instant::now(),
    }
}

/// An avcC of High profile, level 3.1; `tag` tells configurations apart.
pub(crate) fn avc(tag: u8) -> CodecConfig {
    let sps = [0x67, 0x64, 0x00, 0x1f, tag];
    let mut record = vec![1, 0x64, 0x00, 0x1f, 0xff, 0xe1, 0, sps.len() as u8];
    record.extend(sps);
    record.extend([1, 0, 2, 0x68, 0xee, 0xfd, 0xf8, 0xf8, 0]);
    CodecConfig::Avc(Bytes::from(record))
}

/// AAC-LC, 48 kHz, stereo.
pub(crate) fn asc() -> CodecConfig {
    CodecConfig::Aac(Bytes::from_static(&[0x11, 0x90]))
}

/// A window of the first rendition that `segments` whole segments went through.
pub(crate) fn window(spec: &BroadcastSpec, playlist_seconds: u32, segments: u64) -> crate::live::window::Window {
    use crate::live::programme::{Output, Programme};
    let mut window = crate::live::window::Window::new(spec, &spec.renditions[0], playlist_seconds);
    let mut programme = Programme::new(spec.clone(), 3);
    let codec = crate::delivery::Delivery::Codec { rendition: V0, config: avc(1) };
    let frames = (0..segments * 60).map(|number| crate::delivery::Delivery::Unit(frame(V0, number)));
    let mut out = Vec::new();
    std::iter::once(codec).chain(frames).for_each(|delivery| programme.push(delivery, &mut out));
    for output in &out {
        match output {
            Output::Init { map, bytes, .. } => window.add_init(*map, bytes.clone()),
            Output::Cut { rendition: V0, source, next, discontinuity, cut } => {
                drop(window.push(*source, *next, *discontinuity, cut));
            }
            _ => {}
        }
    }
    window
}
