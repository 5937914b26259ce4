//! `spillway-meeting`: a browser joins a big meeting, again and again.
//!
//! Native participants publish camera and microphone; LiveKit's own unmodified client joins them in Chromium or
//! Firefox, and leaves. How many tracks come, how soon, how much is said on the signal connections for that, and what
//! it costs the server, is told. Any server of LiveKit's protocol on this machine will do.
//!
//! | file | does |
//! |---|---|
//! | `cli.rs` | options |
//! | `run.rs` | joins and what they take |
//! | `report.rs` | the table |

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod cli;
mod report;
mod run;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    match run::run(&cli::Options::parse()) {
        Ok(report) => {
            print!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("spillway-meeting: {error}");
            ExitCode::FAILURE
        }
    }
}
