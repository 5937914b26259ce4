//! Ann and Ben: two of LiveKit's browser clients in one room.

use serde_json::Value;

use crate::browser::{Browser, Page};
use crate::error::Result;
use crate::livekit_clients::{join, sees, without_broadcast};
use crate::server::{Demo, Server};

/// Two pages in one browser, joined in this order: Ann's and Ben's.
pub struct LivekitPair {
    /// The server with their room.
    pub server: Server,
    /// The browser of both pages.
    pub browser: Browser,
    /// Ann's page, on one peer connection.
    pub ann: Page,
    /// Ben's page.
    pub ben: Page,
}

impl LivekitPair {
    /// Joins both to the room of a server that broadcasts none. `ben` is added to the URL of Ben's page: it may ask for
    /// [`TWO_CONNECTIONS`](crate::livekit_clients::TWO_CONNECTIONS).
    pub fn start(ben: &str) -> Result<Self> {
        Self::start_on(Demo { environment: vec![without_broadcast()], ..Demo::default() }, ben)
    }

    /// As [`LivekitPair::start`], on another server.
    pub fn start_on(demo: Demo, ben: &str) -> Result<Self> {
        let server = Server::start(demo)?;
        let mut browser = Browser::start()?;
        let ann = join(&mut browser, &server, &server.http, "ann", "")?;
        let ben = join(&mut browser, &server, &server.http, "ben", ben)?;
        Ok(Self { server, browser, ann, ben })
    }

    /// Evaluates a script in Ann's page.
    pub fn ann(&mut self, script: &str) -> Result<Value> {
        self.browser.evaluate(self.ann, script)
    }

    /// Waits until `script` has a good value in Ann's page.
    pub fn ann_has(&mut self, what: &str, seconds: u64, script: &str, good: impl Fn(&Value) -> bool) -> Result<Value> {
        self.browser.wait_until(self.ann, what, seconds, script, good)
    }

    /// Waits until `script` has a good value in Ben's page.
    pub fn ben_has(&mut self, what: &str, seconds: u64, script: &str, good: impl Fn(&Value) -> bool) -> Result<Value> {
        self.browser.wait_until(self.ben, what, seconds, script, good)
    }

    /// Waits until Ann has seen more than so many frames of a track. Returns the track, as her client has it.
    pub fn ann_sees(&mut self, identity: &str, source: &str, frames: u64) -> Result<Value> {
        sees(&mut self.browser, self.ann, identity, source, frames)
    }

    /// As [`LivekitPair::ann_sees`], of Ben.
    pub fn ben_sees(&mut self, identity: &str, source: &str, frames: u64) -> Result<Value> {
        sees(&mut self.browser, self.ben, identity, source, frames)
    }
}
