//! `spillway-load`: how much a server of WHIP and WHEP, or of LiveKit's protocol, forwards, and at what cost.
//!
//! Publishers send frame-shaped VP8, subscribers complete ICE and DTLS and then receive; what the server's process spends
//! meanwhile is read from outside, by its pid. Any server on this machine will do that answers either. Most
//! subscribers only count what arrives, so that the generator is not the limit; a sample decrypts every packet and takes
//! the kernel's receive timestamps.
//!
//! Limits: one address family (IPv4), no NACKs: on loopback a loss is the server's or the
//! receive buffer's, and shows as one. Everything is bounded in count and time.
//!
//! | file | does |
//! |---|---|
//! | `cli.rs` | options and their bounds |
//! | `run.rs` | the run: join, warm up, measure, repeat, leave |
//! | `join.rs` | who joins, and how: publishers and subscribers, or a meeting |
//! | `publisher.rs` | sends on schedule, answers keyframe requests |
//! | `subscriber.rs`, `receive.rs` | receive, count, report once a second |
//! | `first_frame.rs` | when a newcomer has something to show |
//! | `measure.rs` | what was used between two moments |
//! | `report.rs` | the table, and whether it may be believed |

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod cli;
mod first_frame;
mod join;
mod measure;
mod publisher;
mod receive;
mod report;
mod run;
mod subscriber;

use std::process::ExitCode;

use clap::Parser as _;

/// The run was disturbed and says nothing.
const EXIT_NOT_JUDGED: u8 = 3;

fn main() -> ExitCode {
    let options = cli::Options::parse().resolved();
    match run::run(&options) {
        Ok(report) => {
            print!("{report}");
            if report.is_disturbed() { ExitCode::from(EXIT_NOT_JUDGED) } else { ExitCode::SUCCESS }
        }
        Err(error) => {
            eprintln!("spillway-load: {error}");
            let mut cause = std::error::Error::source(&error);
            while let Some(why) = cause {
                eprintln!("  because: {why}");
                cause = why.source();
            }
            ExitCode::FAILURE
        }
    }
}
