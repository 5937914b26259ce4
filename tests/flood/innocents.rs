//! `spillway-load` with the innocents, as a child that says which measurement it has begun.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use rig::server::end_with_us;
use rig::{Error, Result};
use serde_json::Value;

use crate::cli::Options;

/// The line that the child says at the beginning of each measurement begins so.
const MEASURING: &str = "measuring: ";
/// The identities of the innocents and of their publisher begin so.
const PREFIX: &str = "innocent";
/// Joining and warming up may take so long.
const JOINS_MAX: Duration = Duration::from_secs(120);

/// The running child.
pub(crate) struct Innocents {
    child: Child,
    measurements: Receiver<u32>,
    json: tempfile::NamedTempFile,
}

/// The identity of their publisher.
pub(crate) fn publisher() -> String {
    format!("{PREFIX}-pub-0")
}

impl Innocents {
    /// Lets them join.
    pub(crate) fn start(options: &Options) -> Result<Self> {
        let json = tempfile::NamedTempFile::new().map_err(Error::io("making a file for figures"))?;
        let program = options.load.clone().unwrap_or_else(beside);
        let mut command = Command::new(&program);
        command.args(["--url", &format!("http://127.0.0.1:{}", options.port), "--rooms", &options.room]);
        command.args(["--pid", &options.pid.to_string(), "--beside", &std::process::id().to_string()]);
        command.args(["-n", &options.innocents.to_string(), "--pps", &options.pps.to_string(), "--prefix", PREFIX]);
        command.args(["--seconds", &options.seconds.to_string(), "--repeats", &(options.rows + 2).to_string()]);
        // A tenth of them decrypt all that they get.
        command.args(["--sample", "10", "--key", &options.key, "--secret", &options.secret]);
        command.arg("--json").arg(json.path());
        if options.flood.is_of_livekit() {
            command.args(["--protocol", "livekit"]);
        }
        if options.flood.has_data() {
            command.arg("--data");
        }
        if let Some(cpu) = options.pin {
            command.args(["--pin", &cpu.to_string()]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let hint = "build it first, `cargo build -p spillway-tests --bins`".to_owned();
        let spawned = end_with_us(&mut command).spawn();
        let mut child = spawned.map_err(|source| Error::Program { program, hint, source })?;
        let (sender, measurements) = channel();
        if let Some(said) = child.stderr.take() {
            std::thread::spawn(move || {
                for line in BufReader::new(said).lines().map_while(std::io::Result::ok) {
                    match line.strip_prefix(MEASURING).and_then(|number| number.parse().ok()) {
                        Some(number) => drop(sender.send(number)),
                        None => eprintln!("spillway-load: {line}"),
                    }
                }
            });
        }
        Ok(Self { child, measurements, json })
    }

    /// Waits until this measurement begins.
    pub(crate) fn wait_for(&self, number: u32, options: &Options) -> Result<()> {
        let max = JOINS_MAX + Duration::from_secs(options.seconds);
        loop {
            match self.measurements.recv_timeout(max) {
                Ok(begun) if begun >= number => return Ok(()),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => {
                    let (what, seconds) = (format!("measurement {number} of the innocents"), max.as_secs());
                    return Err(Error::Timeout { what, seconds, detail: String::new() });
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Error::Child(format!("the load generator ended before measurement {number}")));
                }
            }
        }
    }

    /// Waits until they have left; their figures.
    pub(crate) fn finish(mut self) -> Result<Value> {
        let status = self.child.wait().map_err(Error::io("waiting for the load generator"))?;
        let text = std::fs::read(self.json.path()).map_err(Error::io("reading the innocents' figures"))?;
        let value = serde_json::from_slice(&text);
        value.map_err(|_| Error::Child(format!("the load generator ended with {status} and no figures")))
    }
}

impl Drop for Innocents {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The load generator beside this program.
fn beside() -> PathBuf {
    let folder = std::env::current_exe().ok().and_then(|ours| ours.parent().map(PathBuf::from));
    folder.unwrap_or_default().join("spillway-load")
}
