//! Pictures too large to decode: neither forwarded nor decoded, and nobody else notices.

#![allow(clippy::unwrap_used)] // A test that unwraps says where it failed.

use std::time::{Duration, Instant};

use rig::flow::flow;
use rig::peer::{DATAGRAM_BYTES_MAX, Peer};
use rig::pictures::Pictures;
use rig::process::resident_bytes;
use rig::rtcp::is_rtcp;
use rig::sdp::Video;
use rig::seats::{publisher, viewer};
use rig::server::{Demo, Server};
use rig::vp8::Vp8Stream;
use rig::wait::wait_for_or;

/// More than any decoder should be asked for.
const HUGE: (u32, u32) = (16_383, 16_383);

/// Counts the media packets that a viewer gets until its stream is silent for a second.
fn drain(viewer: &Peer) -> usize {
    viewer.socket.set_nonblocking(false).unwrap();
    viewer.socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let mut datagram = [0; DATAGRAM_BYTES_MAX];
    let until = Instant::now() + Duration::from_secs(3);
    let mut count = 0;
    while Instant::now() < until {
        match viewer.socket.recv(&mut datagram) {
            Ok(len) => count += usize::from(datagram[0] >> 6 == 2 && !is_rtcp(&datagram[..len])),
            Err(_) => break,
        }
    }
    count
}

#[test]
fn pictures_too_large_to_decode_are_not_forwarded_and_others_are() {
    // Viewers of ours say nothing for longer than clients do.
    let environment = vec![("SPILLWAY__SFU__SILENCE_MS_MAX".into(), "600000".into())];
    let server = Server::start(Demo { environment, ..Demo::default() }).unwrap();
    let (mut good, ssrc) = publisher(&server, "good", Video::Vp8).unwrap();
    let mut stream = Vp8Stream::new(ssrc, good.answer.video_pt, 300);
    server.wait_for_speakers(1).unwrap();
    let mut seat = viewer(&server, "seat", "good", Video::Vp8).unwrap();
    flow(&mut good, &mut stream, &mut seat, 20, 10).unwrap();
    for (n, codec) in (2..).zip([Video::Vp8, Video::Vp9, Video::H264, Video::Av1]) {
        let identity = format!("{codec:?}");
        let (mut bad, ssrc) = publisher(&server, &identity, codec).unwrap();
        let mut pictures = Pictures::new(codec, ssrc, bad.answer.video_pt);
        server.wait_for_speakers(n).unwrap();
        let watching = viewer(&server, &format!("seat-{identity}"), &identity, codec).unwrap();
        drain(&watching);
        let before = server.dropped("picture_too_large").unwrap();
        for _ in 0..30 {
            bad.send_rtp(&pictures.keyframe(HUGE.0, HUGE.1)).unwrap();
            std::thread::sleep(Duration::from_millis(5));
        }
        server.wait_for_drops("picture_too_large", before, 30.0).unwrap();
        assert_eq!(drain(&watching), 0, "{codec:?}");
        flow(&mut good, &mut stream, &mut seat, 20, 10).unwrap();
        // Within bounds it goes on.
        let until = Instant::now() + Duration::from_secs(10);
        while drain(&watching) == 0 {
            assert!(Instant::now() < until, "{codec:?} within bounds does not come");
            for _ in 0..30 {
                bad.send_rtp(&pictures.keyframe(640, 368)).unwrap();
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

#[test]
fn the_broadcast_decodes_no_picture_that_is_too_large_for_it() {
    // The SFU lets them pass, so that it is the broadcast's own limit that holds.
    let environment =
        [("SPILLWAY__SFU__PICTURE_PIXELS_MAX", "4000000000"), ("SPILLWAY__SFU__PICTURE_SIDE_MAX", "65536")];
    let environment = environment.map(|(name, value)| (name.into(), value.into())).to_vec();
    let server = Server::start(Demo { environment, ..Demo::default() }).unwrap();
    for codec in [Video::Vp8, Video::Vp9, Video::H264] {
        let (mut bad, ssrc) = publisher(&server, "bad", codec).unwrap();
        let mut pictures = Pictures::new(codec, ssrc, bad.answer.video_pt);
        server.wait_for_broadcast().unwrap();
        let memory = resident_bytes(server.pid()).unwrap();
        let refused = |server: &Server| {
            server.metrics().unwrap().sum("spillway_ingest_pictures_refused_total", &["reason=\"picture_too_large\""])
        };
        let before = refused(&server);
        wait_for_or(&format!("{codec:?} to be refused"), 30, || {
            (0..5).for_each(|_| bad.send_rtp(&pictures.keyframe(HUGE.0, HUGE.1)).unwrap());
            match refused(&server) - before {
                20.0.. => Ok(()),
                fewer => Err(format!("{fewer} pictures")),
            }
        })
        .unwrap();
        let grown = resident_bytes(server.pid()).unwrap().saturating_sub(memory);
        assert!(grown < 150 << 20, "{codec:?}: {} MiB more", grown >> 20);
        bad.session.leave(&server.http).unwrap();
        server.wait_for_speakers(0).unwrap();
    }
}
