//! Child processes that take a command a line and answer by lines.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::wait::wait_for_or;

/// Lines of a log that a failing test prints.
const LOG_TAIL_LINES: usize = 40;
/// How long a child may take to end once its input has ended, seconds.
const END_MAX_S: u64 = 10;

/// A child, whose standard error goes to a file that a failing test names. When dropped, its input ends, and with it
/// the child.
pub(crate) struct LineChild {
    name: &'static str,
    child: Child,
    commands: Option<ChildStdin>,
    lines: Receiver<String>,
    log: PathBuf,
}

impl LineChild {
    /// Starts it. `name` is what messages call it; `hint` says how to get the program.
    pub(crate) fn start(name: &'static str, mut command: Command, hint: &str) -> Result<Self> {
        let log = tempfile::Builder::new().prefix("spillway-child-").suffix(".log").tempfile();
        let (file, log): (File, PathBuf) = log
            .map_err(Error::io("making a child's log"))?
            .keep()
            .map_err(|e| Error::Io { doing: "keeping a child's log", source: e.error })?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(file);
        let (program, hint) = (PathBuf::from(command.get_program()), hint.to_owned());
        let mut child = end_with_us(&mut command).spawn().map_err(|source| Error::Program { program, hint, source })?;
        let commands = child.stdin.take();
        let (sender, lines) = channel();
        if let Some(out) = child.stdout.take() {
            std::thread::spawn(move || {
                BufReader::new(out).lines().map_while(std::result::Result::ok).try_for_each(|line| sender.send(line))
            });
        }
        Ok(Self { name, child, commands, lines, log })
    }

    /// Sends a command.
    pub(crate) fn say(&mut self, command: &str) -> Result<()> {
        let commands = self.commands.as_mut().ok_or_else(|| Error::Child(format!("{} is over", self.name)))?;
        writeln!(commands, "{command}").map_err(Error::io("talking to a child"))
    }

    /// The next line; `Err` after `max`, or when there will be none.
    pub(crate) fn next(&self, max: Duration) -> std::result::Result<String, RecvTimeoutError> {
        self.lines.recv_timeout(max)
    }

    /// The lines that have come since.
    pub(crate) fn ready(&self) -> impl Iterator<Item = String> + '_ {
        self.lines.try_iter()
    }

    /// How it ended; `None` while it runs.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Where its standard error is.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }
}

impl Drop for LineChild {
    fn drop(&mut self) {
        drop(self.commands.take());
        let child = &mut self.child;
        let ended = || child.try_wait().ok().flatten().ok_or_else(String::new);
        if wait_for_or("a child's end", END_MAX_S, ended).is_err() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            let (name, log) = (self.name, self.log.display());
            eprintln!("--- the log of {name} ends:\n{}\n--- all of it: {log}", tail(&self.log));
        } else {
            let _ = std::fs::remove_file(&self.log);
        }
    }
}

/// The last lines of a log.
pub(crate) fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n")
}

/// Makes a child end with the thread that started it, whatever ends that.
pub fn end_with_us(command: &mut Command) -> &mut Command {
    // SAFETY: prctl is async-signal-safe, and nothing else happens between fork and exec.
    unsafe {
        command.pre_exec(|| {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn child_answers_by_lines_and_ends_with_its_input() {
        let mut child = LineChild::start("cat", Command::new("cat"), "coreutils").unwrap();
        child.say("hello").unwrap();
        assert_eq!(child.next(Duration::from_secs(5)).unwrap(), "hello");
        assert!(child.ended().is_none());
        let log = child.log().to_owned();
        drop(child);
        assert!(!log.exists());
    }
}
