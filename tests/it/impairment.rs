//! A bad network between peers and the SFU, the same one for the same seed.

#![allow(clippy::unwrap_used)] // A test that unwraps says where it failed.

use std::time::{Duration, Instant};

use rig::browser::Browser;
use rig::gst::{Publisher, Speaker};
use rig::peer::{Credentials, Peer, Request, SrtpOffer, signal};
use rig::recorder::Recorder;
use rig::relay::{Impairment, Relay};
use rig::rtcp;
use rig::sdp::Direction;
use rig::server::{Demo, Server, pass};
use serde_json::Value;

/// The SFU asks a publisher for a keyframe at most so often.
const KEYFRAME_INTERVAL_MIN: Duration = Duration::from_millis(400);

/// Counts the keyframe requests that publishers were sent.
const KEYFRAME_REQUESTS: &str = "spillway_sfu_keyframe_requests_sent_total";

/// A relay to the server's media port.
fn relay(server: &Server) -> Relay {
    let credentials = Credentials::new(SrtpOffer::Gcm).unwrap();
    let token = Some(server.speaker_token("probe"));
    let request = Request::vp8(&format!("/whip/{}", server.room), token, Direction::Publish);
    let mut signalled = signal(&server.http, &credentials, &request).unwrap();
    signalled.session.leave(&server.http).unwrap();
    Relay::start(signalled.answer.udp).unwrap()
}

fn number(stats: &Value, name: &str) -> u64 {
    stats[name].as_u64().unwrap_or(0)
}

#[test]
fn a_picture_recovers_from_loss_reordering_and_duplication_on_both_legs() {
    let server = Server::start(Demo::with_one_port()).unwrap();
    let (speaker_leg, viewer_leg) = (relay(&server), relay(&server));
    let mut browser = Browser::start().unwrap();
    let via = |relay: &Relay| relay.address().port();
    let query = format!("kind=whip&codec=VP8&via={}", via(&speaker_leg));
    let speaker = browser.open_peer(&server, &query, &server.speaker_token("eve")).unwrap();
    server.wait_for_speakers(1).unwrap();
    let query = format!("kind=whep&via={}", via(&viewer_leg));
    let viewer = browser.open_peer(&server, &query, &server.viewer_token("seat")).unwrap();
    let frames = |browser: &mut Browser| number(&browser.evaluate(viewer, "window.rig.stats()").unwrap(), "frames");
    browser.wait_until(viewer, "pictures", 20, "window.rig.stats()", |s| number(s, "frames") > 20).unwrap();

    // The frames of a perfect network on this machine are the measure for those of the bad one.
    let before = frames(&mut browser);
    pass(4);
    let good = frames(&mut browser) - before;
    let by_ms = Duration::from_millis;
    speaker_leg.impair(Impairment {
        loss: 0.03,
        reorder: 0.03,
        reorder_by_max: by_ms(20),
        duplicate: 0.02,
        ..Impairment::NONE
    });
    viewer_leg.impair(Impairment {
        loss: 0.05,
        reorder: 0.05,
        reorder_by_max: by_ms(30),
        duplicate: 0.02,
        ..Impairment::NONE
    });
    let requests = || server.metrics().unwrap().sum(KEYFRAME_REQUESTS, &[]) as u64;
    let (before, requests_before) = (frames(&mut browser), requests());
    pass(10);
    let during = frames(&mut browser) - before;
    let requested = requests() - requests_before;
    let stats = browser.evaluate(speaker, "window.rig.stats()").unwrap();
    assert!(during > good, "{during} frames in ten bad seconds, {good} in four good ones");
    // The viewer's and the programme's together.
    let most = 10_000 / KEYFRAME_INTERVAL_MIN.as_millis() as u64 + 1;
    assert!(requested <= most, "{requested} keyframe requests in ten bad seconds");
    assert!(number(&stats, "nacks") > 0, "nothing was asked for again: {stats}");

    // A second of nothing at all, then a perfect network: the picture is back at full rate.
    viewer_leg.impair(Impairment::lossy(1.0));
    pass(1);
    speaker_leg.impair(Impairment::default());
    viewer_leg.impair(Impairment::default());
    pass(3);
    let before = frames(&mut browser);
    pass(4);
    let after = frames(&mut browser) - before;
    assert!(after * 2 > good, "{after} frames in four good seconds, {good} before the bad ones");
    let (_, lost) = viewer_leg.relayed_and_lost();
    assert!(lost > 20, "the relay did not disturb anything");
}

#[test]
fn keyframe_requests_of_many_viewers_become_a_few() {
    let server = Server::start(Demo::default()).unwrap();
    let mut browser = Browser::start().unwrap();
    let speaker = browser.open_peer(&server, "kind=whip&codec=VP8", &server.speaker_token("eve")).unwrap();
    server.wait_for_speakers(1).unwrap();
    let credentials = Credentials::new(SrtpOffer::Gcm).unwrap();
    let mut viewers: Vec<Peer> = (0..8)
        .map(|n| {
            let token = Some(server.viewer_token(&format!("v{n}")));
            let request = Request::vp8(&format!("/whep/{}", server.room), token, Direction::Watch);
            Peer::join(&server.http, &credentials, &request).unwrap()
        })
        .collect();
    pass(1);
    let plis = |browser: &mut Browser| number(&browser.evaluate(speaker, "window.rig.stats()").unwrap(), "plis");
    let counted = || server.metrics().unwrap().sum(KEYFRAME_REQUESTS, &[]) as u64;
    let (before, counted_before, start) = (plis(&mut browser), counted(), Instant::now());
    let mut sent = 0;
    while start.elapsed() < Duration::from_secs(4) {
        for viewer in &mut viewers {
            let source = viewer.answer.video_ssrc.unwrap_or(0);
            viewer.send_rtcp(&rtcp::pli(1, source)).unwrap();
            sent += 1;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    pass(1);
    let (got, time) = (plis(&mut browser) - before, start.elapsed());
    let most = time.as_millis() as u64 / KEYFRAME_INTERVAL_MIN.as_millis() as u64 + 1;
    assert!((1..=most).contains(&got), "{sent} requests became {got}, at most {most} may");
    assert_eq!(counted() - counted_before, got, "the server's own count");
}

#[test]
fn a_speaker_with_three_percent_loss_leaves_the_programme_whole() {
    let server = Server::start(Demo::with_one_port()).unwrap();
    let leg = relay(&server);
    let whip = server.http.url(&format!("/whip/{}", server.room));
    let speaker = Speaker { via_port: Some(leg.address().port()), ..Speaker::new(&whip, &server.speaker_token("gst")) };
    let mut publisher = Publisher::start(&speaker).unwrap();
    publisher.wait_until_connected().unwrap();
    server.wait_for_broadcast().unwrap();
    let recorder = Recorder::start(&server.http, &server.playlist()).unwrap();
    let (relayed_before, _) = leg.relayed_and_lost();
    leg.impair(Impairment::lossy(0.03));
    pass(12);
    for recording in recorder.finish().unwrap() {
        recording.check_timeline(200).unwrap();
    }
    let (relayed, lost) = leg.relayed_and_lost();
    // Half of what is expected of a thousand datagrams or more is three standard deviations away.
    let relayed = relayed - relayed_before;
    assert!(lost * 67 > relayed, "{lost} lost of {relayed}: too few to say anything");
}
