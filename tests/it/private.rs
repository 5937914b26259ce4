//! The right to watch: private rooms, playback tokens, and rooms that nobody put on the air.

#![allow(clippy::unwrap_used)] // A test that unwraps says where it failed.

use std::path::Path;
use std::process::Command;

use rig::browser::Browser;
use rig::gst::{Publisher, Speaker};
use rig::hls::{media_playlist, renditions};
use rig::http::Reply;
use rig::livekit_clients;
use rig::server::{Demo, Server, binary, pass};
use rig::wait::wait_for_or;
use serde_json::{Value, json};

fn ask(server: &Server, method: &str, path: &str, token: &str, body: Option<Value>) -> Reply {
    server.http.ask(method, path, Some(token), body.as_ref()).unwrap()
}

/// Makes a room by the REST API, which is the server's from now on.
fn make_room(server: &mut Server, room: &str, settings: Value) {
    let mut body = settings;
    body["room"] = json!(room);
    let made = ask(server, "POST", "/v1/rooms", &server.keys.mint_admin(), Some(body));
    assert_eq!(made.status, 201, "{}", made.text());
    room.clone_into(&mut server.room);
}

fn change_room(server: &Server, settings: Value) -> Value {
    let path = format!("/v1/rooms/{}", server.room);
    let reply = ask(server, "PATCH", &path, &server.keys.mint_moderator(&server.room), Some(settings));
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

fn playback_token(server: &Server, request: Value) -> String {
    let path = format!("/v1/rooms/{}/playback-token", server.room);
    let reply = ask(server, "POST", &path, &server.keys.mint_moderator(&server.room), Some(request));
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["token"].as_str().unwrap().to_owned()
}

/// As an operator makes one, in a shell on the server.
fn printed_playback_token(server: &Server, arguments: &[&str]) -> String {
    let mut command = Command::new(binary().unwrap());
    command.args(["token", "--playback", "--room", &server.room]).args(arguments);
    command.args(["--key", &server.keys.key, "--secret", &server.keys.secret]);
    let output = command.env("SPILLWAY__API__DATABASE", server.data().join("spillway.db")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn speaker(server: &Server, identity: &str) -> Publisher {
    let whip = server.http.url(&format!("/whip/{}", server.room));
    let speaker = Speaker { size: (320, 180), ..Speaker::new(&whip, &server.speaker_token(identity)) };
    let mut publisher = Publisher::start(&speaker).unwrap();
    publisher.wait_until_connected().unwrap();
    publisher
}

fn tokened(token: &str, room: &str) -> String {
    format!("/live/t/{token}/{room}/index.m3u8")
}

/// The parts of an answer by which a stranger could tell answers apart.
fn told(server: &Server, path: &str) -> (u16, Vec<Option<String>>, String) {
    let reply = server.http.get(path).unwrap();
    let headers =
        ["content-type", "content-length", "cache-control", "vary", "www-authenticate", "retry-after", "allow"];
    (reply.status, headers.map(|name| reply.header(name).map(str::to_owned)).to_vec(), reply.text())
}

/// A page's data, the list, and each path of the broadcast answer a stranger as if there were no such room.
fn check_hidden(server: &Server) {
    let nothing = told(server, "/v1/rooms/nowhere");
    assert_eq!(nothing.0, 404);
    assert_eq!(told(server, &format!("/v1/rooms/{}", server.room)), nothing);
    let listed = server.http.get("/v1/rooms").unwrap();
    assert!(!listed.text().contains(&server.room), "{}", listed.text());
    let nothing = told(server, "/live/nowhere/index.m3u8");
    assert_eq!(nothing.0, 404);
    for below in ["index.m3u8", "abcdefgh/360p.m3u8", "abcdefgh/360p/0.m4s", "nonsense"] {
        assert_eq!(told(server, &format!("/live/{}/{below}", server.room)), nothing, "{below}");
    }
}

/// Plays as a player does: every URI of the playlists, relative to where they came from. No byte of it knows the token.
fn check_plays(server: &Server, token: &str) {
    let entry = tokened(token, &server.room);
    let knows = |body: &[u8]| body.windows(token.len()).any(|window| window == token.as_bytes());
    let fetched = |path: &str| {
        assert!(path.starts_with(&format!("/live/t/{token}/")), "{path}");
        let reply = server.http.get(path).unwrap();
        assert_eq!(reply.status, 200, "{path}");
        assert!(!knows(&reply.body), "{path} contains the token");
        assert!(reply.header("cache-control").is_some_and(|value| value.contains("max-age=")), "{path}");
        reply
    };
    fetched(&entry);
    for rendition in renditions(&server.http, &entry).unwrap() {
        let text = fetched(&rendition.path).text();
        assert!(!text.contains("://") && !text.contains("URI=\"/"), "a URI that inherits nothing: {text}");
        let playlist = media_playlist(&server.http, &rendition.path).unwrap();
        fetched(playlist.map.as_deref().unwrap());
        let segments = playlist.segments.iter().map(|segment| &segment.path);
        let parts = playlist.parts.iter().map(|(path, _)| path);
        let media: Vec<&String> = segments.rev().take(1).chain(parts.rev().take(2)).collect();
        assert_eq!(media.len(), 3, "{}", playlist.text);
        for path in media {
            let reply = fetched(path);
            let seconds = reply.header("cache-control").unwrap().split(['=', ',']).nth(2).unwrap().parse::<u32>();
            assert!(seconds.unwrap() <= 3600, "kept for longer than the token holds: {reply:?}");
        }
    }
}

fn segments_below(folder: &Path) -> usize {
    let below = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.unwrap().path();
        if path.is_dir() { segments_below(&path) } else { usize::from(path.extension().is_some_and(|k| k == "m4s")) }
    };
    std::fs::read_dir(folder).into_iter().flatten().map(below).sum()
}

#[test]
fn private_room_plays_with_a_playback_token_and_is_hidden_without() {
    let mut server = Server::start(Demo::default()).unwrap();
    make_room(&mut server, "backstage", json!({ "visibility": "private" }));
    check_hidden(&server);
    let _speaker = speaker(&server, "gst");
    server.wait_for_speakers(1).unwrap();
    let token = playback_token(&server, json!({}));
    server.wait_for_broadcast_at(&tokened(&token, &server.room)).unwrap();
    wait_for_or("a whole segment of every rendition", 20, || {
        let found = renditions(&server.http, &tokened(&token, &server.room)).map_err(|error| error.to_string())?;
        let whole =
            found.iter().all(|one| media_playlist(&server.http, &one.path).is_ok_and(|p| !p.segments.is_empty()));
        if whole { Ok(()) } else { Err(String::new()) }
    })
    .unwrap();

    check_hidden(&server);
    check_plays(&server, &token);
    let printed = printed_playback_token(&server, &["--ttl", "10m"]);
    check_plays(&server, &printed);
    let here = playback_token(&server, json!({ "address": "127.0.0.0/8" }));
    check_plays(&server, &here);
    let of_viewer = server.look().unwrap()["playlist"].as_str().unwrap().to_owned();
    assert_eq!(server.http.get(&of_viewer).unwrap().status, 200, "a bearer's own playlist");

    let brief = printed_playback_token(&server, &["--ttl", "1s"]);
    let mut changed = token.clone();
    changed.replace_range(20..21, if token.as_bytes()[20] == b'A' { "B" } else { "A" });
    pass(2);
    let of_demo = {
        let room = std::mem::replace(&mut server.room, "demo".into());
        let token = playback_token(&server, json!({}));
        server.room = room;
        token
    };
    let nothing = told(&server, "/live/nowhere/index.m3u8");
    for (what, token) in [
        ("changed", &changed),
        ("expired", &brief),
        ("of another room", &of_demo),
        ("of another address", &printed_playback_token(&server, &["--address", "192.0.2.0/24"])),
        ("an access token", &server.viewer_token("ann")),
    ] {
        assert_eq!(told(&server, &tokened(token, &server.room)), nothing, "{what}");
        let page = ask(&server, "GET", &format!("/v1/rooms/{}", server.room), token, None);
        assert_eq!(page.status, if what == "an access token" { 200 } else { 404 }, "{what}");
    }
    assert_eq!(told(&server, &tokened(&token, "nowhere")), nothing);

    // The room is deleted, and made again: what was given out for the first one is not for the second.
    let (room, admin) = (format!("/v1/rooms/{}", server.room), server.keys.mint_admin());
    assert_eq!(ask(&server, "DELETE", &room, &admin, None).status, 204);
    make_room(&mut server, "backstage", json!({ "visibility": "private" }));
    assert_eq!(ask(&server, "GET", &room, &token, None).status, 404);

    assert_eq!(segments_below(&server.data().join("media/backstage")), 0, "nobody asked for a recording");
    let log = std::fs::read_to_string(server.log()).unwrap();
    for token in [&token, &printed, &here, &brief, &changed, &of_demo] {
        assert!(!log.contains(token.as_str()) && !log.contains(&token[8..30]), "{log}");
    }
}

#[test]
fn room_made_by_a_livekit_token_is_off_the_air_until_switched_on() {
    let mut server = Server::start(Demo::default()).unwrap();
    server.room = "meeting".into();
    let mut browser = Browser::start().unwrap();
    let ann = livekit_clients::join(&mut browser, &server, &server.http, "ann", "").unwrap();
    browser.evaluate(ann, "window.rig.camera()").unwrap();
    browser.evaluate(ann, "window.rig.microphone()").unwrap();
    server.wait_for_speakers(1).unwrap();
    // A broadcast has its place as soon as it is started.
    pass(3);
    let room = server.look().unwrap();
    let settings = ["broadcast", "visibility", "record", "reason"].map(|key| room[key].as_str().unwrap_or_default());
    assert_eq!(settings, ["off", "private", "off", "broadcast_off"], "{room}");
    assert!(room["playlist"].is_null() && room["on_air"] == false, "{room}");
    check_hidden(&server);

    change_room(&server, json!({ "broadcast": "on" }));
    let token = playback_token(&server, json!({}));
    let on_air = server.wait_for_broadcast_at(&tokened(&token, &server.room)).unwrap();
    check_hidden(&server);
    change_room(&server, json!({ "visibility": "public" }));
    server.wait_for_broadcast().unwrap();
    assert!(server.http.get("/v1/rooms").unwrap().text().contains("\"meeting\""));
    let media = server.data().join("media");
    assert_eq!(segments_below(&media), 0, "nobody asked for a recording");

    // A recording holds a whole broadcast, so the broadcast begins anew.
    change_room(&server, json!({ "record": "on" }));
    wait_for_or("a recording", 30, || match segments_below(&media.join("meeting")) {
        0 => Err(String::new()),
        _ => Ok(()),
    })
    .unwrap();
    assert_ne!(server.wait_for_broadcast().unwrap()[0].path, on_air[0].path.replace(&format!("t/{token}/"), ""));
    change_room(&server, json!({ "visibility": "private", "broadcast": false }));
    check_hidden(&server);
}

#[test]
fn room_without_an_air_slot_says_so_and_starts_when_one_is_free() {
    let environment = vec![("SPILLWAY__BROADCAST__ROOMS_ON_AIR_MAX".into(), "1".into())];
    let mut server = Server::start(Demo { speakers: 1, environment, ..Demo::default() }).unwrap();
    server.wait_for_broadcast().unwrap();
    make_room(&mut server, "second", json!({ "broadcast": "on" }));
    let _speaker = speaker(&server, "gst");
    server.wait_for_speakers(1).unwrap();
    let waits = |server: &Server| {
        let room = server.look().unwrap();
        assert_eq!((&room["on_air"], &room["reason"]), (&json!(false), &json!("air_slots_taken")), "{room}");
    };
    waits(&server);
    let start = "/twirp/livekit.Egress/StartRoomCompositeEgress";
    let request = json!({ "room_name": "second" });
    let refused = ask(&server, "POST", start, &server.keys.mint_recorder(), Some(request));
    assert_eq!((refused.status, &refused.json()["code"]), (429, &json!("resource_exhausted")));
    // Long enough for it to have been tried again, and to wait for longer than this test has patience.
    pass(8);
    waits(&server);

    server.room = "demo".into();
    change_room(&server, json!({ "broadcast": "off" }));
    server.room = "second".into();
    server.wait_for_broadcast().unwrap();
    assert_eq!(server.look().unwrap()["reason"], Value::Null);
}

#[test]
fn watch_page_plays_a_private_room_by_its_link_only() {
    let mut server = Server::start(Demo::default()).unwrap();
    make_room(&mut server, "backstage", json!({ "visibility": "private" }));
    let _speaker = speaker(&server, "gst");
    let token = playback_token(&server, json!({}));
    server.wait_for_broadcast_at(&tokened(&token, &server.room)).unwrap();
    let mut browser = Browser::start().unwrap();
    let frames = "document.querySelector('video')?.getVideoPlaybackQuality().totalVideoFrames ?? 0";
    let words = "document.querySelector('main')?.innerText ?? ''";
    let says = |text: &Value| text.as_str().is_some_and(|text| text.contains("private or does not exist"));
    let mut seen = vec![];
    for path in ["/watch/backstage", "/watch/nowhere", "/watch/backstage#t=nonsense"] {
        let page = browser.open(&server.http.url(path)).unwrap();
        let text = browser.wait_until(page, path, 20, words, says).unwrap();
        seen.push(text.as_str().unwrap().replace("backstage", "ROOM").replace("nowhere", "ROOM"));
        browser.close(page).unwrap();
    }
    assert!(seen.iter().all(|text| *text == seen[0]), "{seen:?}");
    let page = browser.open(&server.http.url("/stage/backstage")).unwrap();
    browser.wait_until(page, "the stage page's words", 20, words, says).unwrap();
    browser.close(page).unwrap();

    for fragment in [format!("#t={token}"), format!("#token={}", server.viewer_token("ann"))] {
        let page = browser.open(&server.http.url(&format!("/watch/backstage?delivery=broadcast{fragment}"))).unwrap();
        let plays = |frames: &Value| frames.as_u64() > Some(30);
        browser.wait_until(page, "a private room's pictures", 30, frames, plays).unwrap();
        browser.close(page).unwrap();
    }
    let page =
        browser.open(&server.http.url(&format!("/stage/backstage#token={}", server.speaker_token("eve")))).unwrap();
    browser.click(page, "button:has-text('Go on stage'):enabled").unwrap();
    server.wait_for_speakers(2).unwrap();
}
