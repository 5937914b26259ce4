//! The report: one HTML file without script or network, dark and light, with the spikes of several servers beside each
//! other on the same axes. A picture of it, by Chromium, where that is asked for.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use rig::browser::Browser;
use rig::{Error, Result};

use super::plot::{Line, Plot, round_up};
use super::series::{ERROR_PERCENT_MAX, JOIN_P95_MS_MAX, LOST_PERCENT_MAX, Point, Ranks, Spike};

const STYLE: &str = "
:root { color-scheme: light dark; --back: #fff; --text: #1d2330; --grid: #dde1e8; --void: #8883; --limit: #c2410c;
  --c1: #0f766e; --c2: #2563eb; --c3: #b45309; --c4: #7c3aed; --c5: #dc2626; }
@media (prefers-color-scheme: dark) { :root { --back: #12151c; --text: #e3e7ef; --grid: #2b313d; --limit: #fb923c;
  --c1: #2dd4bf; --c2: #60a5fa; --c3: #fbbf24; --c4: #c4b5fd; --c5: #f87171; } }
body { background: var(--back); color: var(--text); font: 14px/1.4 system-ui, sans-serif; margin: 20px; max-width: 1240px; }
h1 { font-size: 20px; margin: 0 0 8px; } h2 { font-size: 16px; margin: 0; } p { margin: 2px 0 6px; }
.beside { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 480px), 1fr)); gap: 6px 16px; }
table { border-collapse: collapse; margin: 4px 0; } td { padding: 1px 14px 1px 0; vertical-align: top; }
.met { color: var(--c1); } .missed { color: var(--c5); font-weight: 600; }
svg { display: block; width: 100%; height: auto; font: 11px system-ui, sans-serif; }
text { fill: var(--text); } .title { font-weight: 600; } .end { text-anchor: end; } .mid { text-anchor: middle; }
.grid { stroke: var(--grid); } .limit { stroke: var(--limit); stroke-dasharray: 5 4; } .void { fill: var(--void); }
path { fill: none; stroke-width: 1.6; stroke-linecap: round; stroke-linejoin: round; }
path.c1 { stroke: var(--c1); } path.c2 { stroke: var(--c2); } path.c3 { stroke: var(--c3); } path.c4 { stroke: var(--c4); } path.c5 { stroke: var(--c5); }
tspan.c1 { fill: var(--c1); } tspan.c2 { fill: var(--c2); } tspan.c3 { fill: var(--c3); } tspan.c4 { fill: var(--c4); } tspan.c5 { fill: var(--c5); }
";

/// Options of a report.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ReportOptions {
    /// Figures of spikes, as `spike --json` writes them.
    #[arg(required = true)]
    pub spikes: Vec<PathBuf>,
    /// The page.
    #[arg(long)]
    pub html: PathBuf,
    /// A picture of it, by Chromium.
    #[arg(long)]
    pub png: Option<PathBuf>,
    /// Words below the title: commit and date.
    #[arg(long, default_value = "")]
    pub about: String,
}

/// Writes the report.
pub(crate) fn write(options: &ReportOptions) -> Result<()> {
    let spikes = options.spikes.iter().map(|file| read(file)).collect::<Result<Vec<_>>>()?;
    if let Some(folder) = options.html.parent() {
        std::fs::create_dir_all(folder).map_err(Error::io("making the report's folder"))?;
    }
    std::fs::write(&options.html, page(&spikes, &options.about)).map_err(Error::io("writing the report"))?;
    let Some(png) = &options.png else { return Ok(()) };
    let file = std::path::absolute(&options.html).map_err(Error::io("naming the report"))?;
    let mut browser = Browser::start()?;
    let page = browser.open(&format!("file://{}", file.display()))?;
    browser.screenshot_whole(page, png)
}

fn read(file: &Path) -> Result<Spike> {
    let text = std::fs::read_to_string(file).map_err(Error::io("reading the figures of a spike"))?;
    let malformed =
        |error| Error::Malformed { what: "figures of a spike", detail: format!("{}: {error}", file.display()) };
    serde_json::from_str(&text).map_err(malformed)
}

/// The page.
fn page(spikes: &[Spike], about: &str) -> String {
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>A crowd within a minute</title>\n<style>{STYLE}</style>\n<h1>A crowd within a minute</h1>\n<p>{}</p>\n\
         <p>Dashed: the goal. Grey: seconds in which the generator itself was late, so that the server is not to blame.</p>\n",
        escaped(about),
    );
    html.push_str("<div class=\"beside\">\n");
    spikes.iter().for_each(|spike| summary(&mut html, spike));
    html.push_str("</div>\n");
    let plots: Vec<Vec<Plot>> = spikes.iter().map(plots).collect();
    let seconds = spikes.iter().map(|spike| spike.points.len()).max().unwrap_or(0) as u32;
    // Each plot beside those of the other servers; the plots of one server beside each other.
    let rows = plots.first().map_or(0, Vec::len);
    let breaks = if plots.len() > 1 { "</div>\n<div class=\"beside\">\n" } else { "" };
    html.push_str("<div class=\"beside\">\n");
    for row in 0..rows {
        let of_row = || plots.iter().filter_map(|plots| plots.get(row));
        let most = of_row().map(|plot| plot.most().max(plot.limit.unwrap_or(0.0))).fold(0.0, f64::max);
        of_row().for_each(|plot| html.push_str(&plot.svg(seconds, round_up(most))));
        html.push_str(if row + 1 < rows { breaks } else { "</div>\n" });
    }
    html.push_str("</html>\n");
    html
}

/// The words and figures above a server's plots.
fn summary(html: &mut String, spike: &Spike) {
    let (label, load) = (escaped(&spike.label), escaped(&format!("{}; {}", spike.load, spike.machine)));
    let _ = write!(html, "<section><h2>{label}</h2><p>{load}</p><table>");
    for (goal, figure, is_met) in spike.goals() {
        let (class, goal) = (if is_met { "met" } else { "missed" }, escaped(goal));
        let verdict = if is_met { "met" } else { "missed" };
        let _ = write!(html, "<tr><td>{goal}</td><td class=\"{class}\">{figure}, {verdict}</td></tr>");
    }
    let totals = &spike.totals;
    let [whep, livekit, hls] = totals.watching;
    let _ = write!(html, "<tr><td>watching at the end</td><td>{whep} WHEP, {livekit} LiveKit, {hls} LL-HLS</td></tr>");
    let late = totals.lateness_p99_ms();
    let (class, verdict) = if spike.is_valid() { ("met", "valid") } else { ("missed", "INVALID") };
    let max = spike.lateness_ms_max;
    let _ = write!(
        html,
        "<tr><td>generator's lateness, p99, at most {max} ms</td><td class=\"{class}\">{late:.1} ms, {verdict}</td></tr>"
    );
    for fault in &spike.faults {
        let (kind, first) = (escaped(&fault.kind), escaped(&fault.first));
        let _ = write!(html, "<tr><td>{} × {kind}</td><td>{first}</td></tr>", fault.count);
    }
    html.push_str("</table></section>\n");
}

/// The plots of one server, top to bottom; each server has the same.
fn plots(spike: &Spike) -> Vec<Plot> {
    let points = &spike.points;
    let line = |name, class, figure: &dyn Fn(&Point) -> Option<f64>| Line {
        name,
        class,
        figures: points.iter().map(figure).collect(),
    };
    let rank = |ranks: Option<Ranks>, index: usize| ranks.and_then(|ranks| ranks.get(index).copied());
    let late = |point: &&Point| rank(point.lateness_ms, 1).is_some_and(|ms| ms > spike.lateness_ms_max);
    let void: Vec<u32> = points.iter().filter(late).map(|point| point.second).collect();
    let plot = |title, limit, lines| Plot { title, lines, limit, void: void.clone() };
    let three = |figure: fn(&Point) -> Option<Ranks>| {
        let names = [("p50", "c1", 0), ("p95", "c2", 1), ("p99", "c3", 2)];
        names.map(|(name, class, index)| line(name, class, &|point| rank(figure(point), index))).into()
    };
    let count = |figure: u32| Some(f64::from(figure));
    let viewers = vec![
        line("arrived", "c5", &|point| count(point.arrived)),
        line("LL-HLS", "c3", &|point| count(point.watching[2])),
        line("LiveKit", "c2", &|point| count(point.watching[1])),
        line("WHEP", "c1", &|point| count(point.watching[0])),
    ];
    let failed = |point: &Point| 100.0 * f64::from(point.failed) / f64::from(point.arrived.max(1));
    let errors = vec![line("so far", "c5", &|point| Some(failed(point)))];
    let server = vec![
        line("server", "c1", &|point| point.server_cpu_percent),
        line("generator", "c4", &|point| point.generator_cpu_percent),
    ];
    let lateness = vec![
        line("p99", "c2", &|point| rank(point.lateness_ms, 1)),
        line("most", "c4", &|point| rank(point.lateness_ms, 2)),
    ];
    vec![
        plot("viewers who watch", None, viewers),
        plot("viewers with an error, %", Some(ERROR_PERCENT_MAX), errors),
        plot("arrival to first media, ms", Some(JOIN_P95_MS_MAX), three(|point| point.join_ms)),
        plot(
            "lost on the way to seats, %",
            Some(LOST_PERCENT_MAX),
            vec![line("lost", "c5", &|point| point.lost_percent)],
        ),
        plot("LL-HLS: part read, behind the programme, ms", None, three(|point| point.edge_ms)),
        plot("CPU, % of a core", None, server),
        plot("server's memory, MiB", None, vec![line("resident", "c1", &|point| point.server_mib)]),
        plot("generator's lateness, ms", Some(spike.lateness_ms_max), lateness),
    ]
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spike(label: &str, join_ms: f64) -> Spike {
        let point =
            |second| Point { second, arrived: second, join_ms: Some([1.0, join_ms, join_ms]), ..Point::default() };
        let mut spike = Spike { label: label.into(), points: (1..=3).map(point).collect(), ..Spike::default() };
        spike.totals.join_ms = Some([1.0, join_ms, join_ms]);
        spike
    }

    #[test]
    fn servers_stand_beside_each_other_on_the_same_axes() {
        let html = page(&[spike("ours", 400.0), spike("<theirs>", 4000.0)], "commit x & y");
        assert!(
            html.contains("<h2>ours</h2>") && html.contains("<h2>&lt;theirs&gt;</h2>") && html.contains("x &amp; y")
        );
        assert_eq!(html.matches("aria-label=\"arrival to first media, ms\"").count(), 2);
        assert_eq!(html.matches("<div").count(), html.matches("</div>").count());
        assert_eq!(html.matches(">4000</text>").count(), 2, "both axes end where the slower one needs it");
        assert_eq!((html.matches("400 ms, met").count(), html.matches("4000 ms, missed").count()), (1, 1));
    }

    #[test]
    fn page_needs_no_script_and_no_network() {
        let html = page(&[spike("ours", 400.0)], "");
        assert!(!html.contains("<script") && !html.contains("http") && !html.contains("src="));
        assert!(html.contains("prefers-color-scheme: dark"));
    }
}
