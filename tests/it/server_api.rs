//! LiveKit's server API, called by LiveKit's own unmodified libraries.

#![allow(clippy::unwrap_used)] // A test that unwraps says where it failed.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;

use rig::gst::{Publisher, Speaker};
use rig::http::Http;
use rig::server::{Demo, Server, end_with_us, free_port};
use rig::token::KeyPair;
use rig::wait::wait_for_or;
use serde_json::Value;

/// Runs a program of `tests/livekit` or `tests/browser`. Returns what it prints.
fn run(program: &str, arguments: &[&str], server: &Server) -> String {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = if program.ends_with(".py") {
        let mut python = Command::new(tests.join("../target/tools/livekit/bin/python"));
        python.arg(tests.join("livekit").join(program));
        python
    } else {
        let mut node = Command::new("node");
        node.arg(program).current_dir(tests.join("browser"));
        node
    };
    command.args([server.http.origin(), &server.room]).args(arguments);
    command.env("LIVEKIT_API_KEY", &server.keys.key).env("LIVEKIT_API_SECRET", &server.keys.secret);
    let output = command.output().unwrap();
    let [said, complained] = [output.stdout, output.stderr].map(|out| String::from_utf8_lossy(&out).into_owned());
    assert!(output.status.success(), "{program}: {said}{complained}");
    said
}

#[test]
fn livekits_libraries_manage_rooms_and_participants() {
    let server = Server::start(Demo::default()).unwrap();
    let whip = server.http.url(&format!("/whip/{}", server.room));
    let _speaker = Publisher::start(&Speaker::new(&whip, &server.speaker_token("ann"))).unwrap();
    server.wait_for_speakers(1).unwrap();
    for program in ["room_service.py", "room-service.mjs"] {
        assert!(run(program, &[], &server).contains("done"), "{program}");
    }
    server.wait_for_speakers(0).unwrap();
}

#[test]
fn ingress_of_livekits_libraries_leads_to_the_stage_until_deleted() {
    let environment = vec![("SPILLWAY__BROADCAST__ROOMS_ON_AIR_MAX".into(), "0".into())];
    let server = Server::start(Demo { environment, ..Demo::default() }).unwrap();
    for program in ["ingress.py", "ingress.mjs"] {
        let ingress: Value = serde_json::from_str(&run(program, &["create"], &server)).unwrap();
        let [id, url, key] = ["id", "url", "key"].map(|field| ingress[field].as_str().unwrap());
        let offer = || server.http.offer(url.strip_prefix(server.http.origin()).unwrap(), Some(key), b"nonsense");
        assert_eq!(offer().unwrap().status, 400, "the key is good, the offer is not");
        let speaker = Speaker::new(url, key);
        let mut publisher = Publisher::start(&speaker).unwrap();
        publisher.wait_until_connected().unwrap();
        server.wait_for_speakers(1).unwrap();

        run(program, &["delete", id], &server);
        server.wait_for_speakers(0).unwrap();
        assert_eq!(offer().unwrap().status, 401, "{program}");
        assert!(Publisher::start(&speaker).unwrap().wait_until_connected().is_err(), "{program}");
    }
}

#[test]
fn signed_webhooks_tell_the_events_of_a_room_in_order() {
    let (port, keys) = (free_port().unwrap(), KeyPair::demo());
    let mut node = Command::new("node");
    node.args(["webhooks.mjs", &port.to_string()]).current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("browser"));
    node.env("LIVEKIT_API_KEY", &keys.key).env("LIVEKIT_API_SECRET", &keys.secret).stdout(Stdio::piped());
    let mut node = end_with_us(&mut node).spawn().unwrap();
    let (sender, lines) = channel();
    let out = BufReader::new(node.stdout.take().unwrap());
    std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));

    let url = format!("[\"http://127.0.0.1:{port}/\"]");
    let environment =
        vec![("SPILLWAY__API__WEBHOOK_URLS".into(), url), ("SPILLWAY__BROADCAST__ROOMS_ON_AIR_MAX".into(), "0".into())];
    let server = Server::start(Demo { environment, ..Demo::default() }).unwrap();
    let whip = server.http.url(&format!("/whip/{}", server.room));
    let ann = Publisher::start(&Speaker::new(&whip, &server.speaker_token("ann"))).unwrap();
    server.wait_for_speakers(1).unwrap();
    drop(ann);
    // A body that its token does not vouch for.
    let (forged, bearer) = (Http::new(&format!("http://127.0.0.1:{port}")), server.speaker_token("ann"));
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/webhook+json")];
    let forged = forged.request("POST", "/", &headers, Some(br#"{"event":"forged","room":{"name":"demo"}}"#)).unwrap();
    assert_eq!(forged.status, 400);
    let bearer = format!("Bearer {}", server.keys.mint_moderator(&server.room));
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let path = format!("/v1/rooms/{}", server.room);
    let changed = server.http.request("PATCH", &path, &headers, Some(br#"{"audience":{"seats_max":7}}"#)).unwrap();
    assert_eq!(changed.status, 200, "{}", changed.text());
    let mut told: Vec<String> = Vec::new();
    let whole = wait_for_or("the room's end", 20, || {
        told.extend(lines.try_iter());
        // Facts come on a way of their own, and may be later.
        let has = |start: &str| told.iter().any(|line| line.starts_with(start));
        if has("room_finished demo") && has("room_audience_changed") { Ok(()) } else { Err(format!("{told:?}")) }
    });
    node.kill().unwrap();
    node.wait().unwrap();
    whole.unwrap();
    let (refused, told): (Vec<String>, Vec<String>) = told.into_iter().partition(|line| line.starts_with("refused"));
    assert!(refused.len() == 1 && refused[0].contains("checksum"), "{refused:?}");
    let (facts, told): (Vec<String>, Vec<String>) = told.into_iter().partition(|line| line.contains('{'));
    let changed =
        |line: &String| line.starts_with("room_audience_changed demo {") && line.contains(r#""seats_max":7}"#);
    assert!(facts.iter().any(changed), "Spillway's own, signed like LiveKit's: {facts:?}");
    let of = |what: &str, mime_type: &str| format!("track_{what} demo ann {mime_type}");
    let expected = [
        "room_started demo".into(),
        "participant_joined demo ann".into(),
        of("published", "audio/opus"),
        of("published", "video/H264"),
        of("unpublished", "audio/opus"),
        of("unpublished", "video/H264"),
        "participant_left demo ann".into(),
        "room_finished demo".into(),
    ];
    assert_eq!(told, expected);
}
