//! Two servers' figures beside each other, from the files that runs of both have written.
//!
//! Runs are interleaved, so each ratio is of two that follow each other: load and repeat are the same. A ratio above
//! one is in favour of ours.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use rig::{Error, Result};
use serde_json::Value;

use crate::report::Spread;
use crate::table::maybe;

/// Whether less or more of it is better.
#[derive(Clone, Copy, PartialEq)]
enum Better {
    Less,
    More,
}

/// Name, place in the JSON, decimals.
const FIGURES: [(&str, &str, usize, Better); 7] = [
    ("server CPU a packet, µs", "/us_per_packet/median", 2, Better::Less),
    ("packets/s/core", "/packets_per_second_per_core/median", 0, Better::More),
    ("server CPU a join, ms", "/join_cpu_ms", 2, Better::Less),
    ("a join until keys, p50 ms", "/join_p50_ms", 1, Better::Less),
    ("memory a subscriber, KiB", "/memory_kib_per_subscriber", 0, Better::Less),
    ("added latency p50, µs", "/latency_p50_us/median", 0, Better::Less),
    ("added latency p99, µs", "/latency_p99_us/median", 0, Better::Less),
];

/// By load, server and repeat.
type Runs = BTreeMap<(String, String, u32), Value>;

/// The table of all loads that both `ours` and another server have run.
pub(crate) fn read(folder: &Path, ours: &str) -> Result<String> {
    let mut runs = Runs::new();
    for entry in std::fs::read_dir(folder).map_err(Error::io("reading the folder of measurements"))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let [load, server, repeat, "json"] = name.split('.').collect::<Vec<_>>()[..] else { continue };
        let Ok(repeat) = repeat.parse() else { continue };
        let text = std::fs::read(entry.path()).map_err(Error::io("reading a measurement"))?;
        let value = serde_json::from_slice(&text);
        let value = value.map_err(|e| Error::Malformed { what: "measurement", detail: format!("{name}: {e}") })?;
        runs.insert((load.to_owned(), server.to_owned(), repeat), value);
    }
    Ok(table(&runs, ours))
}

fn table(runs: &Runs, ours: &str) -> String {
    let (mut text, mut loads) = (String::new(), BTreeSet::new());
    for (load, server, _) in runs.keys() {
        if server != ours {
            loads.insert((load, server));
        }
    }
    for (load, theirs) in loads {
        let of = |server: &str| -> BTreeMap<u32, &Value> {
            let all = runs.iter().filter(|((l, s, _), _)| l == load && s == server);
            all.map(|((_, _, repeat), value)| (*repeat, value)).collect()
        };
        let (our_runs, their_runs) = (of(ours), of(theirs));
        let pairs: Vec<(&Value, &Value)> =
            our_runs.iter().filter_map(|(repeat, value)| Some((*value, *their_runs.get(repeat)?))).collect();
        describe(&mut text, load, &pairs);
        let _ = writeln!(text, "{:28} {ours:>24} {theirs:>24} {:>18}", "median (least–most)", "ratio");
        for (name, at, decimals, better) in FIGURES {
            let values = |pick: fn(&(&Value, &Value)) -> Value| -> Vec<f64> {
                pairs.iter().map(|pair| pick(pair).pointer(at).and_then(Value::as_f64).unwrap_or(f64::NAN)).collect()
            };
            let (a, b) = (values(|pair| pair.0.clone()), values(|pair| pair.1.clone()));
            let ratios = a.iter().zip(&b).map(|(a, b)| if better == Better::Less { b / a } else { a / b });
            let ratios = cell(Spread::new(ratios), 1);
            let [a, b] = [a, b].map(|values| cell(Spread::new(values), decimals));
            let _ = writeln!(text, "{name:28} {a:>24} {b:>24} {ratios:>18}");
        }
        text.push('\n');
    }
    text
}

/// The load, and whether all of it came.
fn describe(text: &mut String, load: &str, pairs: &[(&Value, &Value)]) {
    let settings = pairs.first().map_or("no pair of runs", |(ours, _)| ours["load"].as_str().unwrap_or_default());
    let all = || pairs.iter().flat_map(|(a, b)| [*a, *b]);
    let disturbed = all().filter(|run| run["disturbed"] == true).count();
    let worst = |at: &str| all().filter_map(|run| run.pointer(at)?.as_f64()).fold(0.0, f64::max);
    let (lost, failed) = (worst("/lost_percent/max"), worst("/joins_failed"));
    let _ = writeln!(text, "== {load}: {settings}");
    let _ = writeln!(
        text,
        "   {} pairs of runs, {disturbed} runs disturbed by other processes; at worst {} % lost, {failed:.0} joins failed",
        pairs.len(),
        maybe(Some(lost), 3),
    );
}

fn cell(spread: Spread, decimals: usize) -> String {
    let [min, median, max] = [spread.min, spread.median, spread.max].map(|value| maybe(Some(value), decimals));
    format!("{median} ({min}–{max})")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ratios_are_of_runs_with_the_same_load_and_repeat_and_above_one_in_our_favour() {
        let run = |us: f64, core: f64| json!({ "load": "as told", "us_per_packet": { "median": us }, "packets_per_second_per_core": { "median": core } });
        let mut runs = Runs::new();
        for (server, repeat, value) in [
            ("spillway", 1, run(2.0, 500.0)),
            ("other", 1, run(8.0, 125.0)),
            ("spillway", 2, run(4.0, 250.0)),
            ("other", 2, run(8.0, 125.0)),
            ("other", 3, run(99.0, 1.0)),
        ] {
            runs.insert(("sounds".to_owned(), server.to_owned(), repeat), value);
        }
        let text = table(&runs, "spillway");
        assert!(text.starts_with("== sounds: as told\n   2 pairs of runs, 0 runs disturbed"), "{text}");
        let line = |name: &str| {
            text.lines().find(|line| line.starts_with(name)).unwrap().split_whitespace().collect::<Vec<_>>()
        };
        assert_eq!(
            line("server CPU a packet")[5..],
            ["4.00", "(2.00–4.00)", "8.00", "(8.00–8.00)", "4.0", "(2.0–4.0)"]
        );
        assert_eq!(line("packets/s/core")[5..], ["4.0", "(2.0–4.0)"]);
        assert_eq!(line("memory a subscriber")[4..], ["-", "(-–-)", "-", "(-–-)", "-", "(-–-)"]);
    }
}
