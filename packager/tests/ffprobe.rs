//! Real H.264, through the packager, before an independent judge.

#![allow(clippy::unwrap_used)]

use std::process::Command;
use std::time::Instant;

use bytes::Bytes;
use packager::delivery::{AccessUnit, BroadcastSpec, CodecConfig, Delivery, MediaSpec, RenditionId, RenditionSpec};
use packager::{Body, Config};
use tokio::sync::mpsc;

/// The NAL units of an Annex B file, by access unit.
fn access_units(annex_b: &[u8]) -> (Vec<u8>, Vec<u8>, Vec<(bool, Bytes)>) {
    let mut starts: Vec<usize> =
        (0..annex_b.len() - 3).filter(|at| annex_b[*at..*at + 3] == [0, 0, 1]).map(|at| at + 3).collect();
    starts.push(annex_b.len() + 3);
    let (mut sps, mut pps, mut units): (_, _, Vec<(bool, Bytes)>) = (vec![], vec![], vec![]);
    for pair in starts.windows(2) {
        let mut nal = &annex_b[pair[0]..pair[1] - 3];
        while let [rest @ .., 0] = nal {
            nal = rest;
        }
        match nal[0] & 0x1f {
            7 => sps = nal.to_vec(),
            8 => pps = nal.to_vec(),
            kind @ (1 | 5) => {
                let mut data = (nal.len() as u32).to_be_bytes().to_vec();
                data.extend(nal);
                units.push((kind == 5, data.into()));
            }
            _ => {}
        }
    }
    (sps, pps, units)
}

#[tokio::test]
async fn real_h264_passes_ffprobe() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source.h264");
    let encode = Command::new("ffmpeg")
        .args([
            "-v",
            "error",
            "-f",
            "lavfi",
            "-i",
            "testsrc=size=320x180:rate=30:duration=6",
            "-pix_fmt",
            "yuv420p",
            "-c:v",
            "libx264",
        ])
        .args([
            "-preset",
            "ultrafast",
            "-tune",
            "zerolatency",
            "-threads",
            "1",
            "-x264-params",
            "keyint=60:min-keyint=60:scenecut=0:slices=1",
        ])
        .args(["-bf", "0", "-f", "h264"])
        .arg(&source)
        .status();
    assert!(encode.expect("ffmpeg is installed").success());
    let (sps, pps, units) = access_units(&std::fs::read(&source).unwrap());
    assert_eq!(units.len(), 180);
    let mut record = vec![1, sps[1], sps[2], sps[3], 0xff, 0xe1];
    record.extend((sps.len() as u16).to_be_bytes());
    record.extend(sps);
    record.push(1);
    record.extend((pps.len() as u16).to_be_bytes());
    record.extend(pps);
    let rendition = RenditionSpec {
        name: "720p".into(),
        media: MediaSpec::Video { width: 320, height: 180 },
        bits_per_second: 300_000,
    };
    let spec = BroadcastSpec {
        room: "main".into(),
        epoch: "k3f9a1".into(),
        renditions: vec![rendition],
        segment_frames: 60,
        part_frames: 6,
        frames_per_second: 30,
    };
    let (send, receive) = mpsc::channel(512);
    let running = packager::start(spec, Config::default(), None, receive);
    send.send(Delivery::Codec { rendition: RenditionId(0), config: CodecConfig::Avc(record.into()) }).await.unwrap();
    for (number, (keyframe, data)) in (0u64..).zip(units) {
        let unit = AccessUnit {
            rendition: RenditionId(0),
            time: 900_000 + number * 3_000,
            duration: 3_000,
            keyframe,
            data,
            encoded_at: Instant::now(),
        };
        send.send(Delivery::Unit(unit)).await.unwrap();
    }
    drop(send);
    running.done.await.unwrap();
    let mut file = Vec::new();
    for object in ["init-0.mp4", "0.m4s", "1.m4s", "2.m4s"] {
        let served = running.origin.get(&format!("k3f9a1/720p/{object}"), None).await.unwrap();
        let Body::Held(bytes) = served.body else { panic!("{object} is in memory") };
        file.extend(bytes);
    }
    let target = folder.path().join("out.mp4");
    std::fs::write(&target, file).unwrap();
    let probe = Command::new("ffprobe")
        .args(["-v", "warning", "-count_frames", "-show_entries"])
        .args(["stream=codec_name,profile,nb_read_frames,start_time:packet=pts,duration,flags", "-of", "csv"])
        .arg(&target)
        .output()
        .unwrap();
    let (text, complaints) = (String::from_utf8_lossy(&probe.stdout), String::from_utf8_lossy(&probe.stderr));
    assert!(complaints.is_empty(), "{complaints}");
    assert!(text.contains("h264") && text.contains("180"), "{text}");
    let packets: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("packet,")).collect();
    assert_eq!(packets.len(), 180);
    for (number, packet) in packets.iter().enumerate() {
        let expected = format!("{},3000,{}", 900_000 + number * 3_000, if number % 60 == 0 { "K" } else { "_" });
        assert!(packet.starts_with(&expected), "{packet} is not {expected}");
    }
}
