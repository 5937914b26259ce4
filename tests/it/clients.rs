//! LiveKit's Go and Python SDKs, unmodified, beside each other and beside everybody else.
//!
//! Pion, which the Go SDK is built on, answers an ICE-lite offer with `a=setup:passive`: the server is the client of
//! DTLS then. Without Go the tests say that they do not run.

#![allow(clippy::unwrap_used)] // A test that unwraps says where it failed.

use std::path::PathBuf;

use rig::browser::Browser;
use rig::livekit_clients::{join, sees, without_broadcast};
use rig::livekit_proxy::Proxy;
use rig::participant::{Participant, go_program};
use rig::relay::Hole;
use rig::server::{Demo, Server, outside_address};
use serde_json::Value;

/// Messages each way.
const MESSAGES: usize = 20;

/// The Go participant's program, or `None` after saying why there is none.
fn go() -> Option<PathBuf> {
    // Pion leaves the loopback interface out: it needs another address to send from.
    if outside_address().is_none() {
        eprintln!("not run: this machine has no address but loopback's");
        return None;
    }
    let program = go_program().unwrap();
    if program.is_none() {
        eprintln!("not run: there is no Go of 1.24 or later");
    }
    program
}

fn start() -> Server {
    Server::start(Demo { environment: vec![without_broadcast()], ..Demo::with_one_port() }).unwrap()
}

#[test]
fn tracks_of_a_go_client_reach_browser_native_client_and_whep_viewer() {
    let Some(program) = go() else { return };
    let server = start();
    let _go = Participant::go(&program, &server.http, &server.speaker_token("go"), true).unwrap();
    let mut browser = Browser::start().unwrap();
    let ann = join(&mut browser, &server, &server.http, "ann", "").unwrap();
    let seat = browser.open_peer(&server, "kind=whep&codec=VP8", &server.viewer_token("seat")).unwrap();
    let mut pat = Participant::python(&server.http, &server.viewer_token("pat"), false).unwrap();

    let picture = pat.receives("go", "video", 30).unwrap();
    assert_eq!((picture["width"].as_u64(), picture["height"].as_u64()), (Some(320), Some(180)));
    pat.receives("go", "audio", 100).unwrap();
    sees(&mut browser, ann, "go", "camera", 30).unwrap();
    let heard = |sound: &Value| {
        let of_go = sound.as_array().into_iter().flatten().find(|sound| sound["identity"] == "go");
        of_go.is_some_and(|sound| sound["energy"].as_f64() > Some(0.0))
    };
    browser.wait_until(ann, "the Go client's tone", 20, "window.rig.sound()", heard).unwrap();
    let good = |s: &Value| s["frames"].as_u64() > Some(30) && s["audioPackets"].as_u64() > Some(50);
    browser.wait_until(seat, "picture and sound by WHEP", 20, "window.rig.stats()", good).unwrap();
}

#[test]
fn go_client_gets_tracks_of_whip_browser_and_native_client() {
    let Some(program) = go() else { return };
    let server = start();
    let mut browser = Browser::start().unwrap();
    browser.open_peer(&server, "kind=whip&codec=VP8", &server.speaker_token("eve")).unwrap();
    let ann = join(&mut browser, &server, &server.http, "ann", "").unwrap();
    browser.evaluate(ann, "window.rig.camera()").unwrap();
    browser.evaluate(ann, "window.rig.microphone()").unwrap();
    let mut go = Participant::go(&program, &server.http, &server.viewer_token("go"), false).unwrap();
    // Comes later than the viewer.
    let _pat = Participant::python(&server.http, &server.speaker_token("pat"), true).unwrap();
    for identity in ["eve", "ann", "pat"] {
        let picture = go.receives(identity, "video", 30).unwrap();
        assert!(picture["keyframes"].as_u64() > Some(0) && picture["width"].as_u64() > Some(0), "{picture}");
        go.receives(identity, "audio", 50).unwrap();
    }
}

/// Sends messages from one to another, both ways of sending.
fn message(from: &mut Participant, to: &mut Participant, identity: &str) {
    let before = to.messages(identity).len();
    for n in 0..MESSAGES {
        from.send(true, &format!("sure {n}")).unwrap();
    }
    let last = format!("sure {}", MESSAGES - 1);
    to.wait_for("all reliable messages", 20, |event| event["identity"] == identity && event["text"] == last.as_str())
        .unwrap();
    let sure: Vec<String> = (0..MESSAGES).map(|n| format!("sure {n}")).collect();
    assert_eq!(to.messages(identity)[before..], sure, "from {identity}");
    for n in 0..MESSAGES {
        from.send(false, &format!("lossy {n}")).unwrap();
    }
    // No message need arrive, but on loopback some do.
    to.wait_for("a lossy message", 20, |event| {
        event["identity"] == identity && event["text"].as_str().is_some_and(|text| text.starts_with("lossy"))
    })
    .unwrap();
}

#[test]
fn go_and_python_clients_see_hear_and_message_each_other() {
    let Some(program) = go() else { return };
    let server = start();
    let mut go = Participant::go(&program, &server.http, &server.speaker_token("go"), true).unwrap();
    let mut pat = Participant::python(&server.http, &server.speaker_token("pat"), true).unwrap();
    for media in ["video", "audio"] {
        go.receives("pat", media, 50).unwrap();
        pat.receives("go", media, 50).unwrap();
    }
    message(&mut go, &mut pat, "go");
    message(&mut pat, &mut go, "pat");
    // The others are told of a participant who leaves.
    drop(pat);
    go.wait_for("that pat has left", 10, |event| event["event"] == "left" && event["identity"] == "pat").unwrap();
}

/// Datagrams of DTLS each way until messages flow, at most.
const HANDSHAKE_DATAGRAMS: u32 = 8;

#[test]
fn no_lost_datagram_of_a_handshake_keeps_a_go_client_out() {
    let Some(program) = go() else { return };
    let server = start();
    let proxy = Proxy::start(&server.http).unwrap();
    let holes = [true, false].map(|to_server| (0..HANDSHAKE_DATAGRAMS).map(move |nth| Hole { to_server, nth }));
    // As the server of DTLS, Pion sends its HelloVerifyRequest once only, however often it is asked again (pion/dtls
    // 3.1.2): no client could get over that loss.
    let verify_request = Hole { to_server: true, nth: 0 };
    for hole in holes.into_iter().flatten().filter(|hole| *hole != verify_request) {
        proxy.lose(hole);
        let join = |name: &str| Participant::go(&program, &proxy.http, &server.speaker_token(name), false);
        let mut go = join("go").unwrap_or_else(|error| panic!("{hole:?}: {error}"));
        let mut gil = join("gil").unwrap_or_else(|error| panic!("{hole:?}: {error}"));
        go.send(true, "hello").unwrap();
        let hello = |event: &Value| event["event"] == "data" && event["text"] == "hello";
        gil.wait_for("a message", 20, hello).unwrap_or_else(|error| panic!("{hole:?}: {error}"));
        for client in [&mut go, &mut gil] {
            assert_eq!(client.count("reconnecting"), 0, "{hole:?}");
        }
    }
}

#[test]
fn go_python_and_javascript_clients_resume_when_their_sockets_are_cut() {
    let Some(program) = go() else { return };
    let server = start();
    let proxy = Proxy::start(&server.http).unwrap();
    let mut go = Participant::go(&program, &proxy.http, &server.speaker_token("go"), true).unwrap();
    let mut pat = Participant::python(&proxy.http, &server.speaker_token("pat"), true).unwrap();
    let mut browser = Browser::start().unwrap();
    let ann = join(&mut browser, &server, &proxy.http, "ann", "").unwrap();
    browser.evaluate(ann, "window.rig.camera()").unwrap();
    let all_watch_all = |go: &mut Participant, pat: &mut Participant, browser: &mut Browser, more: u64| {
        for other in ["pat", "ann"] {
            go.receives(other, "video", more).unwrap();
        }
        for other in ["go", "ann"] {
            pat.receives(other, "video", more).unwrap();
        }
        for other in ["go", "pat"] {
            let before = sees(browser, ann, other, "camera", 0).unwrap()["frames"].as_u64().unwrap();
            sees(browser, ann, other, "camera", before + more).unwrap();
        }
    };
    all_watch_all(&mut go, &mut pat, &mut browser, 30);
    proxy.cut();
    for client in [&mut go, &mut pat] {
        client.wait_for("a connection that is resumed", 30, |event| event["event"] == "reconnected").unwrap();
    }
    let again = |events: &Value| events.as_array().is_some_and(|all| all.iter().any(|e| e == "Reconnected"));
    browser.wait_until(ann, "a connection that is resumed", 30, "window.rig.events", again).unwrap();

    all_watch_all(&mut go, &mut pat, &mut browser, 60);
    go.receives("pat", "audio", 50).unwrap();
    pat.receives("go", "audio", 50).unwrap();
    message(&mut go, &mut pat, "go");
    message(&mut pat, &mut go, "pat");
    for client in [&mut go, &mut pat] {
        assert_eq!((client.count("left"), client.count("disconnected")), (0, 0), "{:?}", client.events());
    }
    let left = "window.rig.events.filter((e) => e.startsWith('ParticipantDisconnected')).length";
    assert_eq!(browser.evaluate(ann, left).unwrap(), 0, "nobody saw anybody go");
}
