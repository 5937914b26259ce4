//! `spillway-load spike`: a crowd that comes within a minute.
//!
//! Viewers arrive by a curve, whatever became of those before them; each asks for a place like a real client, and
//! watches where it is told: by WHEP, by LiveKit's protocol, or by LL-HLS. Written down by the second: joins, faults,
//! latencies, loss, the server's CPU and memory, and how late the generator itself was.
//!
//! | file | does |
//! |---|---|
//! | `cli.rs` | options |
//! | `curve.rs` | when viewers arrive |
//! | `run.rs` | room, speakers, arrivals, the end |
//! | `viewer.rs` | one viewer, from the join on |
//! | `seats.rs` | receives for seated viewers |
//! | `hls.rs`, `playlist.rs`, `http.rs` | a player at the live edge |
//! | `record.rs`, `series.rs`, `print.rs` | what happened, figures of it, text |
//! | `plot.rs`, `page.rs` | the report: plots of one or several servers beside each other |

pub(crate) mod cli;
mod curve;
mod hls;
pub(crate) mod http;
mod page;
mod playlist;
mod plot;
mod print;
mod record;
mod run;
mod seats;
pub(crate) mod series;
mod viewer;

use std::path::Path;

use rig::{Error, Result};
use series::Spike;

pub(crate) use page::{ReportOptions, write as write_report};
pub(crate) use run::run;

/// Keeps the figures for a report.
pub(crate) fn save(spike: &Spike, file: &Path) -> Result<()> {
    let text = serde_json::to_string(spike).unwrap_or_default();
    std::fs::write(file, text).map_err(Error::io("writing the figures of a spike"))
}
