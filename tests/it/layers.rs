//! Which of a simulcast speaker's layers a seated viewer gets.

#![allow(clippy::unwrap_used)] // A test that unwraps says where it failed.

use std::time::{Duration, Instant};

use rig::browser::{Browser, Page};
use rig::server::{Demo, Server, pass};
use serde_json::Value;

/// The smaller picture that a viewer asks for is there after this.
const DOWN_MAX: Duration = Duration::from_secs(2);

fn wait_for_height(browser: &mut Browser, viewer: Page, seconds: u64, good: impl Fn(u64) -> bool) {
    let height = |s: &Value| s["height"].as_u64().is_some_and(&good);
    browser.wait_until(viewer, "a picture of another size", seconds, "window.rig.stats()", height).unwrap();
}

/// Says how large a picture the viewer has use for.
fn limit(browser: &mut Browser, viewer: Page, width: u32, height: u32) {
    let status = browser.evaluate(viewer, &format!("window.rig.limit({width}, {height})")).unwrap();
    assert_eq!(status, 204);
}

#[test]
fn a_viewer_gets_the_size_it_asks_for_and_none_while_it_pauses() {
    let server = Server::start(Demo::default()).unwrap();
    let mut browser = Browser::start().unwrap();
    let query = "kind=whip&codec=VP8&simulcast=1&size=960x540";
    let speaker = browser.open_peer(&server, query, &server.speaker_token("eve")).unwrap();
    let all = |s: &Value| {
        let layers = s["layers"].as_array().map_or(&[][..], Vec::as_slice);
        layers.iter().filter(|layer| layer["frames"].as_u64() > Some(10)).count() == 3
    };
    browser.wait_until(speaker, "three layers", 25, "window.rig.stats()", all).unwrap();
    server.wait_for_speakers(1).unwrap();
    let viewer = browser.open_peer(&server, "kind=whep", &server.viewer_token("seat")).unwrap();
    // Without a limit: the largest that the path carries, and loopback carries anything.
    wait_for_height(&mut browser, viewer, 40, |height| height == 540);

    limit(&mut browser, viewer, 240, 135);
    let asked = Instant::now();
    wait_for_height(&mut browser, viewer, 10, |height| height == 135);
    assert!(asked.elapsed() < DOWN_MAX, "the smaller picture took {:?}", asked.elapsed());

    limit(&mut browser, viewer, 0, 0);
    pass(1);
    let frames = |browser: &mut Browser| browser.evaluate(viewer, "window.rig.stats()").unwrap()["frames"].as_u64();
    let before = frames(&mut browser).unwrap();
    pass(2);
    let paused = frames(&mut browser).unwrap() - before;
    assert!(paused <= 2, "{paused} frames while paused");

    limit(&mut browser, viewer, 480, 270);
    wait_for_height(&mut browser, viewer, 40, |height| height == 270);
}

#[test]
fn a_viewer_climbs_to_the_larger_of_two_layers() {
    let server = Server::start(Demo::default()).unwrap();
    let mut browser = Browser::start().unwrap();
    let query = "kind=whip&codec=VP8&simulcast=1&size=640x360";
    let speaker = browser.open_peer(&server, query, &server.speaker_token("eve")).unwrap();
    server.wait_for_speakers(1).unwrap();
    let both = |s: &Value| {
        let layers = s["layers"].as_array().map_or(&[][..], Vec::as_slice);
        layers.len() == 2 && layers.iter().all(|layer| layer["frames"].as_u64() > Some(10))
    };
    browser.wait_until(speaker, "two layers", 25, "window.rig.stats()", both).unwrap();
    let viewer = browser.open_peer(&server, "kind=whep", &server.viewer_token("seat")).unwrap();
    wait_for_height(&mut browser, viewer, 40, |height| height == 360);
}
