//! LiveKit's server API, called by LiveKit's own unmodified libraries.

#![allow(clippy::unwrap_used)] // A test that unwraps says where it failed.

use std::path::Path;
use std::process::Command;

use rig::gst::{Publisher, Speaker};
use rig::server::{Demo, Server};

fn run(mut command: Command, server: &Server) {
    command.args([server.http.origin(), &server.room]);
    command.env("LIVEKIT_API_KEY", &server.keys.key).env("LIVEKIT_API_SECRET", &server.keys.secret);
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].map(|out| String::from_utf8_lossy(&out).into_owned()).concat();
    assert!(output.status.success() && said.contains("done"), "{command:?}: {said}");
}

#[test]
fn livekits_libraries_manage_rooms_and_whoever_is_in_them() {
    let server = Server::start(Demo::default()).unwrap();
    let whip = server.http.url(&format!("/whip/{}", server.room));
    let _speaker = Publisher::start(&Speaker::new(&whip, &server.speaker_token("ann"))).unwrap();
    server.wait_for_speakers(1).unwrap();
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));

    let mut python = Command::new(tests.join("../target/tools/livekit/bin/python"));
    python.arg(tests.join("livekit/room_service.py"));
    run(python, &server);
    let mut node = Command::new("node");
    node.arg("room-service.mjs").current_dir(tests.join("browser"));
    run(node, &server);
    server.wait_for_speakers(0).unwrap();
}
