//! The table.

use std::fmt;

use rig::meeting_page::State;
use rig::process::cpu_model;
use rig::stats::quantile;
use serde_json::Value;

use crate::cli::Options;

/// A join while media flows.
pub(crate) struct Join {
    /// How far the page came.
    pub state: State,
    /// What its WebSockets carried; `Null` where the browser does not tell.
    pub signalling: Value,
    /// Bytes of signalling to all native participants meanwhile.
    pub heard_bytes: u64,
}

/// A join while media rests.
pub(crate) struct RestingJoin {
    /// Tracks that were subscribed to.
    pub taken: usize,
    /// The server's CPU time for it, seconds.
    pub cpu_s: Option<f64>,
}

/// All that a run found.
pub(crate) struct Report {
    pub options: Options,
    pub joins: Vec<Join>,
    pub resting: Vec<RestingJoin>,
    /// The server's CPU time a second while nobody watches, and while one browser does.
    pub alone: Option<f64>,
    pub watched: Option<f64>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Options { participants, joins, two_connections, adaptive_stream, browser, .. } = &self.options;
        let (path, adaptive) =
            (if *two_connections { "/rtc" } else { "/rtc/v1" }, if *adaptive_stream { "on" } else { "off" });
        writeln!(f, "machine   {}", cpu_model())?;
        writeln!(
            f,
            "run       {joins} joins of {browser:?} by {path} into a meeting of {participants} with camera and microphone, adaptive stream {adaptive}"
        )?;
        let received = self.joins.iter().map(|join| join.state.pictures + join.state.sounds).min().unwrap_or(0);
        writeln!(f, "tracks    {received} of {} received, in the join that received least", 2 * participants)?;
        writeln!(f, "\n{:56} {:>9} {:>9} {:>9}", "of the joins", "least", "median", "greatest")?;
        let shown = self.joins.iter().map(|join| join.state.shown).min().unwrap_or(0);
        self.spread(f, &format!("last first frame, s ({shown} of {participants} shown)"), |join| {
            Some(join.state.last_first_frame_ms / 1000.0)
        })?;
        self.spread(f, "last subscription, s", |join| Some(join.state.subscribed_ms / 1000.0))?;
        for way in ["sent", "received"] {
            let kib = |join: &Join| Some(join.signalling[way]["bytes"].as_f64()? / 1024.0);
            self.spread(f, &format!("signalling {way} by the browser, KiB"), kib)?;
            self.spread(f, "  messages", |join| join.signalling[way]["messages"].as_f64())?;
        }
        self.spread(f, "signalling to each other participant, bytes", |join| {
            Some(join.heard_bytes as f64 / f64::from(*participants))
        })?;
        let cpu_ms: Vec<f64> = self.resting.iter().filter_map(|join| Some(join.cpu_s? * 1000.0)).collect();
        let taken = self.resting.iter().map(|join| join.taken).min().unwrap_or(0);
        print_spread(f, &format!("server's CPU a join, ms ({taken} tracks, no media)"), &cpu_ms)?;
        if let Some((alone, watched)) = self.alone.zip(self.watched) {
            let (alone, watched) = (100.0 * alone, 100.0 * watched);
            writeln!(
                f,
                "server    {alone:.1} % of a core while nobody watches, {watched:.1} % while the browser does"
            )?;
        }
        for event in self.joins.iter().flat_map(|join| &join.state.events) {
            writeln!(f, "event     {event}")?;
        }
        Ok(())
    }
}

impl Report {
    fn spread(&self, f: &mut fmt::Formatter<'_>, name: &str, figure: impl Fn(&Join) -> Option<f64>) -> fmt::Result {
        print_spread(f, name, &self.joins.iter().filter_map(figure).collect::<Vec<_>>())
    }
}

/// Least, median and greatest, where there are any.
fn print_spread(f: &mut fmt::Formatter<'_>, name: &str, figures: &[f64]) -> fmt::Result {
    if figures.is_empty() {
        return Ok(());
    }
    let [least, median, greatest] = [0.0, 0.5, 1.0].map(|share| quantile(figures, share));
    writeln!(f, "{name:56} {least:9.2} {median:9.2} {greatest:9.2}")
}
