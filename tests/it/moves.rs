//! Viewers in browsers are moved between seat and broadcast: by the room's thresholds, by a host, by a drain.

#![allow(clippy::unwrap_used)] // A test that unwraps says where it failed.

use rig::browser::{Browser, Page};
use rig::meeting_page::{self, Way};
use rig::server::{Demo, Server};
use rig::wait::wait_for_or;
use serde_json::{Value, json};

/// How the watch page's player stands.
const PLAYER: &str = "(() => {
  const player = window.__spillway;
  const shown = [...document.querySelectorAll('video')].filter((video) => (video.srcObject !== null) === (player?.path === 'seat'));
  return {
    path: player?.path ?? null, moving: player?.moving ?? null, identity: player?.identity ?? null,
    frames: shown.reduce((sum, video) => sum + video.getVideoPlaybackQuality().totalVideoFrames, 0),
    said: document.body.innerText,
  };
})()";

/// A demo with a synthetic speaker, on the air, and with so many seats, the speaker's among them.
fn demo(seats_max: u32, environment: &[(&str, &str)]) -> Server {
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let server = Server::start(Demo { speakers: 1, environment, ..Demo::default() }).unwrap();
    server.wait_for_speakers(1).unwrap();
    server.wait_for_broadcast().unwrap();
    let audience = json!({
        "audience": { "seats_max": seats_max, "dwell_seconds": 10, "promote": "auto", "high_watermark": 100, "low_watermark": 99 },
    });
    let moderator = server.keys.mint_moderator("demo");
    let set = server.http.ask("PATCH", "/v1/rooms/demo", Some(&moderator), Some(&audience)).unwrap();
    assert_eq!(set.status, 200, "{}", set.text());
    server
}

fn open(browser: &mut Browser, server: &Server) -> Page {
    browser.open(&server.http.url("/watch/demo")).unwrap()
}

/// Waits until a page watches by a path, and pictures have come there. Its identity.
fn wait_for(browser: &mut Browser, page: Page, path: &str, seconds: u64) -> String {
    let there = |player: &Value| player["path"] == path && player["moving"].is_null() && player["identity"].is_string();
    let player = browser.wait_until(page, &format!("a page on the {path}"), seconds, PLAYER, there).unwrap();
    let frames = player["frames"].as_u64().unwrap();
    let plays = |player: &Value| player["path"] == path && player["frames"].as_u64() > Some(frames + 20);
    browser.wait_until(page, &format!("pictures on the {path}"), 20, PLAYER, plays).unwrap();
    player["identity"].as_str().unwrap().to_owned()
}

fn move_to(server: &Server, identity: &str, delivery: &str) -> (u16, Value) {
    let path = format!("/v1/rooms/demo/participants/{identity}/move");
    let token = server.keys.mint_moderator("demo");
    let reply = server.http.ask("POST", &path, Some(&token), Some(&json!({ "delivery": delivery }))).unwrap();
    (reply.status, reply.json())
}

#[test]
fn a_host_moves_a_viewer_to_the_broadcast_and_back() {
    let server = demo(10, &[]);
    let mut browser = Browser::start().unwrap();
    let page = open(&mut browser, &server);
    let identity = wait_for(&mut browser, page, "seat", 30);
    assert_eq!(move_to(&server, &identity, "broadcast").0, 202);
    assert_eq!(wait_for(&mut browser, page, "broadcast", 40), identity, "the same viewer");
    assert_eq!(move_to(&server, &identity, "interactive").0, 202);
    assert_eq!(wait_for(&mut browser, page, "seat", 60), identity);
    assert_eq!(move_to(&server, "nobody", "interactive").0, 404);
}

#[test]
fn a_full_room_overflows_and_a_seat_that_is_freed_goes_to_whoever_watches_the_broadcast() {
    let server = demo(2, &[]);
    let mut browser = Browser::start().unwrap();
    let seated = open(&mut browser, &server);
    wait_for(&mut browser, seated, "seat", 30);
    let waiting = open(&mut browser, &server);
    let identity = wait_for(&mut browser, waiting, "broadcast", 30);
    let (status, refusal) = move_to(&server, &identity, "interactive");
    assert_eq!((status, &refusal["type"]), (409, &json!("urn:spillway:problem:room-full")));

    let token = server.viewer_token("late");
    let late = meeting_page::open(&mut browser, &server.http, &token, Way::default()).unwrap();
    let refused = browser.evaluate(late, "window.joined").unwrap();
    assert!(refused.as_str().unwrap().starts_with("failed: ConnectionError"), "{refused}");
    browser.close(late).unwrap();

    browser.close(seated).unwrap();
    assert_eq!(wait_for(&mut browser, waiting, "seat", 90), identity);
}

#[test]
fn a_drain_moves_everybody_to_the_broadcast_the_stage_last_and_says_how_far_it_is() {
    let server = demo(10, &[("SPILLWAY__NODE__DRAIN_STAGE_SECONDS", "25")]);
    let mut browser = Browser::start().unwrap();
    let page = open(&mut browser, &server);
    wait_for(&mut browser, page, "seat", 30);
    let way = Way { two_connections: false, adaptive_stream: false };
    let app = meeting_page::join(&mut browser, &server.http, &server.viewer_token("app"), way).unwrap();
    let operator = server.keys.mint_operator();
    let node = |method: &str, path: &str| server.http.ask(method, path, Some(&operator), None).unwrap().json();
    let begun = node("PUT", "/v1/node/drain");
    assert_eq!((&begun["admission"], &begun["drain"]["seats_before"]), (&json!("draining"), &json!(3)), "{begun}");
    assert_eq!(server.http.get("/readyz").unwrap().status, 503);

    let told = |state: &Value| {
        let events =
            state["events"].as_array().map(|events| events.iter().filter_map(Value::as_str).collect::<Vec<_>>());
        events.is_some_and(|events| {
            let at = |start: &str| events.iter().position(|event| event.starts_with(start));
            at("Move node_drains").is_some() && at("Move node_drains") < at("Disconnected")
        })
    };
    browser.wait_until(app, "a move, and a Leave after it", 30, "window.rig.state()", told).unwrap();
    wait_for(&mut browser, page, "broadcast", 40);
    let join = server.http.ask("POST", "/v1/rooms/demo/join", None, None).unwrap().json();
    assert_eq!((&join["delivery"], &join["reason"]), (&json!("broadcast"), &json!("node_drains")), "{join}");

    let over = wait_for_or("the end of the drain", 60, || match node("GET", "/v1/node") {
        node if node["drain"]["is_over"] == true => Ok(node),
        node => Err(node.to_string()),
    });
    println!("{}", over.unwrap());
    assert_eq!(node("DELETE", "/v1/node/drain")["drain"], Value::Null);
    let join = server.http.ask("POST", "/v1/rooms/demo/join", None, None).unwrap().json();
    assert_eq!(join["reason"], "seat", "{join}");
}
