//! LiveKit's own clients, unmodified: the JavaScript one on a page in Chromium, and the native one in Python.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::browser::{Browser, Page};
use crate::error::{Error, Result};
use crate::http::Http;
use crate::server::Server;

/// Asks for two peer connections, as older clients have, not for one.
pub const TWO_CONNECTIONS: &str = "two=1";

/// What a page knows and sees of everybody else.
pub const OTHERS: &str = "window.rig.others()";

/// The broadcast watches whoever is on stage, in full size; this leaves it out.
pub fn without_broadcast() -> (String, String) {
    ("SPILLWAY__BROADCAST__ROOMS_ON_AIR_MAX".into(), "0".into())
}

/// Opens a page whose participant has joined, by way of `http`: the server's own, or a proxy's.
pub fn join(browser: &mut Browser, server: &Server, http: &Http, identity: &str, query: &str) -> Result<Page> {
    let token = server.speaker_token(identity);
    let page = browser.open(&http.url(&format!("/__rig/livekit.html?token={token}&{query}")))?;
    let joined = browser.evaluate(page, "window.joined")?;
    if joined != "joined" {
        return Err(Error::Child(format!("{identity} does not join: {joined}")));
    }
    let one = browser.evaluate(page, "window.rig.room.engine.pcManager.subscriber === undefined")?;
    if one != !query.contains(TWO_CONNECTIONS) {
        return Err(Error::Child(format!("{identity} has another number of peer connections than it asked for")));
    }
    Ok(page)
}

/// A track of somebody, as another one has it.
pub fn track<'a>(others: &'a Value, identity: &str, source: &str) -> Option<&'a Value> {
    let of = others.as_array()?.iter().find(|other| other["identity"] == identity)?;
    of["tracks"].as_array()?.iter().find(|track| track["source"] == source)
}

/// Waits until `page` has seen more than so many frames of a track.
pub fn sees(browser: &mut Browser, page: Page, identity: &str, source: &str, frames: u64) -> Result<Value> {
    let what = format!("{frames} frames of {identity}'s {source}");
    let good = |others: &Value| track(others, identity, source).is_some_and(|t| t["frames"].as_u64() > Some(frames));
    let others = browser.wait_until(page, &what, 25, OTHERS, good)?;
    Ok(track(&others, identity, source).cloned().unwrap_or_default())
}

/// Runs a script of `tests/livekit` to its end, by way of `http`. What it said.
pub fn python(server: &Server, http: &Http, script: &str, arguments: &[&str]) -> Result<String> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = tests.join("../target/tools/livekit/bin/python");
    let mut python = Command::new(&program);
    python.arg(tests.join("livekit").join(script)).args([http.origin(), &server.room]).args(arguments);
    python.env("LIVEKIT_API_KEY", &server.keys.key).env("LIVEKIT_API_SECRET", &server.keys.secret);
    let hint = "deploy/dependencies.sh test".to_owned();
    let output = python.output().map_err(|source| Error::Program { program, hint, source })?;
    let said = [output.stdout, output.stderr].map(|out| String::from_utf8_lossy(&out).into_owned()).concat();
    let done = output.status.success() && said.contains("done");
    if done { Ok(said) } else { Err(Error::Child(format!("{script}: {said}"))) }
}

/// Has a native subscriber switch between the layers of a picture in this codec at random times, by way of `http`, so
/// many times where `SWITCHES` says no other number; `SEED` repeats a run. What it measured; `Err` if a broken picture
/// was shown.
pub fn switch_layers(server: &Server, http: &Http, codec: &str, switches: u32) -> Result<String> {
    let switches = std::env::var("SWITCHES").unwrap_or_else(|_| switches.to_string());
    let seed = std::env::var("SEED").unwrap_or_else(|_| std::process::id().to_string());
    python(server, http, "layers.py", &[&switches, &seed, codec])
}
