//! The moves of a run.

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use rig::browser::{Browser, Page};
use rig::link::Link;
use rig::server::{Demo, Server};
use rig::{Error, Result};
use serde_json::{Value, json};

use crate::cli::Options;
use crate::judge::{Path, Sample, judge};
use crate::report::{Move, Report};

const SAMPLER: &str = include_str!("sampler.js");
/// What the page's player says of its moves.
const PLAYER: &str = "(() => {
  const player = window.__spillway;
  const video = document.querySelector('video');
  return {
    path: player?.path ?? null, moving: player?.moving ?? null, latency: player?.latency() ?? null,
    frames: video?.getVideoPlaybackQuality().totalVideoFrames ?? 0,
  };
})()";
/// A move may take so long, seconds: a seat is slowed by a twentieth until the broadcast is as far.
const MOVE_S_MAX: u64 = 160;
/// Samples go on for so long after a move.
const AFTER: Duration = Duration::from_secs(2);
/// The player has found its distance and its rendition after so many pictures.
const SETTLED_FRAMES: u64 = 200;
/// The shortest wait between two moves.
const WAIT_S_MIN: f64 = 2.0;

/// Moves, and judges each.
pub(crate) fn run(options: &Options) -> Result<Report> {
    let Some(impairment) = options.impairment() else { return measure(options, None) };
    let link = Link::start()?;
    link.impair(impairment);
    let _inside = link.near().enter()?;
    measure(options, Some(&link))
}

fn measure(options: &Options, link: Option<&Link>) -> Result<Report> {
    let seed = options.seed.unwrap_or_else(rand::random);
    let mut random = StdRng::seed_from_u64(seed);
    let demo = link.map_or_else(Demo::default, |link| Demo::at(link.near_address()));
    let server = Server::start(Demo { speakers: options.speakers, ladder: Some(options.ladder.clone()), ..demo })?;
    server.wait_for_broadcast()?;
    let mut browser = match link {
        Some(link) => link.far().within(|| Browser::start_for(&server))?,
        None => Browser::start()?,
    };
    let page = open(&mut browser, &server)?;
    let mut moves = vec![];
    for number in 0..2 * options.moves {
        std::thread::sleep(Duration::from_secs_f64(random.random_range(WAIT_S_MIN..=f64::from(options.wait_s))));
        let to = if number % 2 == 0 { Path::Seat } else { Path::Broadcast };
        let one = move_once(&mut browser, page, &server, to)?;
        // A run takes half an hour: whoever waits sees that it goes on.
        eprintln!("{number:3} {:9} error {:5.0} ms, {:.1} s", to.name(), one.verdict.error_ms, one.took.as_secs_f64());
        moves.push(one);
    }
    Ok(Report { options: options.clone(), seed, moves })
}

/// The watch page, settled on the broadcast, with sound, and sampled.
fn open(browser: &mut Browser, server: &Server) -> Result<Page> {
    let page = browser.open(&server.http.url(&format!("/watch/{}?delivery=broadcast", server.room)))?;
    let settled = |player: &Value| player["path"] == "broadcast" && player["frames"].as_u64() > Some(SETTLED_FRAMES);
    browser.wait_until(page, "a settled player", 60, PLAYER, settled)?;
    browser.click(page, ".watch-unmute")?;
    match browser.evaluate(page, SAMPLER)? {
        Value::Bool(true) => Ok(page),
        other => Err(Error::Malformed { what: "answer of the sampler", detail: other.to_string() }),
    }
}

/// As a server would tell it.
fn answer(server: &Server, to: Path) -> Value {
    match to {
        Path::Seat => json!({
            "delivery": "interactive", "whep": format!("/whep/{}", server.room), "reason": "seat", "detail": "",
            "token": server.viewer_token("handover"), "events": null,
        }),
        Path::Broadcast => json!({
            "delivery": "broadcast", "playlist": server.playlist(), "ready": true, "retryAfterMs": null,
            "reason": "room_full", "detail": "", "token": null, "events": null,
        }),
    }
}

fn move_once(browser: &mut Browser, page: Page, server: &Server, to: Path) -> Result<Move> {
    // A few seconds of before are enough, and the page keeps no more than ten minutes.
    let mut samples = take(browser, page)?;
    samples.drain(..samples.len().saturating_sub(180));
    let begun = Instant::now();
    browser.evaluate(page, &format!("window.__spillway.moveTo({})", answer(server, to)))?;
    let name = to.name();
    let done = |player: &Value| player["path"] == name && player["moving"].is_null();
    browser.wait_until(page, &format!("a move to the {name}"), MOVE_S_MAX, PLAYER, done)?;
    let took = begun.elapsed();
    std::thread::sleep(AFTER);
    samples.extend(take(browser, page)?);
    let verdict = judge(&samples, to).ok_or_else(|| Error::Malformed {
        what: "samples of a move",
        detail: format!("the picture in front does not change to the {name}'s"),
    })?;
    Ok(Move { took, verdict })
}

fn take(browser: &mut Browser, page: Page) -> Result<Vec<Sample>> {
    let value = browser.evaluate(page, "window.handover.take()")?;
    serde_json::from_value(value).map_err(|e| Error::Malformed { what: "samples", detail: e.to_string() })
}
