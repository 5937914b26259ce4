//! Sound and picture belong together, all the way from a speaker to what is written.

#![allow(clippy::unwrap_used)] // A test that unwraps says where it failed.

use rig::gst::{Publisher, Speaker};
use rig::lipsync;
use rig::recorder::Recorder;
use rig::server::{Demo, Server, pass};

/// Long enough for a dozen flashes.
const RECORDED_S: u64 = 14;
/// Sound 45 ms early is noticed (ITU-R BT.1359-1). A camera whose ticks drift past the programme's is shown up to one
/// frame and a quarter, 42 ms, late before a picture is left out; the rest is for the recording's own ticks.
const APART_MS_MAX: f64 = 50.0;

/// Records, and holds each beep against its flash.
fn check(server: &Server) {
    server.wait_for_speakers(1).unwrap();
    server.wait_for_broadcast().unwrap();
    let recorder = Recorder::start(&server.http, &server.playlist()).unwrap();
    pass(RECORDED_S);
    let folder = tempfile::tempdir().unwrap();
    let offsets = lipsync::measure(&recorder.finish().unwrap(), folder.path()).unwrap();
    // The recording begins with the broadcast: until the first reports have come, nobody knows what belongs together.
    let settled = offsets.get(3..).unwrap_or_default();
    assert!(settled.len() >= 5, "beep − flash, ms: {offsets:.0?}");
    assert!(settled.iter().all(|offset| offset.abs() <= APART_MS_MAX), "beep − flash, ms: {offsets:.0?}");
    eprintln!("beep − flash, ms: {offsets:.0?}");
}

#[test]
fn flash_and_beep_of_a_speaker_come_out_together() {
    check(&Server::start(Demo { speakers: 1, ..Demo::default() }).unwrap());
}

#[test]
fn a_picture_that_is_sent_later_than_its_sound_comes_out_with_it() {
    let server = Server::start(Demo::default()).unwrap();
    let whip = server.http.url(&format!("/whip/{}", server.room));
    let speaker = Speaker { flash: Some(120), ..Speaker::new(&whip, &server.speaker_token("gst")) };
    let mut publisher = Publisher::start(&speaker).unwrap();
    publisher.wait_until_connected().unwrap();
    check(&server);
}
