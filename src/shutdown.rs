//! The signals that end the server. The first drains it; a second ends it at once.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::Error;

/// Exit code after a second signal: 128 + SIGTERM, as shells have it.
const EXIT_AT_ONCE: i32 = 143;

/// SIGTERM and SIGINT, caught from the moment this exists.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(crate) fn catch() -> Result<Self, Error> {
        let caught = |kind| signal(kind).map_err(|source| Error::System { doing: "catching signals", source });
        Ok(Self { terminate: caught(SignalKind::terminate())?, interrupt: caught(SignalKind::interrupt())? })
    }

    /// The next one.
    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }

    /// Ends the process when another signal comes.
    pub(crate) async fn end_at_once_on_next(&mut self) -> ! {
        let name = self.next().await;
        tracing::warn!(signal = name, "ending at once");
        std::process::exit(EXIT_AT_ONCE);
    }
}
