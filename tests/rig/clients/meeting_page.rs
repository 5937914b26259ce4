//! A browser's participant of a meeting, by LiveKit's own unmodified client: the page `tests/browser/meeting.html`.

use serde::Deserialize;
use serde_json::Value;

use crate::browser::{Browser, Page};
use crate::error::{Error, Result};
use crate::http::Http;
use crate::wait::wait_for_or;

/// How a page joins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// Two peer connections (`/rtc`), as older clients have, instead of one (`/rtc/v1`).
    pub two_connections: bool,
    /// The client asks for the size that each picture is shown in, and pauses those out of sight.
    pub adaptive_stream: bool,
}

impl Way {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self { two_connections: false, adaptive_stream: false },
        Self { two_connections: true, adaptive_stream: true },
        Self { two_connections: false, adaptive_stream: true },
        Self { two_connections: true, adaptive_stream: false },
    ];
}

/// How far a page has come in its meeting.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// Tracks that it knows of.
    pub told: usize,
    /// Those of them that it is subscribed to.
    pub taken: usize,
    /// Pictures of those of which frames were decoded.
    pub pictures: usize,
    /// Sounds of those of which packets have come.
    pub sounds: usize,
    /// Pictures whose first frame was shown.
    pub shown: usize,
    /// From the beginning of the join to the last subscription, milliseconds.
    pub subscribed_ms: f64,
    /// From the beginning of the join to the last first frame, milliseconds.
    pub last_first_frame_ms: f64,
    /// Reconnections, refused subscriptions and the end of the connection; empty where all is well.
    pub events: Vec<String>,
}

impl State {
    /// Whether a camera and a microphone of each of so many participants are received.
    pub fn is_whole(&self, participants: usize) -> bool {
        let Self { told, taken, pictures, sounds, shown, .. } = *self;
        [told, taken] == [2 * participants; 2] && [pictures, sounds, shown] == [participants; 3]
    }
}

/// Opens a page, and begins to join with a token. What becomes of that, [`state`] says.
pub fn open(browser: &mut Browser, http: &Http, token: &str, way: Way) -> Result<Page> {
    let (two, adaptive) = (u8::from(way.two_connections), u8::from(way.adaptive_stream));
    browser.open(&http.url(&format!("/__rig/meeting.html?token={token}&two={two}&adaptive={adaptive}")))
}

/// Opens a page whose participant has joined.
pub fn join(browser: &mut Browser, http: &Http, token: &str, way: Way) -> Result<Page> {
    let page = open(browser, http, token, way)?;
    let joined = browser.evaluate(page, "window.joined")?;
    if joined != "joined" {
        return Err(Error::Child(format!("a page does not join: {joined}")));
    }
    let one = browser.evaluate(page, "window.rig.room.engine.pcManager.subscriber === undefined")?;
    if one == way.two_connections {
        return Err(Error::Child("a page has another number of peer connections than it asked for".into()));
    }
    Ok(page)
}

/// How far it has come.
pub fn state(browser: &mut Browser, page: Page) -> Result<State> {
    read("a meeting's state", browser.evaluate(page, "window.rig.state()")?)
}

/// Waits until camera and microphone of so many participants are received; how far it has come then.
pub fn wait_until_whole(browser: &mut Browser, page: Page, participants: usize, seconds: u64) -> Result<State> {
    wait_for_or(&format!("every picture and sound of {participants} participants"), seconds, || {
        match state(browser, page) {
            Ok(state) if state.is_whole(participants) => Ok(state),
            Ok(state) => Err(format!("{state:?}")),
            Err(error) => Err(error.to_string()),
        }
    })
}

/// Waits until each track that is taken now has gone on.
pub fn wait_until_all_go_on(browser: &mut Browser, page: Page, seconds: u64) -> Result<()> {
    browser.evaluate(page, "window.rig.mark()")?;
    let going = |still: &Value| still.as_array().is_some_and(Vec::is_empty);
    browser.wait_until(page, "tracks that all go on", seconds, "window.rig.still()", going).map(drop)
}

/// Takes so many tracks, chosen by a seed, no longer (`take` false), or again. Their ids.
pub fn switch(browser: &mut Browser, page: Page, take: bool, count: usize, seed: u32) -> Result<Vec<String>> {
    read("a list of tracks", browser.evaluate(page, &format!("window.rig.switch({take}, {count}, {seed})"))?)
}

fn read<T: for<'a> Deserialize<'a>>(what: &'static str, value: Value) -> Result<T> {
    serde_json::from_value(value).map_err(|error| Error::Malformed { what, detail: error.to_string() })
}
