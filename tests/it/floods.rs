//! One attacker floods the server in each way that it knows, and costs innocent subscribers, newcomers and the machine
//! next to nothing. `FLOOD_SECONDS` sets how long each of three measurements is (default 2), and has all floods run;
//! without it those are left out that rooms' own tests and `attacks.rs` cover.
//!
//! These tests judge behaviour; latencies belong to `tests/floods.sh`, because this machine may be busy otherwise.

#![allow(clippy::unwrap_used)] // A test that unwraps says where it failed.

use std::process::Command;

use rig::hls::media_playlist;
use rig::server::{Demo, Server, pass};
use rig::wait::wait_for;
use serde_json::Value;

/// Number of viewers who do no harm, and must not suffer.
const INNOCENTS: &str = "20";
/// Their loss at most, percent: the goal on a quiet machine is a tenth of a percent.
const LOST_PERCENT_MAX: f64 = 1.0;
/// The least share of packets that must arrive at them, percent. It shows when one of twenty is cut off.
const ARRIVED_PERCENT_MIN: f64 = 97.0;
/// The server's memory at most, MiB more than before.
const MEMORY_MIB_MAX: f64 = 150.0;
/// The same where each unread answer holds a file of the store open, and the broadcast itself grows meanwhile.
const MEMORY_MIB_MAX_STORED: f64 = 300.0;
/// Connections that the server takes, and of one address: fewer than floods try to hold.
const CONNECTIONS_MAX: &str = "500";
const CONNECTIONS_PER_ADDRESS_MAX: &str = "200";

/// A playlist's length, seconds, and the age at which its segments are certainly in the store alone.
const PLAYLIST_SECONDS: &str = "8";
const OUT_OF_MEMORY_S: u64 = 30;

/// A server with one media thread, at all addresses, with these settings besides.
fn server(speakers: u32, settings: &[(&str, &str)]) -> Server {
    let always = [
        ("SPILLWAY__SFU__SHARDS", "1"),
        ("SPILLWAY__API__CONNECTIONS_MAX", CONNECTIONS_MAX),
        ("SPILLWAY__API__CONNECTIONS_PER_ADDRESS_MAX", CONNECTIONS_PER_ADDRESS_MAX),
        // Loopback is where the attacker comes from on a machine without another address.
        ("SPILLWAY__API__TRUSTED_PROXIES", "[]"),
    ];
    let all = always.iter().chain(settings);
    let environment = all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Server::start(Demo { environment, speakers, everywhere: true, ..Demo::default() }).unwrap()
}

/// Floods a server that broadcasts nothing; the figures.
fn flood(name: &str, arguments: &[&str]) -> Value {
    run(&server(0, &[("SPILLWAY__BROADCAST__ROOMS_ON_AIR_MAX", "0")]), name, arguments)
}

/// Whether only the floods run that nothing else tests: the others take another two minutes, and `make soak` runs all.
fn is_quick() -> bool {
    let quick = std::env::var_os("FLOOD_SECONDS").is_none();
    if quick {
        println!("not run: FLOOD_SECONDS=30, as in `make soak`, runs it");
    }
    quick
}

/// Runs a flood; its figures.
fn run(server: &Server, name: &str, arguments: &[&str]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("figures.json");
    let mut command = Command::new(env!("CARGO_BIN_EXE_spillway-flood"));
    let seconds = std::env::var("FLOOD_SECONDS").unwrap_or_else(|_| "2".into());
    command.args(["run", name, "--port", &server.port().to_string(), "--pid", &server.pid().to_string()]);
    command.args(["-n", INNOCENTS, "--pps", "100", "--rows", "1", "--seconds", &seconds]);
    command.args(["--load", env!("CARGO_BIN_EXE_spillway-load")]).arg("--json").arg(&json).args(arguments);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    println!("{said}");
    serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap()
}

fn figure(figures: &Value, pointer: &str) -> f64 {
    figures.pointer(pointer).and_then(Value::as_f64).unwrap_or_else(|| panic!("no {pointer} in {figures:#}"))
}

/// Checks the rules for every flood. A failure names all that are broken.
fn costs_others_nothing(figures: &Value) {
    holds(figures, MEMORY_MIB_MAX);
}

fn holds(figures: &Value, memory_mib_max: f64) {
    let figure = |pointer: &str| figure(figures, pointer);
    let grown = figure("/memory_mib/peak") - figure("/memory_mib/before");
    let joins = figure("/joins/under/succeeded");
    let goals = [
        ("the attacker did something", figure("/attacker/tries_per_second") > 1.0),
        ("innocents lose next to nothing", figure("/under/lost_percent") <= LOST_PERCENT_MAX),
        ("what is published arrives", figure("/under/delivered_percent") >= ARRIVED_PERCENT_MIN),
        ("and does afterwards", figure("/after/delivered_percent") >= ARRIVED_PERCENT_MIN),
        ("nobody but the attacker is ended", figure("/ended") == 0.0),
        ("others join", joins >= 1.0 && figure("/joins/under/failed") == 0.0),
        ("memory is bounded", grown <= memory_mib_max),
    ];
    let missed: Vec<&str> = goals.iter().filter(|(_, holds)| !holds).map(|(goal, _)| *goal).collect();
    assert!(missed.is_empty(), "it does not hold that {missed:?}: {figures:#}");
}

#[test]
fn small_lossy_messages_to_the_whole_room_cost_others_nothing() {
    costs_others_nothing(&flood("data-small", &[]));
}

#[test]
fn reliable_messages_to_a_slow_victim_cost_others_nothing_and_leave_it_connected() {
    let figures = flood("data-victim", &[]);
    costs_others_nothing(&figures);
    assert_eq!(figure(&figures, "/attacker/victims_ended"), 0.0, "{figures:#}");
    assert!(figure(&figures, "/attacker/victims_bytes") > 0.0, "{figures:#}");
}

#[test]
fn mute_toggles_on_ever_new_websockets_cost_others_nothing() {
    costs_others_nothing(&flood("mutes", &[]));
}

#[test]
fn permission_toggles_on_ever_new_websockets_cost_others_nothing() {
    if is_quick() {
        return;
    }
    costs_others_nothing(&flood("permissions", &[]));
}

#[test]
fn settings_that_name_a_track_thousands_of_times_cost_others_nothing() {
    if is_quick() {
        return;
    }
    costs_others_nothing(&flood("settings", &[]));
}

#[test]
fn metadata_of_32_kib_at_full_rate_costs_others_nothing() {
    if is_quick() {
        return;
    }
    costs_others_nothing(&flood("metadata", &[]));
}

#[test]
fn whep_offers_of_one_token_without_ice_cost_others_nothing() {
    // `attacks.rs` has a test of it.
    if is_quick() {
        return;
    }
    costs_others_nothing(&flood("offers", &[]));
}

#[test]
fn empty_frames_by_ice_tcp_cost_others_nothing() {
    // `attacks.rs` has a test of it.
    if is_quick() {
        return;
    }
    costs_others_nothing(&flood("tcp-frames", &["--connections", "4"]));
}

#[test]
fn ice_tcp_connections_that_say_nothing_cost_others_nothing() {
    // `attacks.rs` has a test of it.
    if is_quick() {
        return;
    }
    costs_others_nothing(&flood("tcp-silence", &[]));
}

#[test]
fn http2_readers_who_do_not_read_cost_others_nothing() {
    costs_others_nothing(&flood("unread-answers", &[]));
}

#[test]
fn http2_readers_of_a_recording_who_do_not_read_cost_others_nothing() {
    // Segments are kept in memory for twice this, and read from the store after that.
    let server = server(2, &[("SPILLWAY__PACKAGER__PLAYLIST_SECONDS", PLAYLIST_SECONDS)]);
    let renditions = server.wait_for_broadcast().unwrap();
    let largest = renditions.into_iter().max_by_key(|rendition| rendition.height).unwrap();
    let segments = media_playlist(&server.http, &largest.path).unwrap().segments;
    let path = &segments.iter().find(|segment| !segment.gap).unwrap().path;
    pass(OUT_OF_MEMORY_S);
    assert_eq!(server.http.get(path).unwrap().status, 200, "{path} is stored");
    holds(&run(&server, "unread-answers", &["--path", path, "--connections", "32"]), MEMORY_MIB_MAX_STORED);
    assert_eq!(server.http.get(path).unwrap().status, 200);
    let (before, largest) = (media_playlist(&server.http, &largest.path).unwrap(), largest.path);
    let goes_on = || (media_playlist(&server.http, &largest).ok()?.first > before.first).then_some(());
    wait_for("the broadcast to go on", 20, goes_on).unwrap();
}

#[test]
fn slow_http1_heads_of_one_address_keep_nobody_out() {
    costs_others_nothing(&flood("slow-heads", &["--connections", "800"]));
}

#[test]
fn connections_held_by_one_address_keep_nobody_out() {
    costs_others_nothing(&flood("held-connections", &["--connections", "800"]));
}
