//! Rungs that nobody watches rest, and wake for whoever asks for them.

#![allow(clippy::unwrap_used)] // A test that unwraps says where it failed.

use std::process::Command;
use std::time::Instant;

use rig::browser::{Browser, Page};
use rig::gst::{Publisher, Speaker};
use rig::hls::{MediaPlaylist, media_playlist};
use rig::server::{Demo, Server};
use rig::wait::wait_for;
use rig::{ffprobe, fmp4};
use serde_json::{Value, json};

/// The length of a segment, and of a part, seconds of the programme.
const SEGMENT_S: f64 = 2.0;
const PART_S: f64 = 0.2;
/// Part index of a segment's last part.
const LAST_PART: u32 = 9;

/// A room on the air that is not recorded, with the ladder `small`: 360p and 180p, of which 360p may rest after 6 s.
fn on_the_air() -> (Server, Publisher) {
    let environment = vec![("SPILLWAY__BROADCAST__RUNG_REST_SECONDS".into(), "6".into())];
    let server = Server::start(Demo { environment, ..Demo::default() }).unwrap();
    let (path, moderator) = (format!("/v1/rooms/{}", server.room), server.keys.mint_moderator(&server.room));
    let off = json!({ "record": "off" });
    assert_eq!(server.http.ask("PATCH", &path, Some(&moderator), Some(&off)).unwrap().status, 200);
    let whip = server.http.url(&format!("/whip/{}", server.room));
    let mut speaker = Publisher::start(&Speaker::new(&whip, &server.speaker_token("gst"))).unwrap();
    speaker.wait_until_connected().unwrap();
    server.wait_for_broadcast().unwrap();
    (server, speaker)
}

/// The path of the media playlist of the rung of this height.
fn rung(server: &Server, height: u32) -> String {
    let rungs = server.wait_for_broadcast().unwrap();
    rungs.into_iter().find(|rung| rung.height == height).expect("the rung is listed").path
}

fn resting(server: &Server) -> f64 {
    server.metrics().unwrap().sum("spillway_ingest_rungs_resting", &[])
}

fn wait_for_rest(server: &Server) {
    wait_for("a rung that rests", 20, || (resting(server) == 1.0).then_some(())).unwrap();
}

/// Segment and part of a part's path: `…/360p/17.3.m4s`.
fn position(path: &str) -> (u64, u32) {
    let mut numbers = path.rsplit('/').next().unwrap().split('.');
    (numbers.next().unwrap().parse().unwrap(), numbers.next().unwrap().parse().unwrap())
}

/// The first part in a playlist that is the rung's own.
fn first_own<'a>(playlist: &'a MediaPlaylist, folder: &str) -> Option<&'a str> {
    playlist.parts.iter().map(|(path, _)| path.as_str()).find(|path| path.contains(folder))
}

/// Reads a playlist part by part, as a low-latency player does, until the rung gives its own media.
fn follow_until_awake(server: &Server, path: &str, mut playlist: MediaPlaylist) -> MediaPlaylist {
    for _ in 0..30 {
        if first_own(&playlist, "/360p/").is_some() {
            return playlist;
        }
        let (msn, part) = position(&playlist.parts.last().unwrap().0);
        playlist = media_playlist(&server.http, &format!("{path}?_HLS_msn={msn}&_HLS_part={}", part + 1)).unwrap();
    }
    panic!("it does not wake: {}", playlist.text);
}

/// Every listed part is there and lies where the last one ended, whichever rung it is of.
fn check_parts(server: &Server, playlist: &MediaPlaylist) {
    let mut end = None;
    for (path, _) in &playlist.parts {
        let reply = server.http.get(path).unwrap();
        assert_eq!(reply.status, 200, "{path}");
        for fragment in fmp4::fragments(&reply.body).unwrap() {
            assert!(end.is_none_or(|end| end == fragment.decode_time), "{path} does not follow: {}", playlist.text);
            end = Some(fragment.end());
        }
    }
}

#[test]
fn rung_that_nobody_asks_for_rests_and_a_request_wakes_it_within_a_segment() {
    let (server, _speaker) = on_the_air();
    assert_eq!(server.metrics().unwrap().sum("spillway_ingest_rungs_encoded", &[]), 2.0);
    wait_for_rest(&server);
    let metrics = server.metrics().unwrap();
    assert_eq!(metrics.sum("spillway_ingest_rungs_encoded", &[]), 1.0);
    let path = rung(&server, 360);
    // Long enough that no part of its own is listed.
    rig::server::pass(8);

    let asked_at = Instant::now();
    let playlist = media_playlist(&server.http, &path).unwrap();
    println!("the playlist of a rung at rest came after {:.0} ms", asked_at.elapsed().as_secs_f64() * 1e3);
    assert_eq!(first_own(&playlist, "/360p/"), None, "{}", playlist.text);
    assert!(!playlist.text.contains("GAP"), "{}", playlist.text);
    check_parts(&server, &playlist);
    let (msn, part) = position(&playlist.parts.last().unwrap().0);

    let playlist = follow_until_awake(&server, &path, media_playlist(&server.http, &path).unwrap());
    check_parts(&server, &playlist);
    let own = first_own(&playlist, "/360p/").unwrap();
    let (own_msn, own_part) = position(own);
    assert!(own_part == 0 && playlist.independent.iter().any(|part| part == own), "{}", playlist.text);
    let parts = |(msn, part): (u64, u32)| msn as f64 * SEGMENT_S + f64::from(part + 1) * PART_S;
    let waited_s = parts((own_msn, own_part)) - parts((msn, part));
    println!("its first part was published {waited_s:.1} s of programme after it was asked for");
    // A request during a segment's last frame is followed with the segment after the next.
    let late = f64::from(part == LAST_PART || part + 1 == LAST_PART) * SEGMENT_S;
    assert!(waited_s <= SEGMENT_S + PART_S + late, "{waited_s} s after part {part}");
    wait_for("its metric", 5, || (resting(&server) == 0.0).then_some(())).unwrap();
    assert_eq!(server.metrics().unwrap().sum("spillway_ingest_rung_wakes_total", &[]), 1.0);

    let init = server.http.get(playlist.map.as_deref().unwrap()).unwrap().body;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("woken.mp4");
    std::fs::write(&file, [init, server.http.get(own).unwrap().body].concat()).unwrap();
    assert_eq!(ffprobe::probe(&file.to_string_lossy()).unwrap()["streams"][0]["height"], 360);
}

/// A picture that stands still for so long is seen to stand still, milliseconds.
const STALL_MS: f64 = 500.0;

/// Counts, from now on, the times that the picture stood still, and the longest of them in milliseconds.
const WATCH_STALLS: &str = "(() => {
  const video = document.querySelector('video');
  const seen = (window.stalls = { waiting: 0, longest: 0, errors: [] });
  video.addEventListener('waiting', () => (seen.waiting += 1));
  window.__spillway.hls.on('hlsError', (_, data) => seen.errors.push(data.details));
  let last = performance.now();
  const frame = (now) => {
    seen.longest = Math.max(seen.longest, now - last);
    last = now;
    video.requestVideoFrameCallback(frame);
  };
  video.requestVideoFrameCallback((now) => { last = now; video.requestVideoFrameCallback(frame); });
})()";

const PLAYER: &str = "(() => {
  const video = document.querySelector('video');
  const hls = window.__spillway?.hls;
  return {
    frames: video?.getVideoPlaybackQuality().totalVideoFrames ?? 0, height: video?.videoHeight ?? 0,
    level: hls?.currentLevel ?? -1, auto: hls?.autoLevelEnabled ?? null, time: video?.currentTime ?? 0,
    heights: hls?.levels.map((level) => level.height) ?? [], stalls: window.stalls ?? null,
  };
})()";

fn plays(browser: &mut Browser, page: Page, height: u64) -> Value {
    let right = |player: &Value| player["height"].as_u64() == Some(height);
    browser.wait_until(page, &format!("a picture of {height} lines"), 20, PLAYER, right).unwrap()
}

#[test]
fn chromium_changes_to_a_rung_at_rest_without_a_stall() {
    check_change(Browser::start().unwrap());
}

#[test]
fn firefox_changes_to_a_rung_at_rest_without_a_stall() {
    check_change(Browser::start_firefox().unwrap());
}

/// A viewer of the lowest rung chooses the one that rests.
fn check_change(mut browser: Browser) {
    let (server, _speaker) = on_the_air();
    let page = browser.open(&server.http.url(&format!("/watch/{}?delivery=broadcast", server.room))).unwrap();
    let started = |player: &Value| player["frames"].as_u64() > Some(30);
    let player = browser.wait_until(page, "pictures", 30, PLAYER, started).unwrap();
    assert_eq!(player["heights"].as_array().map(Vec::len), Some(2), "{player}");
    browser.evaluate(page, "window.__spillway.hls.nextLevel = 0").unwrap();
    plays(&mut browser, page, 180);
    wait_for_rest(&server);
    rig::server::pass(4);

    browser.evaluate(page, WATCH_STALLS).unwrap();
    let changed_at = Instant::now();
    browser.evaluate(page, "window.__spillway.hls.nextLevel = 1").unwrap();
    let player = plays(&mut browser, page, 360);
    println!("360 lines {:.1} s after they were chosen: {player}", changed_at.elapsed().as_secs_f64());
    let frames = player["frames"].as_u64().unwrap();
    let more = |player: &Value| player["frames"].as_u64() > Some(frames + 60);
    let player = browser.wait_until(page, "frames that go on", 20, PLAYER, more).unwrap();
    println!("{player}");
    assert_eq!((player["height"].as_u64(), player["auto"].as_bool()), (Some(360), Some(false)), "{player}");
    // hls.js says `bufferStalledError` of a wait of any length: Firefox waits for up to 0.4 s now and then.
    let mut errors = player["stalls"]["errors"].as_array().unwrap().iter();
    assert!(errors.all(|error| error == "bufferStalledError"), "{player}");
    assert!(player["stalls"]["longest"].as_f64() < Some(STALL_MS), "{player}");
    assert_eq!(resting(&server), 0.0);

    // Printed for comparison: the same change while the rung is still awake.
    browser.evaluate(page, "window.__spillway.hls.nextLevel = 0").unwrap();
    plays(&mut browser, page, 180);
    rig::server::pass(2);
    browser.evaluate(page, "Object.assign(window.stalls, { waiting: 0, longest: 0, errors: [] })").unwrap();
    browser.evaluate(page, "window.__spillway.hls.nextLevel = 1").unwrap();
    println!("to a rung that is awake: {}", plays(&mut browser, page, 360)["stalls"]);
}

/// The sizes of pictures in order, each as often as it comes without another in between.
fn runs(sizes: &[(u32, u32)]) -> Vec<((u32, u32), usize)> {
    sizes.chunk_by(|a, b| a == b).map(|run| (run[0], run.len())).collect()
}

/// The sizes of the pictures that GStreamer shows in so many seconds.
fn gstreamer_sizes(uri: &str, seconds: u32) -> Vec<(u32, u32)> {
    let uri = format!("uri={uri}");
    let player = ["uridecodebin3", &uri, "!", "videoconvert", "!", "video/x-raw,format=I420", "!"];
    let sink = ["fakesink", "name=sink", "sync=true", "silent=false"];
    let output = Command::new("timeout")
        .args(["-s", "INT", &seconds.to_string(), "gst-launch-1.0", "-v"])
        .args(player.iter().chain(&sink))
        .output()
        .unwrap();
    // One line for each buffer: "chain ******* (sink:sink) (345600 bytes, dts: …".
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let bytes = |line: &str| line.split_once("(sink:sink) (")?.1.split(' ').next()?.parse::<u32>().ok();
    let size = |bytes: u32| match bytes {
        86_400 => (320, 180),
        345_600 => (640, 360),
        other => panic!("a picture of {other} bytes"),
    };
    text.lines().filter(|line| line.contains("chain")).filter_map(bytes).map(size).collect()
}

#[test]
fn players_of_plain_hls_play_from_the_lent_media_of_a_rung_at_rest_on_to_its_own() {
    let (server, _speaker) = on_the_air();
    let path = rung(&server, 360);
    wait_for_rest(&server);
    // Such players begin three segments before the end of the playlist.
    rig::server::pass(9);
    let url = server.http.url(&path);
    let played = std::thread::scope(|scope| {
        let ffmpeg = scope.spawn(|| ffprobe::picture_sizes(&url, 12).unwrap());
        let gstreamer = scope.spawn(|| gstreamer_sizes(&url, 16));
        [("FFmpeg", ffmpeg.join().unwrap()), ("GStreamer", gstreamer.join().unwrap())]
    });
    for (name, pictures) in played {
        let runs = runs(&pictures);
        println!("{name}: {runs:?}");
        let sizes: Vec<_> = runs.iter().map(|(size, _)| *size).collect();
        assert_eq!(sizes, [(320, 180), (640, 360)], "{name}: {runs:?}");
        assert!(runs.iter().all(|(_, pictures)| *pictures >= 60), "{name}: {runs:?}");
    }
}
