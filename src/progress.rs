//! Lines for a person at the terminal, on standard output.

use std::time::{Duration, SystemTime};

use access::TokenSpec;

use crate::demo;
use crate::error::Error;
use crate::role::Running;
use crate::settings::Settings;

/// How long the printed token is good: a long evening.
const PRINTED_TOKEN_TTL: Duration = Duration::from_secs(24 * 3600);

pub(crate) fn starting(settings: &Settings, is_demo: bool) {
    println!(
        "Spillway {} is starting{}.",
        env!("CARGO_PKG_VERSION"),
        if is_demo { ", with development keys" } else { "" }
    );
    println!("  database    {}", settings.api.database);
    match settings.broadcast.record {
        true => println!("  recordings  {}", settings.broadcast.folder.display()),
        false => println!("  recordings  none"),
    }
}

pub(crate) fn started(running: &Running, is_demo: bool) {
    let base = running.base_url();
    println!("\n  lobby       {base}/");
    if is_demo {
        let room = demo::ROOM;
        println!("  watch       {base}/watch/{room}");
        println!("  stage       {base}/stage/{room}");
        println!("  playlist    {base}/live/{room}/index.m3u8");
        println!("  WHIP (OBS)  {base}/whip/{room}");
        let spec = TokenSpec {
            room: room.into(),
            identity: "obs".into(),
            name: "OBS".into(),
            publish: true,
            subscribe: true,
            ttl: PRINTED_TOKEN_TTL,
            ..TokenSpec::default()
        };
        match running.keys().mint(&spec, SystemTime::now()) {
            Ok(token) => println!("  its token   {token}"),
            Err(error) => println!("  its token   none: {error}"),
        }
        println!("\nThe picture comes a few seconds after the first speaker. Ctrl-C ends everything.");
    } else {
        println!("\nReady. `spillway token --help` makes tokens; `POST {base}/v1/rooms` makes rooms.");
    }
}

pub(crate) fn ending(signal: &str) {
    println!("\n{signal}: writing the broadcasts' ends. Once more ends at once.");
}

pub(crate) fn ended() {
    println!("Ended.");
}

/// Prints the error and its causes, a line each.
pub(crate) fn failed(error: &Error) {
    eprintln!("spillway: {error}");
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        eprintln!("  because: {error}");
        cause = error.source();
    }
}
