//! Participants on LiveKit's own Go and Python SDKs: child processes that publish, count what comes, and send data.
//!
//! The programs are `tests/go` and `tests/livekit/participant.py`. Commands go to a child as lines, events come back as
//! JSON lines: `tests/go/main.go` names them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::clip;
use crate::error::{Error, Result};
use crate::http::Http;
use crate::process::child::LineChild;
use crate::wait::wait_for_or;

/// The first release of Go that builds the program, or gets a release that does.
const GO_MIN: (u32, u32) = (1, 24);

/// A child process that takes part in a room. Leaves when dropped.
pub struct Participant {
    child: LineChild,
    /// All events so far.
    events: Vec<Value>,
}

impl Participant {
    /// Starts the Go SDK's participant, by way of `http`: the server's own, or a proxy's. Waits until it has joined.
    pub fn go(program: &Path, http: &Http, token: &str, publish: bool) -> Result<Self> {
        let mut command = Command::new(program);
        command.args([http.origin(), token]);
        if publish {
            command.arg("-publish").arg(clip::folder()?);
        }
        Self::start(command, "deploy/dependencies.sh test")
    }

    /// As [`Participant::go`], on the Python SDK.
    pub fn python(http: &Http, token: &str, publish: bool) -> Result<Self> {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut command = Command::new(tests.join("../target/tools/livekit/bin/python"));
        command.arg(tests.join("livekit/participant.py")).args([http.origin(), token]);
        command.args(publish.then_some("-publish"));
        Self::start(command, "deploy/dependencies.sh test")
    }

    fn start(command: Command, hint: &str) -> Result<Self> {
        let child = LineChild::start("a participant", command, hint)?;
        let mut participant = Self { child, events: vec![] };
        participant.wait_for("joining", 20, |event| event["event"] == "joined")?;
        Ok(participant)
    }

    /// All events so far.
    pub fn events(&mut self) -> &[Value] {
        self.events.extend(self.child.ready().filter_map(|line| serde_json::from_str(&line).ok()));
        &self.events
    }

    /// Waits for an event, which may have come before.
    pub fn wait_for(&mut self, what: &str, seconds: u64, good: impl Fn(&Value) -> bool) -> Result<Value> {
        wait_for_or(what, seconds, || {
            if let Some(event) = self.events().iter().find(|event| good(event)) {
                return Ok(event.clone());
            }
            let ended = self.child.ended().map(|status| format!("; ended with {status}"));
            let tail = &self.events[self.events.len().saturating_sub(3)..];
            Err(format!("{tail:?}{}", ended.unwrap_or_default()))
        })
    }

    /// Whole frames of `media` ("video" or "audio") of somebody, of all their tracks so far.
    pub fn frames(&mut self, identity: &str, media: &str) -> u64 {
        let counts = self.events().iter().filter(|event| is_count(event, identity, media));
        counts.filter_map(|event| event["frames"].as_u64()).max().unwrap_or(0)
    }

    /// Waits for so many more whole frames of `media` of somebody; the event that tells it.
    pub fn receives(&mut self, identity: &str, media: &str, more: u64) -> Result<Value> {
        let least = self.frames(identity, media) + more;
        let what = format!("{more} more frames of {identity}'s {media}");
        self.wait_for(&what, 30, |event| is_count(event, identity, media) && event["frames"].as_u64() >= Some(least))
    }

    /// Sends data to everybody.
    pub fn send(&mut self, reliable: bool, text: &str) -> Result<()> {
        let how = if reliable { "reliable" } else { "lossy" };
        self.child.say(&format!("{how} {text}"))
    }

    /// The data that came from somebody, in order of coming.
    pub fn messages(&mut self, identity: &str) -> Vec<String> {
        let of_them = |event: &&Value| event["event"] == "data" && event["identity"] == identity;
        self.events().iter().filter(of_them).filter_map(|event| event["text"].as_str().map(str::to_owned)).collect()
    }

    /// How many events of a kind came so far.
    pub fn count(&mut self, kind: &str) -> usize {
        self.events().iter().filter(|event| event["event"] == kind).count()
    }
}

fn is_count(event: &Value, identity: &str, media: &str) -> bool {
    event["event"] == "received" && event["identity"] == identity && event["media"] == media
}

/// Builds the Go program; `None` where Go is missing or too old.
pub fn go_program() -> Result<Option<PathBuf>> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let Ok(version) = Command::new("go").args(["env", "GOVERSION"]).output() else { return Ok(None) };
    if go_version(&String::from_utf8_lossy(&version.stdout)) < Some(GO_MIN) {
        return Ok(None);
    }
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = tests.join("../target/tools/go/participant");
    let mut go = Command::new("go");
    go.args(["build", "-trimpath", "-buildvcs=false", "-o"]).arg(&program).arg(".").current_dir(tests.join("go"));
    let output = go.output().map_err(Error::io("building the Go participant"))?;
    if output.status.success() {
        return Ok(Some(program));
    }
    Err(Error::Child(format!("building the Go participant: {}", String::from_utf8_lossy(&output.stderr))))
}

/// Major and minor release of "go1.26.8"; `None` for anything else.
fn go_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.trim().strip_prefix("go")?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_is_new_enough_from_its_first_release_that_can_build_the_program() {
        for (text, enough) in
            [("go1.26.8\n", true), ("go1.24\n", true), ("go1.19.8\n", false), ("devel +a1b2c3\n", false), ("", false)]
        {
            assert_eq!(go_version(text) >= Some(GO_MIN), enough, "{text}");
        }
    }
}
