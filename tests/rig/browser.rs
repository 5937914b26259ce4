//! Chromium, driven by Playwright in a Node.js child that takes one JSON line a command and answers each with one; and
//! Firefox, by Puppeteer.
//!
//! The child serves our own pages (`tests/browser/*.html`) below the tested server's origin, at `/__rig/`, so that they
//! need neither a second server nor CORS. Camera and microphone are Chromium's fakes: a rolling clock and a beep a
//! second.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::server::end_with_us;
use crate::wait::wait_for_or;

/// An answer of the child may take this long.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// A browser with any number of pages, each with storage of its own. Closed when dropped.
pub struct Browser {
    child: Child,
    commands: Option<ChildStdin>,
    answers: Receiver<String>,
    log: PathBuf,
    pages: u32,
}

/// A page of a [`Browser`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page(u32);

impl Browser {
    /// Starts Chromium. Its console and the driver's complaints go to a file that a failing test names.
    pub fn start() -> Result<Self> {
        Self::start_by("driver.mjs")
    }

    /// Starts Firefox, which can open and close pages, evaluate in them, and take pictures of them.
    pub fn start_firefox() -> Result<Self> {
        Self::start_by("firefox-driver.mjs")
    }

    fn start_by(driver: &str) -> Result<Self> {
        let folder = folder()?;
        let log = tempfile::Builder::new().prefix("spillway-browser-").suffix(".log").tempfile();
        let (file, log) = log
            .map_err(Error::io("making the browser's log"))?
            .keep()
            .map_err(|e| Error::Io { doing: "keeping the browser's log", source: e.error })?;
        let mut child = node(&folder, driver, file)?;
        let commands = child.stdin.take();
        let (sender, answers) = channel();
        if let Some(out) = child.stdout.take() {
            std::thread::spawn(move || {
                BufReader::new(out).lines().map_while(std::result::Result::ok).try_for_each(|line| sender.send(line))
            });
        }
        Ok(Self { child, commands, answers, log, pages: 0 })
    }

    /// Opens a URL in a new page.
    pub fn open(&mut self, url: &str) -> Result<Page> {
        self.pages += 1;
        self.ask(&json!({ "do": "open", "page": self.pages, "url": url }))?;
        Ok(Page(self.pages))
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
        &self.log
    }

    fn ask(&mut self, command: &Value) -> Result<Value> {
        let commands = self.commands.as_mut().ok_or_else(|| Error::Child("the browser is closed".into()))?;
        writeln!(commands, "{command}").map_err(Error::io("talking to the browser's driver"))?;
        let line = self.answers.recv_timeout(ANSWER_MAX).map_err(|_| {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            Error::Child(format!("the browser's driver does not answer to {command}: {log}"))
        })?;
        let mut answer: Value = serde_json::from_str(&line).unwrap_or(Value::Null);
        match answer["error"].as_str() {
            Some(error) => Err(Error::Child(format!("in the browser, {command}: {error}"))),
            None => Ok(answer["value"].take()),
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The child closes Chromium and ends when its input does.
        drop(self.commands.take());
        if wait_for_or("the browser's end", 10, || self.child.try_wait().ok().flatten().ok_or_else(String::new))
            .is_err()
        {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let tail = lines[lines.len().saturating_sub(40)..].join("\n");
            eprintln!("--- the browser's log ends:\n{tail}\n--- all of it: {}", self.log.display());
        } else {
            let _ = std::fs::remove_file(&self.log);
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

fn node(folder: &Path, driver: &str, log: File) -> Result<Child> {
    let mut command = Command::new("node");
    command.arg(driver).current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
    let hint = "Debian packages nodejs (20 or later), chromium and firefox-esr".to_owned();
    end_with_us(&mut command).spawn().map_err(|source| Error::Program { program: "node".into(), hint, source })
}
