//! The subcommands: other measurements, and reports of measurements.

use std::path::PathBuf;

use clap::Subcommand;
use rig::Result;

use crate::spike::ReportOptions;
use crate::spike::cli::SpikeOptions;
use crate::{events, ratios, spike, storm};

/// Instead of the measurement of forwarding.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Compares measurements of two servers: files named LOAD.SERVER.REPEAT.json in a folder, as `--json` writes them.
    Ratios {
        /// The folder.
        folder: PathBuf,
        /// The server that the ratios are about.
        #[arg(long, default_value = "spillway")]
        ours: String,
    },
    /// Opens events sockets that lie idle, and prints the server's memory for each.
    Events(events::EventsOptions),
    /// Joins at a fixed rate, without media.
    Joins(storm::StormOptions),
    /// Lets a crowd come within a minute, to seats and to the broadcast.
    Spike(SpikeOptions),
    /// Makes a page, and a picture, of the figures of spikes.
    SpikeReport(ReportOptions),
}

impl Command {
    /// Carries it out, and prints what came of it; whether that may be believed.
    pub(crate) fn run(&self) -> Result<bool> {
        match self {
            Self::Ratios { folder, ours } => print!("{}", ratios::read(folder, ours)?),
            Self::Events(options) => print!("{}", events::run(options)?),
            Self::Joins(options) => {
                let report = storm::run(options)?;
                print!("{report}");
                return Ok(report.is_valid());
            }
            Self::Spike(options) => {
                let report = spike::run(options)?;
                print!("{report}");
                options.json.as_ref().map_or(Ok(()), |file| spike::save(&report, file))?;
                return Ok(report.is_valid());
            }
            Self::SpikeReport(options) => spike::write_report(options)?,
        }
        Ok(true)
    }
}
