//! One run: the page, its samples, and what the server is doing meanwhile.

use std::ops::Range;
use std::time::{Duration, Instant};

use rig::browser::{Browser, Page};
use rig::http::Http;
use rig::process::{cpu_time, resident_bytes};
use rig::prometheus::Metrics;
use rig::recorder::{Recorder, Recording};
use rig::{Error, Result, lipsync};
use serde::Deserialize;

use crate::cli::Options;
use crate::latency::{Sample, summarize};
use crate::report::Report;

const SAMPLER: &str = include_str!("sampler.js");
/// Samples are fetched from the page so often.
const FETCH_EVERY: Duration = Duration::from_secs(2);
/// Metrics whose names hold one of these say how the ladder is doing.
const LADDER_METRICS: [&str; 5] = ["_ladder", "_rung", "_shed", "_late", "_dropped"];

/// What the page's player says of itself.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct PlayerState {
    pub waiting: u64,
    pub dropped: u64,
    pub decoded: u64,
    pub height: u64,
    pub rate: f64,
    #[serde(rename = "targetMs")]
    pub target_ms: f64,
}

/// The server's memory (bytes) and CPU time at a moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServerUse {
    pub at: Instant,
    pub resident: Option<u64>,
    pub cpu: Option<Duration>,
}

/// Measures, and sums up.
pub(crate) fn run(options: &Options) -> Result<Report> {
    let http = Http::new(&options.url);
    let mut browser = Browser::start()?;
    let page = browser.open(&http.url(&format!("/watch/{}?delivery=broadcast", options.room)))?;
    let playing = "document.querySelector('video')?.getVideoPlaybackQuality().totalVideoFrames ?? 0";
    browser.wait_until(page, "the first pictures", 30, playing, |frames| frames.as_u64() > Some(10))?;
    std::thread::sleep(Duration::from_secs(options.settle));
    if browser.evaluate(page, SAMPLER)? != true {
        return Err(Error::Child("the watch page has no video".into()));
    }
    let before = state(&mut browser, page)?;
    let (samples, server, recordings) = sample(options, &http, &mut browser, page)?;
    let after = state(&mut browser, page)?;
    let folder = tempfile::tempdir().map_err(Error::io("making a folder"))?;
    let lip_sync = recordings.iter().map(|recordings| lipsync::measure(recordings, folder.path()));
    Ok(Report {
        options: options.clone(),
        summary: summarize(&samples),
        before,
        after,
        server,
        lip_sync_ms: lip_sync.collect::<Result<_>>()?,
        ladder: ladder(&http)?,
    })
}

fn playlist(options: &Options) -> String {
    format!("/live/{}/index.m3u8", options.room)
}

fn state(browser: &mut Browser, page: Page) -> Result<PlayerState> {
    let value = browser.evaluate(page, "window.glass.state()")?;
    serde_json::from_value(value).map_err(|e| Error::Malformed { what: "player state", detail: e.to_string() })
}

type Sampled = (Vec<Sample>, Vec<ServerUse>, Vec<Vec<Recording>>);

/// When to record: at the beginning, and in the end of a long run.
fn to_record(options: &Options) -> Vec<Range<Duration>> {
    let (length, until) =
        (Duration::from_secs(options.record.min(options.seconds)), Duration::from_secs(options.seconds));
    let mut spans = vec![Duration::ZERO..length];
    spans.extend((until >= 4 * length).then(|| until - length..until));
    spans.retain(|span| !span.is_empty());
    spans
}

fn sample(options: &Options, http: &Http, browser: &mut Browser, page: Page) -> Result<Sampled> {
    let (start, mut samples, mut server, mut recordings) = (Instant::now(), vec![], vec![], vec![]);
    let until = Duration::from_secs(options.seconds);
    let (mut spans, mut recorder) = (to_record(options).into_iter().peekable(), None);
    loop {
        let at = Instant::now();
        server.push(ServerUse {
            at,
            resident: options.pid.and_then(resident_bytes),
            cpu: options.pid.and_then(cpu_time),
        });
        let value = browser.evaluate(page, "window.glass.take()")?;
        let taken: Vec<Sample> =
            serde_json::from_value(value).map_err(|e| Error::Malformed { what: "samples", detail: e.to_string() })?;
        samples.extend(taken);
        let ended = start.elapsed() >= until;
        if let Some(span) = spans.peek() {
            if recorder.is_none() && start.elapsed() >= span.start {
                recorder = Some(Recorder::start(http, &playlist(options))?);
            }
            if (ended || start.elapsed() >= span.end)
                && let Some(recorder) = recorder.take()
            {
                recordings.push(recorder.finish()?);
                spans.next();
            }
        }
        if ended {
            return Ok((samples, server, recordings));
        }
        std::thread::sleep(FETCH_EVERY.min(until.saturating_sub(start.elapsed())));
    }
}

/// What the metrics say of the ladder: which rungs are encoded, and what was shed.
fn ladder(http: &Http) -> Result<Vec<(String, f64)>> {
    let metrics = Metrics::scrape(http)?;
    let says =
        |name: &str| name.starts_with("spillway_ingest") && LADDER_METRICS.iter().any(|part| name.contains(part));
    Ok(metrics.all().filter(|(name, _)| says(name)).map(|(name, value)| (name.to_owned(), value)).collect())
}
