//! `spillway-handover`: moves a viewer between a seat and the broadcast, and judges what is seen and heard.
//!
//! Opens the watch page of a demo in headless Chromium and has it move, in both directions, at random moments. The
//! judge reads the time that the synthetic speaker burned into the picture in front, and hears the beeps at the volume
//! that the page plays them with. It asks the page's player nothing but whether a move is over.
//!
//! | file | does |
//! |---|---|
//! | `cli.rs` | options |
//! | `run.rs`, `sampler.js` | the moves, and samples in the page |
//! | `judge.rs` | samples → a move's error, gaps and beeps |
//! | `report.rs` | the table |

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod cli;
mod judge;
mod report;
mod run;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    match run::run(&cli::Options::parse()) {
        Ok(report) => {
            print!("{report}");
            if report.is_within_bounds() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("spillway-handover: {error}");
            ExitCode::FAILURE
        }
    }
}
