//! A small crowd by the load generator: it goes on working, and so does the way from the join to the media.

#![allow(clippy::unwrap_used)] // A test that unwraps says where it failed.

use std::process::Command;

use rig::server::{Demo, Server};
use serde_json::{Value, json};

/// No measurement: a debug build on a busy machine is late.
const LATENESS_MAX_MS: &str = "2000";

/// Runs `spillway-load`; what it says, and how it ends.
fn load(arguments: &[&str]) -> (String, Option<i32>) {
    let output = Command::new(env!("CARGO_BIN_EXE_spillway-load")).args(arguments).output().unwrap();
    let said = [output.stdout, output.stderr].map(|out| String::from_utf8_lossy(&out).into_owned()).concat();
    eprintln!("{said}");
    (said, output.status.code())
}

#[test]
fn twenty_viewers_in_three_seconds_watch_by_every_delivery_and_the_report_shows_them() {
    let (server, folder) = (Server::start(Demo::default()).unwrap(), tempfile::tempdir().unwrap());
    let (figures, page) = (folder.path().join("spike.json"), folder.path().join("spike.html"));
    let [figures, page] = [&figures, &page].map(|path| path.to_str().unwrap());
    let (said, status) = load(&[
        "spike",
        "--url",
        server.http.origin(),
        "--pid",
        &server.pid().to_string(),
        "-n",
        "20",
        "--seconds",
        "3",
        "--hold",
        "6",
        "--seats",
        "6",
        // Those who come when the seats are taken find a broadcast that is about to start.
        "--broadcast-start-at",
        "0",
        "--lateness-max",
        LATENESS_MAX_MS,
        "--json",
        figures,
    ]);
    assert_eq!(status, Some(0), "{said}");
    let spike: Value = serde_json::from_str(&std::fs::read_to_string(figures).unwrap()).unwrap();
    let totals = &spike["totals"];
    assert_eq!((&totals["arrived"], &totals["failed"]), (&json!(20), &json!(0)), "{totals} {}", spike["faults"]);
    assert_eq!(totals["watching"], json!([3, 3, 14]), "{totals}");
    assert!(totals["told_to_wait"].as_u64() > Some(0), "{totals}");
    assert!(totals["packets"].as_u64() > Some(100), "{totals}");
    assert_eq!(totals["lost_percent"], 0.0, "{totals}");
    assert!(totals["edge_ms"][1].as_f64().is_some_and(|ms| (0.0..5_000.0).contains(&ms)), "{totals}");

    let (said, status) = load(&["spike-report", figures, "--html", page, "--about", "a test"]);
    assert_eq!(status, Some(0), "{said}");
    let html = std::fs::read_to_string(page).unwrap();
    assert!(html.contains("3 WHEP, 3 LiveKit, 14 LL-HLS") && html.contains("<svg"), "{html}");
}

#[test]
fn a_storm_of_joins_is_answered_without_errors() {
    let server = Server::start(Demo::default()).unwrap();
    let address = server.http.origin().trim_start_matches("http://");
    let arguments = ["joins", "--server", address, "--rate", "100", "--seconds", "2", "--connections", "8"];
    let (said, status) = load(&[&arguments[..], &["--lateness-max", LATENESS_MAX_MS]].concat());
    assert_eq!(status, Some(0), "{said}");
    // All seats were leased before the measurement began.
    assert!(said.contains("errors 0\n") && said.contains("200 × 200 room_full\n"), "{said}");
}
