//! Runs of one or two servers beside each other: a line a flood and server, medians and spreads over the repeats.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use rig::{Error, Result};
use serde_json::Value;

/// The goals.
const LOST_PERCENT_MAX: f64 = 0.1;
const ADDED_MS_MAX: f64 = 10.0;

/// By flood and server, in order of repeats.
type Runs = BTreeMap<(String, String), Vec<Value>>;

/// The table of all runs whose files lie in `folder`.
pub(crate) fn read(folder: &Path) -> Result<String> {
    let mut files = vec![];
    for entry in std::fs::read_dir(folder).map_err(Error::io("reading the folder of measurements"))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let [flood, server, repeat, "json"] = name.split('.').collect::<Vec<_>>()[..] else { continue };
        let text = std::fs::read(entry.path()).map_err(Error::io("reading a measurement"))?;
        let value = serde_json::from_slice::<Value>(&text);
        let value = value.map_err(|e| Error::Malformed { what: "measurement", detail: format!("{name}: {e}") })?;
        files.push((flood.to_owned(), server.to_owned(), repeat.parse::<u32>().unwrap_or(0), value));
    }
    files.sort_by_key(|(_, _, repeat, _)| *repeat);
    let mut runs = Runs::new();
    for (flood, server, _, value) in files {
        runs.entry((flood, server)).or_default().push(value);
    }
    Ok(table(&runs))
}

fn table(runs: &Runs) -> String {
    let mut text = String::new();
    if let Some(first) = runs.values().flatten().next() {
        let number = |name: &str| first[name].as_u64().unwrap_or(0);
        let _ = writeln!(
            text,
            "{}; {} innocents, measurements of {} s: one quiet, {} under the flood (the worst counts), one after it",
            first["cpu"].as_str().unwrap_or_default(),
            number("innocents"),
            number("seconds"),
            number("rows"),
        );
    }
    let _ = writeln!(
        text,
        "goals: lost ≤ {LOST_PERCENT_MAX} %, added latency p99 ≤ {ADDED_MS_MAX} ms, all joins, none ended; medians (least–most).\n\
         victims: those who are the attacker's own and were ended; generator: the innocents' CPU, which limits them near 100\n\n\
         {:17} {:8} {:>22} {:>22} {:>20} {:>24} {:>9} {:>12} {:>6} {:>8} {:>6}",
        "flood",
        "server",
        "lost %",
        "added p99 ms",
        "arrived %",
        "MiB before/peak/after",
        "joins",
        "join p50 ms",
        "ended",
        "victims",
        "goals"
    );
    for ((flood, server), repeats) in runs {
        line(&mut text, flood, server, repeats);
    }
    text
}

fn line(text: &mut String, flood: &str, server: &str, repeats: &[Value]) {
    let figures = |pointer: &str| -> Vec<f64> {
        repeats.iter().map(|run| run.pointer(pointer).and_then(Value::as_f64).unwrap_or(f64::NAN)).collect()
    };
    let lost = figures("/under/lost_percent");
    let pairs = figures("/under/latency_p99_us").into_iter().zip(figures("/quiet/latency_p99_us"));
    let added: Vec<f64> = pairs.map(|(under, quiet)| (under - quiet) / 1000.0).collect();
    let sum = |pointer: &str| figures(pointer).into_iter().sum::<f64>();
    let (succeeded, failed) = (sum("/joins/under/succeeded"), sum("/joins/under/failed"));
    let ended = sum("/ended");
    let memory = ["before", "peak", "after"].map(|at| format!("{:.0}", median(figures(&format!("/memory_mib/{at}")))));
    let met = median(lost.clone()) <= LOST_PERCENT_MAX
        && median(added.clone()) <= ADDED_MS_MAX
        && (failed, ended) == (0.0, 0.0)
        && succeeded > 0.0;
    let _ = writeln!(
        text,
        "{flood:17} {server:8} {:>22} {:>22} {:>20} {:>24} {:>9} {:>12} {ended:>6} {:>8} {:>12} {:>6}",
        spread(lost, 3),
        spread(added, 2),
        spread(figures("/under/delivered_percent"), 1),
        memory.join("/"),
        format!("{succeeded}/{}", succeeded + failed),
        format!("{:.0}", median(figures("/joins/under/p50_ms"))),
        sum("/attacker/victims_ended"),
        format!("{:.0}", median(figures("/under/generator_percent"))),
        if met { "met" } else { "MISSED" },
    );
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn spread(values: Vec<f64>, decimals: usize) -> String {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    format!("{:.decimals$} ({least:.decimals$}–{most:.decimals$})", median(values))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(lost: f64, p99_us: f64, failed: u32) -> Value {
        json!({
            "quiet": { "latency_p99_us": 1000.0 },
            "under": { "lost_percent": lost, "latency_p99_us": p99_us, "delivered_percent": 100.0 },
            "joins": { "under": { "succeeded": 10, "failed": failed } }, "ended": 0,
        })
    }

    #[test]
    fn goals_are_met_by_the_medians_and_by_every_join() {
        let met = |repeats: Vec<Value>| {
            let runs = Runs::from([(("mutes".to_owned(), "after".to_owned()), repeats)]);
            table(&runs).lines().last().unwrap().ends_with("met")
        };
        assert!(met(vec![run(0.0, 2000.0, 0), run(0.0, 11_000.0, 0), run(9.0, 99_000.0, 0)]));
        assert!(!met(vec![run(0.2, 2000.0, 0)]));
        assert!(!met(vec![run(0.0, 11_100.0, 0)]));
        assert!(!met(vec![run(0.0, 2000.0, 1)]));
    }
}
