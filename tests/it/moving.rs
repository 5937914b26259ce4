//! Apps on LiveKit's SDKs follow the server from a seat to the broadcast and back, by the examples that we give them.

#![allow(clippy::unwrap_used)] // A test that unwraps says where it failed.

use rig::browser::Browser;
use rig::livekit_clients::python;
use rig::server::{Demo, Server};
use serde_json::{Value, json};

const STATE: &str = "window.rig.state()";

/// A demo that is on the air.
fn on_air() -> Server {
    let server = Server::start(Demo { speakers: 1, ..Demo::default() }).unwrap();
    server.wait_for_broadcast().unwrap();
    server
}

#[test]
fn an_app_in_javascript_follows_a_packet_to_the_broadcast_and_comes_back() {
    let server = on_air();
    let mut browser = Browser::start().unwrap();
    let admin = server.keys.mint_moderator(&server.room);
    let page = format!("/__rig/moving.html?room={}&admin={admin}", server.room);
    let page = browser.open(&server.http.url(&page)).unwrap();
    let seat = json!({
        "delivery": "interactive", "url": server.http.origin(), "token": server.viewer_token("mover"), "reason": "seat",
    });
    let broadcast = json!({
        "delivery": "broadcast", "playlist": server.playlist(), "ready": true, "reason": "room_full",
    });
    assert_eq!(browser.evaluate(page, &format!("window.rig.follow({seat})")).unwrap(), "followed");
    let seated = |state: &Value| state["seat"].as_u64() > Some(20);
    browser.wait_until(page, "pictures in a seat", 25, STATE, seated).unwrap();

    let sent = browser.evaluate(page, &format!("window.rig.sendAway('mover', {broadcast})")).unwrap();
    assert_eq!(sent, 200);
    let moved = |state: &Value| state["moves"][1] == "broadcast room_full" && state["seats"] == 0;
    let state = browser.wait_until(page, "the broadcast instead of the seat", 25, STATE, moved).unwrap();
    let frames = state["broadcast"].as_u64().unwrap();
    let plays = |state: &Value| state["broadcast"].as_u64() > Some(frames + 20);
    browser.wait_until(page, "pictures of the broadcast", 25, STATE, plays).unwrap();

    assert_eq!(browser.evaluate(page, &format!("window.rig.follow({seat})")).unwrap(), "followed");
    browser.wait_until(page, "pictures in a seat again", 25, STATE, seated).unwrap();
    browser.evaluate(page, "window.rig.end()").unwrap();
}

#[test]
fn an_app_in_python_follows_a_packet_to_the_broadcast_and_comes_back() {
    let server = on_air();
    python(&server, &server.http, "follow_move.py", &[]).unwrap();
}
