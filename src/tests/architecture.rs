//! Dependencies point one way. Read from `cargo metadata`, so that no edge slips in unseen.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

/// Crate → what it depends on for its own build (not for tests).
fn dependencies() -> BTreeMap<String, Vec<String>> {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .output()
        .unwrap();
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let package = |package: &Value| {
        let own = package["dependencies"].as_array().unwrap().iter().filter(|edge| edge["kind"] != "dev");
        (text(&package["name"]), own.map(|edge| text(&edge["name"])).collect())
    };
    metadata["packages"].as_array().unwrap().iter().map(package).collect()
}

fn matches(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(name == pattern, |start| name.starts_with(start))
}

#[test]
fn dependency_is_used_only_by_the_crates_that_may() {
    let table: [(&str, &[&str]); 19] = [
        ("gstreamer*", &["ingest"]),
        ("sqlx", &["rooms"]),
        ("axum*", &["api"]),
        ("hyper*", &["api"]),
        ("utoipa*", &["api"]),
        ("rusqlite", &[]),
        ("test-postgres", &["spillway-tests"]),
        ("m3u8-rs", &["packager"]),
        ("mp4-atom", &["packager"]),
        ("access", &["spillway", "api", "interactive-sfu", "rooms"]),
        ("ingest", &["spillway"]),
        ("codec-headers", &["interactive-sfu", "plane", "ingest"]),
        ("plane", &["interactive-sfu"]),
        ("rtc-*", &["plane", "spillway-tests"]),
        ("api", &["spillway"]),
        ("interactive-sfu", &["spillway", "api"]),
        ("packager", &["spillway", "api", "ingest"]),
        ("rooms", &["spillway", "api"]),
        ("cdn-config", &["spillway", "api"]),
    ];
    for (name, dependencies) in dependencies() {
        for dependency in dependencies {
            for (pattern, allowed) in table {
                let fine = !matches(pattern, &dependency) || allowed.contains(&name.as_str());
                assert!(fine, "{name} must not depend on {dependency}; only {allowed:?} may");
            }
        }
    }
}

#[test]
fn crate_has_no_dependency_that_it_must_not_know() {
    let table: [(&str, &[&str]); 8] = [
        ("packager", &["http", "http-body*", "hyper*", "axum*", "tower*", "gstreamer*", "ingest", "api"]),
        (
            "interactive-sfu",
            &["m3u8-rs", "mp4-atom", "sqlx", "gstreamer*", "axum*", "hyper*", "packager", "api", "object_store"],
        ),
        (
            "plane",
            &[
                "livekit-*",
                "prost",
                "serde*",
                "tokio",
                "http",
                "interactive-sfu",
                "access",
                "api",
                "ingest",
                "packager",
            ],
        ),
        ("ingest", &["axum*", "hyper*", "m3u8-rs", "mp4-atom", "object_store", "sqlx", "interactive-sfu"]),
        (
            "access",
            &[
                "api",
                "cdn-config",
                "codec-headers",
                "ingest",
                "interactive-sfu",
                "packager",
                "rooms",
                "axum*",
                "http",
                "sqlx",
                "tokio",
            ],
        ),
        (
            "rooms",
            &[
                "http",
                "http-body*",
                "hyper*",
                "axum*",
                "tower*",
                "livekit-*",
                "cdn-config",
                "codec-headers",
                "ingest",
                "interactive-sfu",
                "packager",
            ],
        ),
        ("cdn-config", &["*"]),
        ("codec-headers", &["*"]),
    ];
    let dependencies = dependencies();
    for (name, forbidden) in table {
        for dependency in &dependencies[name] {
            let fine = !forbidden.iter().any(|pattern| matches(pattern, dependency));
            assert!(fine, "{name} must know nothing of {dependency}");
        }
    }
}
