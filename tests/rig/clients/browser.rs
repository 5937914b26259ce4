//! Chromium, driven by Playwright in a Node.js child that takes one JSON line a command and answers each with one; and
//! Firefox, by Puppeteer.
//!
//! The child serves our own pages (`tests/browser/*.html`) below the tested server's origin, at `/__rig/`, so that they
//! need neither a second server nor CORS. Camera and microphone are Chromium's fakes: a rolling clock and a beep a
//! second.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::process::child::LineChild;
use crate::server::Server;
use crate::wait::wait_for_or;

/// An answer of the child may take this long.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// A browser with any number of pages, each with storage of its own. Closed when dropped.
pub struct Browser {
    child: LineChild,
    pages: u32,
}

/// A page of a [`Browser`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page(u32);

impl Browser {
    /// Starts Chromium. Its console and the driver's complaints go to a file that a failing test names.
    pub fn start() -> Result<Self> {
        Self::start_by("chromium-driver.mjs", "")
    }

    /// Starts Chromium for a server that is not on loopback, as behind a [`Link`](crate::link::Link): its pages are
    /// secure contexts all the same, so they may use camera and microphone.
    pub fn start_for(server: &Server) -> Result<Self> {
        Self::start_by("chromium-driver.mjs", server.http.origin())
    }

    /// Starts Firefox, which can open and close pages, evaluate in them, and take pictures of them.
    pub fn start_firefox() -> Result<Self> {
        Self::start_by("firefox-driver.mjs", "")
    }

    fn start_by(driver: &str, secure_origin: &str) -> Result<Self> {
        let mut command = Command::new("node");
        command.arg(driver).current_dir(folder()?).env("SECURE_ORIGIN", secure_origin);
        let hint = "Debian packages nodejs (20 or later), chromium and firefox-esr";
        Ok(Self { child: LineChild::start("the browser", command, hint)?, pages: 0 })
    }

    /// Opens a URL in a new page.
    pub fn open(&mut self, url: &str) -> Result<Page> {
        self.pages += 1;
        self.ask(&json!({ "do": "open", "page": self.pages, "url": url }))?;
        Ok(Page(self.pages))
    }

    /// Opens the page of one peer, by WHIP or WHEP as `query` says, and waits until it is connected.
    pub fn open_peer(&mut self, server: &Server, query: &str, token: &str) -> Result<Page> {
        let url = format!("/__rig/peer.html?room={}&token={token}&{query}", server.room);
        let page = self.open(&server.http.url(&url))?;
        self.wait_until(page, "a connection", 25, "window.rig.stats()", |stats| stats["state"] == "connected")?;
        Ok(page)
    }

    /// As [`Browser::open`], for a user who prefers dark pages.
    pub fn open_dark(&mut self, url: &str) -> Result<Page> {
        self.pages += 1;
        self.ask(&json!({ "do": "open", "page": self.pages, "url": url, "colors": "dark" }))?;
        Ok(Page(self.pages))
    }

    /// Saves what a page shows as a PNG.
    pub fn screenshot(&mut self, page: Page, file: &Path) -> Result<()> {
        let file = std::path::absolute(file).map_err(Error::io("naming a screenshot"))?;
        self.ask(&json!({ "do": "screenshot", "page": page.0, "file": file })).map(drop)
    }

    /// Saves a whole page as a PNG, beyond what the window shows.
    pub fn screenshot_whole(&mut self, page: Page, file: &Path) -> Result<()> {
        let file = std::path::absolute(file).map_err(Error::io("naming a screenshot"))?;
        self.ask(&json!({ "do": "screenshot", "page": page.0, "file": file, "whole": true })).map(drop)
    }

    /// Evaluates an expression (or awaits a promise) in a page.
    pub fn evaluate(&mut self, page: Page, expression: &str) -> Result<Value> {
        self.ask(&json!({ "do": "evaluate", "page": page.0, "expression": expression }))
    }

    /// Evaluates until `good`, every 250 ms. The last value stands in the error.
    pub fn wait_until(
        &mut self,
        page: Page,
        what: &str,
        seconds: u64,
        expression: &str,
        good: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        wait_for_or(what, seconds, || match self.evaluate(page, expression) {
            Ok(value) if good(&value) => Ok(value),
            Ok(value) => Err(value.to_string()),
            Err(error) => Err(error.to_string()),
        })
    }

    /// Clicks the first element that matches a Playwright selector.
    pub fn click(&mut self, page: Page, selector: &str) -> Result<()> {
        self.ask(&json!({ "do": "click", "page": page.0, "selector": selector })).map(drop)
    }

    /// Types a text into the first element that matches a Playwright selector.
    pub fn fill(&mut self, page: Page, selector: &str, text: &str) -> Result<()> {
        self.ask(&json!({ "do": "fill", "page": page.0, "selector": selector, "text": text })).map(drop)
    }

    /// Closes a page as a user does.
    pub fn close(&mut self, page: Page) -> Result<()> {
        self.ask(&json!({ "do": "close", "page": page.0 })).map(drop)
    }

    /// What a page's WebSockets have carried so far: `{sent: {bytes, messages}, received: {bytes, messages}}`.
    pub fn signalling(&mut self, page: Page) -> Result<Value> {
        self.ask(&json!({ "do": "signalling", "page": page.0 }))
    }

    /// Where the console's messages are.
    pub fn log(&self) -> &Path {
        self.child.log()
    }

    fn ask(&mut self, command: &Value) -> Result<Value> {
        self.child.say(&command.to_string())?;
        let line = self.child.next(ANSWER_MAX).map_err(|_| {
            let log = std::fs::read_to_string(self.child.log()).unwrap_or_default();
            Error::Child(format!("the browser's driver does not answer to {command}: {log}"))
        })?;
        let mut answer: Value = serde_json::from_str(&line).unwrap_or(Value::Null);
        match answer["error"].as_str() {
            Some(error) => Err(Error::Child(format!("in the browser, {command}: {error}"))),
            None => Ok(answer["value"].take()),
        }
    }
}

/// `tests/browser`, with its packages installed.
fn folder() -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser");
    if !folder.join("node_modules/playwright-core").is_dir() {
        let npm = Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(&folder).output();
        let hint = "Debian packages nodejs and npm, Node.js 20 or later".to_owned();
        let npm = npm.map_err(|source| Error::Program { program: "npm".into(), hint, source })?;
        if !npm.status.success() {
            return Err(Error::Child(format!("npm ci in tests/browser: {}", String::from_utf8_lossy(&npm.stderr))));
        }
    }
    Ok(folder)
}
