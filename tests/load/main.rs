//! `spillway-load`: how much a server of WHIP and WHEP, or of LiveKit's protocol, forwards, and at what cost.
//!
//! Publishers send frame-shaped VP8, subscribers complete ICE and DTLS and then receive; what the server's process
//! spends meanwhile is read from outside, by its pid. Any server on this machine will do that answers either. Most
//! subscribers only count what arrives, so that the generator is not the limit; a sample decrypts every packet and
//! takes the kernel's receive timestamps.
//!
//! Limits: no NACKs, so on loopback a loss is the server's or the receive buffer's, and shows as one. Data channels are
//! opened only by a server that opens them by itself, unless they are asked for. Everything is bounded in count and
//! time.
//!
//! | file | does |
//! |---|---|
//! | `cli.rs`, `commands.rs` | options and their bounds; other commands than the measurement |
//! | `run.rs` | the run: join, warm up, measure, repeat, leave |
//! | `join.rs` | who joins, and how: publishers and subscribers, or a meeting |
//! | `publisher.rs` | sends on schedule, answers keyframe requests |
//! | `subscriber.rs`, `receive.rs`, `source.rs` | receive, count, report once a second |
//! | `floor.rs`, `send.rs` | the floor: sealing and sending alone |
//! | `first_frame.rs` | when a newcomer has something to show |
//! | `events.rs` | memory for idle events sockets |
//! | `storm/` | joins at a fixed rate, without media |
//! | `spike/` | a crowd within a minute, to seats and broadcast, and the report of it |
//! | `measure.rs` | what was used between two moments |
//! | `report.rs`, `table.rs` | the figures, and whether they may be believed; the table |
//! | `ratios.rs` | two servers' figures beside each other |

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod cli;
mod commands;
mod events;
mod first_frame;
mod floor;
mod join;
mod measure;
mod publisher;
mod ratios;
mod receive;
mod report;
mod run;
mod send;
mod source;
mod spike;
mod storm;
mod subscriber;
mod table;

use std::process::ExitCode;

use clap::Parser as _;

/// The run was disturbed and says nothing.
const EXIT_NOT_JUDGED: u8 = 3;

fn main() -> ExitCode {
    let cli::Arguments { options, command } = cli::Arguments::parse();
    let measured = match command {
        Some(command) => command.run(),
        None => options.resolved().and_then(|options| run::run(&options)).map(|report| {
            print!("{report}");
            !report.is_disturbed()
        }),
    };
    match measured {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(EXIT_NOT_JUDGED),
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
