//! `spillway-flood`: what one attacker costs the innocent clients of a server on this machine.
//!
//! It runs `spillway-load` with the innocents, subscribers of one publisher, and floods the server while that measures:
//! the first measurement is quiet, the last one is after the flood, and those between are under it. Meanwhile it joins
//! as others do, and reads the server's memory. The attacker shares the innocents' core and sends a gigabit a second at
//! most.
//!
//! | file | does |
//! |---|---|
//! | `cli.rs` | options, and what each flood is |
//! | `run.rs` | one run |
//! | `innocents.rs` | `spillway-load`, as a child |
//! | `joins.rs`, `memory.rs` | joins by others and the server's memory, by phase |
//! | `report.rs`, `table.rs` | the figures of a run; runs of two servers beside each other |
//!
//! The floods themselves are the rig's ([`rig::floods`]).

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod cli;
mod innocents;
mod joins;
mod memory;
mod report;
mod run;
mod table;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let printed = match cli::Arguments::parse().command {
        cli::Command::Run(options) => run::run(&options).map(|report| report.to_string()),
        cli::Command::Table { folder } => table::read(&folder),
    };
    match printed {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("spillway-flood: {error}");
            let mut cause = std::error::Error::source(&error);
            while let Some(why) = cause {
                eprintln!("  because: {why}");
                cause = why.source();
            }
            ExitCode::FAILURE
        }
    }
}
