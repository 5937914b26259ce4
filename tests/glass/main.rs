//! `spillway-glass`: from the camera's glass to the viewer's, in a real browser.
//!
//! Opens the watch page of a running `spillway demo` in headless Chromium and reads, on every frame shown, the time
//! that the synthetic speaker burned into the picture. What the player says of its own latency stands beside it: three
//! figures that must agree. Meanwhile it watches the server's memory and the ladder, and records what is written, to
//! find flashes and beeps in it: lip sync.
//!
//! | file | does |
//! |---|---|
//! | `cli.rs` | options |
//! | `watch.rs`, `sampler.js` | sampling in the page |
//! | `latency.rs` | samples → figures |
//! | `report.rs` | the table |
//! | `screenshot.rs` | the README's picture, of a demo of its own |

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod cli;
mod latency;
mod report;
mod screenshot;
mod watch;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let done = match &cli.command {
        Some(cli::Command::Screenshot(options)) => screenshot::take(options),
        None => watch::run(&cli.options).map(|report| print!("{report}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("spillway-glass: {error}");
            ExitCode::FAILURE
        }
    }
}
