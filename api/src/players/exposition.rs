//! Figures of players as Prometheus text, by room.
//!
//! The recorder of the other metrics keeps each set of labels for ever; these go with their rooms. `verified` is
//! `true` for sessions of events sockets, which no stranger can make up.

use super::accounting::{Counts, Figures, Overview};
use super::report::PlayState;
use super::tally::{Histogram, Tally};

/// The label of all rooms that are not named. Names of rooms have no brackets.
const REST: &str = "(others)";

/// A value of a [`Tally`], in a metric's unit.
type Total = fn(&Tally) -> f64;
/// A distribution of a [`Tally`], and its values for one of the metric's unit.
type Distribution = (fn(&Tally) -> &Histogram, f64);

const TOTALS: [(&str, &str, Total); 4] = [
    ("spillway_players_sessions_total", "Sessions of players that have reported", |tally| tally.sessions as f64),
    ("spillway_players_errors_total", "Errors that players have told of", |tally| tally.errors as f64),
    ("spillway_players_stalls_total", "Times that a player's media ran out", |tally| tally.stalls as f64),
    ("spillway_players_stalled_seconds_total", "How long players' media was out", |tally| {
        tally.stalled_ms as f64 / 1000.0
    }),
];

const DISTRIBUTIONS: [(&str, &str, Distribution); 3] = [
    (
        "spillway_players_startup_seconds",
        "From a viewer's wish to play to the first picture",
        (|tally| &tally.startup_ms, 1000.0),
    ),
    (
        "spillway_players_latency_seconds",
        "Behind live, as players tell at their first picture and every half minute",
        (|tally| &tally.latency_ms, 1000.0),
    ),
    (
        "spillway_players_bits_per_second",
        "Bit rate of what plays, as players tell at their first picture and every half minute",
        (|tally| &tally.bits_per_second, 1.0),
    ),
];

/// The figures of one label set.
struct Series<'a> {
    labels: String,
    by_state: [u32; PlayState::ALL.len()],
    tally: &'a Tally,
}

/// Prometheus text of `overview`. Sets of labels that no player ever had are left out.
pub(super) fn exposition(overview: &Overview<'_>) -> String {
    let (rest_counts, rest) = &overview.rest;
    let named = overview.named.iter().flat_map(|(room, counts, figures)| series(room, counts, figures));
    let all: Vec<Series<'_>> = named.chain(series(REST, rest_counts, rest)).collect();
    let mut text = String::new();
    if all.is_empty() {
        return text;
    }
    head(&mut text, "spillway_players", "gauge", "Players that report, by state");
    for Series { labels, by_state, .. } in &all {
        for (state, count) in PlayState::ALL.iter().zip(by_state).filter(|(state, _)| **state != PlayState::Over) {
            line(&mut text, "spillway_players", &format!("{labels},state=\"{}\"", state.word()), f64::from(*count));
        }
    }
    for (name, help, total) in TOTALS {
        head(&mut text, name, "counter", help);
        all.iter().for_each(|one| line(&mut text, name, &one.labels, total(one.tally)));
    }
    for (name, help, (distribution, in_one)) in DISTRIBUTIONS {
        head(&mut text, name, "histogram", help);
        all.iter().for_each(|one| histogram(&mut text, name, &one.labels, distribution(one.tally), in_one));
    }
    text
}

fn series<'a>(room: &str, counts: &Counts, figures: &'a Figures) -> impl Iterator<Item = Series<'a>> {
    let both = [("true", counts.verified, &figures.verified), ("false", counts.others, &figures.others)];
    let labels = room.to_owned();
    both.into_iter().filter(|(_, _, tally)| tally.sessions > 0).map(move |(verified, by_state, tally)| Series {
        labels: format!("room=\"{labels}\",verified=\"{verified}\""),
        by_state,
        tally,
    })
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
}

fn line(text: &mut String, name: &str, labels: &str, value: f64) {
    text.push_str(&format!("{name}{{{labels}}} {value}\n"));
}

/// `in_one`: the histogram's values for one of the metric's unit.
fn histogram(text: &mut String, name: &str, labels: &str, histogram: &Histogram, in_one: f64) {
    let bounds = histogram.bounds.iter().map(|bound| (*bound as f64 / in_one).to_string());
    let mut all = 0;
    for (bound, up_to) in bounds.chain(["+Inf".to_owned()]).zip(histogram.cumulative()) {
        line(text, &format!("{name}_bucket"), &format!("{labels},le=\"{bound}\""), up_to as f64);
        all = up_to;
    }
    line(text, &format!("{name}_sum"), labels, histogram.sum as f64 / in_one);
    line(text, &format!("{name}_count"), labels, all as f64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_by_room_and_sets_of_labels_without_players_left_out() {
        let room = "demo".parse().unwrap();
        let mut figures = Figures::default();
        let tally = &mut figures.verified;
        (tally.sessions, tally.stalled_ms) = (2, 1500);
        [700, 800].into_iter().for_each(|ms| tally.startup_ms.observe(ms));
        let mut counts = Counts::default();
        counts.verified[PlayState::Playing as usize] = 2;
        let overview = Overview { named: vec![(&room, counts, &figures)], rest: Default::default() };
        let text = exposition(&overview);
        for expected in [
            "# TYPE spillway_players gauge",
            r#"spillway_players{room="demo",verified="true",state="playing"} 2"#,
            r#"spillway_players{room="demo",verified="true",state="paused"} 0"#,
            r#"spillway_players_sessions_total{room="demo",verified="true"} 2"#,
            r#"spillway_players_stalled_seconds_total{room="demo",verified="true"} 1.5"#,
            r#"spillway_players_startup_seconds_bucket{room="demo",verified="true",le="0.75"} 1"#,
            r#"spillway_players_startup_seconds_bucket{room="demo",verified="true",le="+Inf"} 2"#,
            r#"spillway_players_startup_seconds_sum{room="demo",verified="true"} 1.5"#,
            r#"spillway_players_startup_seconds_count{room="demo",verified="true"} 2"#,
        ] {
            assert!(text.lines().any(|line| line == expected), "{expected} is not in\n{text}");
        }
        assert!(!text.contains("verified=\"false\"") && !text.contains(REST) && !text.contains("over"));
    }
}
