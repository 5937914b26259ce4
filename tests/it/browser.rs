//! Chromium speaks and watches, seated and in the audience.

#![allow(clippy::unwrap_used)] // A test that unwraps says where it failed.

use rig::browser::{Browser, Page};
use rig::server::{Demo, Server};
use rig::wait::wait_for_or;
use serde_json::Value;

/// No measurement, only a bound that something broken exceeds, seconds.
const LATENCY_MAX_S: f64 = 10.0;

/// Figures of the watch page's player: frames and bytes of sound decoded, latency in seconds by the page and by hls.js.
const WATCHED: &str = "(() => {
  const video = document.querySelector('video');
  if (!video) return {};
  const player = window.__spillway;
  return {
    frames: video.getVideoPlaybackQuality().totalVideoFrames, currentTime: video.currentTime, height: video.videoHeight,
    soundBytes: video.webkitAudioDecodedByteCount, latency: player?.latency() ?? null,
    hlsLatency: player?.hls?.latency ?? null, phase: player?.phase ?? null,
  };
})()";

fn peer_url(server: &Server, query: &str, token: &str) -> String {
    server.http.url(&format!("/__rig/peer.html?room={}&token={token}&{query}", server.room))
}

fn speak(browser: &mut Browser, server: &Server, identity: &str, query: &str) -> Page {
    let url = peer_url(server, &format!("kind=whip&{query}"), &server.speaker_token(identity));
    let page = browser.open(&url).unwrap();
    browser
        .wait_until(page, "the speaker's connection", 20, "window.rig.stats()", |s| s["state"] == "connected")
        .unwrap();
    page
}

/// A seated viewer gets pictures and sound.
fn check_seat(browser: &mut Browser, server: &Server) {
    let url = peer_url(server, "kind=whep", &server.viewer_token("seat"));
    let page = browser.open(&url).unwrap();
    let good = |s: &Value| s["frames"].as_u64() > Some(40) && s["energy"].as_f64() > Some(0.0);
    browser.wait_until(page, "a seated viewer's pictures and sound", 25, "window.rig.stats()", good).unwrap();
    browser.close(page).unwrap();
}

/// The watch page takes a seat, and reports as it does of the broadcast.
fn check_seated_page(browser: &mut Browser, server: &Server) {
    let page = browser.open(&server.http.url(&format!("/watch/{}", server.room))).unwrap();
    let seated = |path: &Value| path == "seat";
    browser.wait_until(page, "a page with a seat", 25, "window.__spillway?.path ?? null", seated).unwrap();
    check_reported(server, |playing, started| playing == 1.0 && started == 1.0);
    browser.evaluate(page, "void (location.href = '/')").unwrap();
    check_reported(server, |playing, _| playing == 0.0);
    browser.close(page).unwrap();
}

/// The watch page plays, keeps playing, and is not far behind. `starts`: the pages that have told of their start then.
fn check_watch_page(browser: &mut Browser, server: &Server, starts: f64) {
    server.wait_for_broadcast().unwrap();
    let page = browser.open(&server.http.url(&format!("/watch/{}?delivery=broadcast", server.room))).unwrap();
    let started = |w: &Value| w["frames"].as_u64() > Some(30) && w["soundBytes"].as_u64() > Some(0);
    let first = browser.wait_until(page, "pictures and sound in the audience", 30, WATCHED, started).unwrap();
    let frames = first["frames"].as_u64().unwrap();
    // Settled: hls.js catches up with its target within seconds.
    let near = |w: &Value| {
        let latency = |name: &str| w[name].as_f64().is_some_and(|s| s > 0.0 && s < LATENCY_MAX_S);
        w["frames"].as_u64() > Some(frames + 60) && latency("latency") && latency("hlsLatency")
    };
    browser.wait_until(page, "frames that go on near the live edge", 20, WATCHED, near).unwrap();
    check_reported(server, |playing, told| playing == 1.0 && told == starts);
    // The page says that it leaves.
    browser.evaluate(page, "void (location.href = '/')").unwrap();
    check_reported(server, |playing, told| playing == 0.0 && told == starts);
    browser.close(page).unwrap();
}

/// Waits until the metrics tell so of watch pages: how many play, and how many have told how long their start took.
fn check_reported(server: &Server, is_so: impl Fn(f64, f64) -> bool) {
    let of_pages = [&format!("room=\"{}\"", server.room), "verified=\"true\""];
    let seen = || {
        let metrics = server.metrics().unwrap();
        let playing = metrics.sum("spillway_players", &[of_pages[0], of_pages[1], "state=\"playing\""]);
        let started = metrics.sum("spillway_players_startup_seconds_count", &of_pages);
        is_so(playing, started).then_some(()).ok_or(format!("{playing} play, {started} have told of their start"))
    };
    wait_for_or("the reports of pages in the metrics", 15, seen).unwrap();
    let unverified = server.look().unwrap()["presence"]["unverified"].clone();
    assert_eq!(unverified, 0, "a page is counted by its events socket alone");
}

#[test]
fn a_simulcast_speaker_is_watched_from_a_seat_and_in_the_audience() {
    let server = Server::start(Demo::default()).unwrap();
    let mut browser = Browser::start().unwrap();
    let speaker = speak(&mut browser, &server, "eve", "codec=VP8&simulcast=1");
    let layers = |s: &Value| {
        let sent = |layer: &&Value| layer["packets"].as_u64() > Some(0) && layer["rid"].as_str() != Some("");
        s["layers"].as_array().map_or(0, |layers| layers.iter().filter(sent).count()) >= 2
    };
    browser.wait_until(speaker, "two layers or more", 20, "window.rig.stats()", layers).unwrap();
    server.wait_for_speakers(1).unwrap();
    check_seat(&mut browser, &server);
    check_seated_page(&mut browser, &server);
    check_watch_page(&mut browser, &server, 2.0);
    browser.evaluate(speaker, "window.rig.leave()").unwrap();
    server.wait_for_speakers(0).unwrap();
}

#[test]
fn an_h264_speaker_is_watched_from_a_seat_and_in_the_audience() {
    let server = Server::start(Demo::default()).unwrap();
    let mut browser = Browser::start().unwrap();
    speak(&mut browser, &server, "eve", "codec=H264");
    server.wait_for_speakers(1).unwrap();
    check_seat(&mut browser, &server);
    check_watch_page(&mut browser, &server, 1.0);
}

/// Pictures that each video of the stage page has shown.
const STAGE_FRAMES: &str =
    "Array.from(document.querySelectorAll('video'), (video) => video.getVideoPlaybackQuality().totalVideoFrames)";

#[test]
fn user_of_the_stage_page_publishes_sees_others_and_leaves() {
    let server = Server::start(Demo { speakers: 1, ..Demo::default() }).unwrap();
    server.wait_for_speakers(1).unwrap();
    let mut browser = Browser::start().unwrap();
    let page = browser.open(&server.http.url(&format!("/stage/{}", server.room))).unwrap();
    browser.fill(page, "input[autocomplete=name]", "Eve").unwrap();
    browser.click(page, "button:has-text('Go on stage'):enabled").unwrap();
    server.wait_for_speakers(2).unwrap();
    let both = |frames: &Value| {
        let frames = frames.as_array().map_or(&[][..], Vec::as_slice);
        frames.len() == 2 && frames.iter().all(|count| count.as_u64() > Some(30))
    };
    browser.wait_until(page, "one's own picture and the other speaker's", 20, STAGE_FRAMES, both).unwrap();
    browser.click(page, "button:has-text('Leave the stage')").unwrap();
    server.wait_for_speakers(1).unwrap();
}
