//! A crowd of subscribers gets every packet, decryptable, with either SRTP profile. Speed is not judged here.

#![allow(clippy::unwrap_used)] // A test that unwraps says where it failed.

use std::process::Command;

use rig::server::{Demo, Server};
use serde_json::Value;

/// The run was disturbed, which matters to figures of speed alone.
const EXIT_NOT_JUDGED: i32 = 3;

/// Runs the load generator; its figures.
fn load(server: &Server, arguments: &[&str]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("figures.json");
    let output = Command::new(env!("CARGO_BIN_EXE_spillway-load"))
        .args(["--url", server.http.origin(), "--rooms", &server.room, "--pid", &server.pid().to_string()])
        .args(["--seconds", "3", "--repeats", "1", "--sample", "5", "--json"])
        .arg(&json)
        .args(arguments)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].map(|out| String::from_utf8_lossy(&out).into_owned()).concat();
    assert!(matches!(output.status.code(), Some(0 | EXIT_NOT_JUDGED)), "{said}");
    eprintln!("{said}");
    serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap()
}

fn check(figures: &Value, profile: &str) {
    assert_eq!((figures["silent"].as_u64(), figures["bad"].as_u64()), (Some(0), Some(0)), "{figures}");
    assert_eq!(figures["srtp"], profile, "{figures}");
    assert!(figures["decrypted"].as_u64() > Some(1000), "{figures}");
    let worst = |figure: &str, which: &str| figures[figure][which].as_f64().unwrap();
    assert!(worst("lost_percent", "max") < 0.5, "{figures}");
    // A run's first and last packets may fall on either side of its edges.
    assert!(worst("delivered_percent", "min") > 97.0, "{figures}");
}

#[test]
fn every_subscriber_gets_every_packet_with_either_srtp_profile() {
    let server = Server::start(Demo::default()).unwrap();
    let gcm = load(&server, &["-n", "60", "-m", "2", "--burst", "5"]);
    check(&gcm, "AeadAes128Gcm");
    // Requests of sixty subscribers that join in an instant, in two streams.
    assert!(gcm["keyframe_requests"].as_u64() <= Some(40), "{gcm}");
    check(&load(&server, &["-n", "20", "--srtp", "cm"]), "Aes128CmHmacSha1_80");
    // One publisher, whose track is in the first offer; and several, of whom each subscriber asks for one.
    check(&load(&server, &["-n", "40", "--protocol", "livekit"]), "AeadAes128Gcm");
    check(&load(&server, &["-n", "40", "-m", "4", "--protocol", "livekit"]), "AeadAes128Gcm");
}
