//! GStreamer as a WHIP publisher: `webrtcbin` in a Python child, H.264 and Opus, as encoders on the market send it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::error::{Error, Result};
use crate::server::{end_with_us, signal};
use crate::wait::wait_for_or;

/// The distribution's interpreter: the only one that GStreamer's bindings are installed for.
const PYTHON: &str = "/usr/bin/python3";

/// What to publish.
#[derive(Clone, Debug)]
pub struct Speaker {
    /// Where: the WHIP URL.
    pub whip: String,
    /// The bearer token.
    pub token: String,
    /// `videotestsrc`'s pattern.
    pub pattern: String,
    /// Frequency of the tone, Hz.
    pub tone_hz: u32,
    /// Width and height.
    pub size: (u32, u32),
    /// Flash and tick once a second instead of picture and tone; the picture sent so much later than the sound,
    /// milliseconds.
    pub flash: Option<u32>,
    /// Send everything to this port of 127.0.0.1 instead of to the server's candidate: a relay.
    pub via_port: Option<u16>,
}

impl Speaker {
    /// A ball on black and a 440 Hz tone, 640 × 360.
    pub fn new(whip: &str, token: &str) -> Self {
        let (whip, token, pattern) = (whip.to_owned(), token.to_owned(), "ball".to_owned());
        Self { whip, token, pattern, tone_hz: 440, size: (640, 360), flash: None, via_port: None }
    }
}

/// A publishing GStreamer. Leaves with a DELETE when dropped.
pub struct Publisher {
    child: Child,
    log: PathBuf,
}

impl Publisher {
    /// Starts it; returns at once.
    pub fn start(speaker: &Speaker) -> Result<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("gst/whip.py");
        let log = tempfile::Builder::new().prefix("spillway-gst-").suffix(".log").tempfile();
        let (file, log) = log
            .map_err(Error::io("making GStreamer's log"))?
            .keep()
            .map_err(|e| Error::Io { doing: "keeping GStreamer's log", source: e.error })?;
        Ok(Self { child: python(&script, speaker, file)?, log })
    }

    /// Waits until media flows; `Err` with its log if it ends instead.
    pub fn wait_until_connected(&mut self) -> Result<()> {
        let (child, log) = (&mut self.child, &self.log);
        wait_for_or("GStreamer's connection", 20, || {
            let text = std::fs::read_to_string(log).unwrap_or_default();
            let ended = child.try_wait().ok().flatten();
            match (text.lines().any(|line| line == "connected"), ended) {
                (true, None) => Ok(()),
                (_, Some(status)) => Err(format!("it ended with {status}: {text}")),
                (false, None) => Err(text),
            }
        })
    }

    /// Sends no sound any more, or sends it again.
    pub fn toggle_mute(&self) {
        signal(self.child.id(), libc::SIGUSR1);
    }

    /// Stands still, as an overloaded machine does, until [`Publisher::thaw`].
    pub fn freeze(&self) {
        signal(self.child.id(), libc::SIGSTOP);
    }

    /// Goes on after [`Publisher::freeze`].
    pub fn thaw(&self) {
        signal(self.child.id(), libc::SIGCONT);
    }

    /// Vanishes without a word, as a machine does that loses power.
    pub fn vanish(mut self) {
        let _ = self.child.kill();
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.thaw();
        signal(self.child.id(), libc::SIGTERM);
        let child = &mut self.child;
        if wait_for_or("GStreamer's end", 5, || child.try_wait().ok().flatten().ok_or_else(String::new)).is_err() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            eprintln!("--- GStreamer's log:\n{log}");
        }
        let _ = std::fs::remove_file(&self.log);
    }
}

fn python(script: &Path, speaker: &Speaker, log: File) -> Result<Child> {
    let errors = log.try_clone().map_err(Error::io("opening GStreamer's log"))?;
    let mut command = Command::new(PYTHON);
    command.arg(script).args(["--whip", &speaker.whip, "--pattern", &speaker.pattern]);
    command.args(["--tone", &speaker.tone_hz.to_string()]);
    command.args(["--size", &format!("{}x{}", speaker.size.0, speaker.size.1)]);
    if let Some(late_ms) = speaker.flash {
        command.args(["--flash", "--picture-late", &late_ms.to_string()]);
    }
    if let Some(port) = speaker.via_port {
        command.args(["--via-port", &port.to_string()]);
    }
    // By the environment: a token is not for the process list.
    command.env("WHIP_TOKEN", &speaker.token).stdin(Stdio::null()).stdout(log).stderr(errors);
    let hint = "Debian packages python3-gi, gir1.2-gst-plugins-bad-1.0 and gstreamer1.0-nice".to_owned();
    end_with_us(&mut command).spawn().map_err(|source| Error::Program { program: PYTHON.into(), hint, source })
}
