//! The run: participants, joins while media flows, and joins while it rests.
//!
//! While media flows, a join is timed up to its last first frame. What it costs the server is read while media rests:
//! else forwarding would be most of it, and hide the rest.

use std::thread::sleep;
use std::time::{Duration, Instant};

use rig::browser::{Browser, Page};
use rig::http::Http;
use rig::meeting::Meeting;
use rig::meeting_page::{self, State};
use rig::process::cpu_time;
use rig::token::KeyPair;
use rig::{Error, Result};
use serde_json::Value;

use crate::cli::{Options, Program};
use crate::report::{Join, Report, RestingJoin};

/// Rates of CPU are read over so long.
const RATE_SPAN: Duration = Duration::from_secs(5);
/// What follows a join or a leave, such as the last updates, is done after this.
const SETTLING: Duration = Duration::from_secs(1);
/// How often a page is asked how far it has come: each question costs it statistics of all tracks.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// Measures.
pub(crate) fn run(options: &Options) -> Result<Report> {
    let http = Http::new(&options.url);
    let keys = KeyPair { key: options.key.clone(), secret: options.secret.clone() };
    let mut meeting = Meeting::start(&http, &keys, &options.room)?;
    for n in 0..options.participants {
        meeting.join(&format!("native-{n}"))?;
    }
    let browser = match options.browser {
        Program::Chromium => Browser::start()?,
        Program::Firefox => Browser::start_firefox()?,
    };
    let mut run = Run { options, http, keys, meeting, browser, pages: 0 };
    let alone = run.cpu_rate(RATE_SPAN);
    let (mut joins, mut watched) = (vec![], None);
    for n in 0..options.joins {
        let (join, page) = run.join()?;
        joins.push(join);
        if n == 0 {
            watched = run.cpu_rate(RATE_SPAN);
        }
        run.leave(page)?;
    }
    run.meeting.rest(true);
    sleep(SETTLING);
    let idle = run.cpu_rate(RATE_SPAN);
    let resting = (0..options.joins).map(|_| run.join_at_rest(idle)).collect::<Result<_>>()?;
    let lost = run.meeting.lost();
    if !lost.is_empty() {
        return Err(Error::Child(format!("native participants were lost: {lost:?}")));
    }
    Ok(Report { options: options.clone(), joins, resting, alone, watched })
}

struct Run<'a> {
    options: &'a Options,
    http: Http,
    keys: KeyPair,
    meeting: Meeting,
    browser: Browser,
    pages: u32,
}

impl Run<'_> {
    /// The server's CPU time a second.
    fn cpu_rate(&self, span: Duration) -> Option<f64> {
        let (from, before) = (Instant::now(), self.cpu_s()?);
        sleep(span);
        Some((self.cpu_s()? - before) / from.elapsed().as_secs_f64())
    }

    fn cpu_s(&self) -> Option<f64> {
        self.options.pid.and_then(cpu_time).map(|time| time.as_secs_f64())
    }

    fn open(&mut self) -> Result<Page> {
        self.pages += 1;
        let token = self.keys.mint(&self.options.room, &format!("browser-{}", self.pages), false);
        meeting_page::open(&mut self.browser, &self.http, &token, self.options.way())
    }

    fn leave(&mut self, page: Page) -> Result<()> {
        self.browser.evaluate(page, "window.rig.leave()")?;
        self.browser.close(page)?;
        sleep(SETTLING);
        Ok(())
    }

    /// Looks until `done`, or no longer than a join may take; how far the page has come.
    fn look_until(&mut self, page: Page, done: impl Fn(&State) -> bool) -> Result<State> {
        let until = Instant::now() + Duration::from_secs(self.options.seconds_max);
        loop {
            let state = meeting_page::state(&mut self.browser, page)?;
            if done(&state) || Instant::now() > until {
                return Ok(state);
            }
            sleep(LOOK_INTERVAL);
        }
    }

    /// A join while media flows; the page stays.
    fn join(&mut self) -> Result<(Join, Page)> {
        let heard = self.meeting.counts().heard_bytes;
        let page = self.open()?;
        let participants = self.options.participants as usize;
        let state = self.look_until(page, |state| state.is_whole(participants))?;
        sleep(SETTLING);
        let heard_bytes = self.meeting.counts().heard_bytes - heard;
        let signalling = match self.options.browser {
            Program::Chromium => self.browser.signalling(page)?,
            Program::Firefox => Value::Null,
        };
        Ok((Join { state, signalling, heard_bytes }, page))
    }

    /// A join while media rests, up to its last subscription, and the leave. `idle` is the server's CPU time a second
    /// without.
    fn join_at_rest(&mut self, idle: Option<f64>) -> Result<RestingJoin> {
        let tracks = 2 * self.options.participants as usize;
        let (from, before) = (Instant::now(), self.cpu_s());
        let page = self.open()?;
        let state = self.look_until(page, |state| state.taken == tracks)?;
        sleep(SETTLING);
        let cpu_s = before.zip(self.cpu_s()).zip(idle);
        let cpu_s = cpu_s.map(|((before, after), idle)| after - before - idle * from.elapsed().as_secs_f64());
        self.leave(page)?;
        Ok(RestingJoin { taken: state.taken, cpu_s })
    }
}
