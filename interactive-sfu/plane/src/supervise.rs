//! Threads that must not die alone.
//!
//! A server whose media, DTLS or rooms thread has panicked still accepts sessions that can never work. So a panic
//! in one of them ends the process, and whoever started it (systemd: `Restart=on-failure`) starts it again: a restart
//! costs seconds, a half-dead server all later sessions.

use std::io;
use std::thread::{Builder, JoinHandle, panicking};

/// Starts a thread whose panic ends the process (SIGABRT), after a line in the log that names the thread.
pub fn spawn_supervised(name: String, run: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    Builder::new().name(name.clone()).spawn(move || {
        let _supervisor = Supervisor(name);
        run();
    })
}

struct Supervisor(String);

impl Drop for Supervisor {
    fn drop(&mut self) {
        if panicking() {
            tracing::error!(thread = self.0, "a thread has panicked: the server ends, to be started again");
            std::process::abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::Command;

    use super::*;

    /// Set in the process that is to die.
    const DIES: &str = "SPILLWAY_TEST_SUPERVISED_PANIC";

    #[test]
    fn panic_of_supervised_thread_ends_the_process_with_sigabrt() {
        if std::env::var_os(DIES).is_some() {
            drop(spawn_supervised("dies".into(), || panic!("as it must")).unwrap().join());
            return;
        }
        let name = "supervise::tests::panic_of_supervised_thread_ends_the_process_with_sigabrt";
        let mut process = Command::new(std::env::current_exe().unwrap());
        let output = process.args([name, "--exact", "--nocapture"]).env(DIES, "1").output().unwrap();
        assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{}", String::from_utf8_lossy(&output.stderr));
    }

    #[test]
    fn supervised_thread_that_returns_ends_nothing_else() {
        assert!(spawn_supervised("returns".into(), || {}).unwrap().join().is_ok());
    }
}
