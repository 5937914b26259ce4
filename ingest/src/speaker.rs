//! Keeps one speaker's connection alive: connects, watches, asks for the layer that fits the tile, reconnects with
//! back-off.
//!
//! One thread a speaker, owned and joined by the broadcast. A failure here concerns this speaker alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::clock::ProgrammeClock;
use crate::config::Config;
use crate::error::IngestError;
use crate::peer::{Health, Peer};
use crate::signalling::{Backoff, Exchange, SignalError};
use crate::stage::Input;
use crate::{metrics, receiver};

/// The interval between two looks at a connection.
const WATCH_EVERY: Duration = Duration::from_millis(100);
/// A connection without a packet for this long is made anew: the server may have restarted. Doubles while that does not
/// help (a muted speaker sends no packets either), up to [`SILENCE_LIMIT_MAX`].
const SILENCE_LIMIT: Duration = Duration::from_secs(5);
const SILENCE_LIMIT_MAX: Duration = Duration::from_secs(80);

/// A running supervisor.
pub(crate) struct Supervisor {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Supervisor {
    pub(crate) fn start(
        exchange: Arc<dyn Exchange>,
        input: Input,
        clock: ProgrammeClock,
        config: Config,
    ) -> Result<Self, IngestError> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::Builder::new()
            .name("speaker".into())
            .spawn(move || Supervised { exchange, input, clock, config, stop: stopped }.run())
            .map_err(|source| IngestError::Thread { what: "speaker", source })?;
        Ok(Self { stop, thread: Some(thread) })
    }

    /// Tells it to end; [`Drop`] waits until it has.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.stop();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("a speaker's thread panicked");
        }
    }
}

struct Supervised {
    exchange: Arc<dyn Exchange>,
    input: Input,
    clock: ProgrammeClock,
    config: Config,
    stop: Arc<AtomicBool>,
}

impl Supervised {
    fn run(self) {
        let mut backoff = Backoff::default();
        let mut silence_limit = SILENCE_LIMIT;
        let who = self.input.seat.speaker.identity.clone();
        while !self.stopped() {
            let mut wait = None;
            match self.connect() {
                Ok(mut peer) => {
                    let (reason, flowed) = self.watch(&mut peer, silence_limit);
                    if flowed {
                        backoff.succeeded();
                    }
                    silence_limit = if flowed { SILENCE_LIMIT } else { (silence_limit * 2).min(SILENCE_LIMIT_MAX) };
                    if !self.stopped() {
                        tracing::info!(speaker = who, reason, "a speaker's connection is made anew");
                    }
                }
                Err(IngestError::Signal(SignalError::Later(after))) => wait = Some(after),
                Err(error) => {
                    let source = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::warn!(speaker = who, %error, source, "a speaker cannot be received");
                }
            }
            let wait = backoff.failed().max(wait.unwrap_or_default());
            if !self.stopped() {
                metrics::reconnected();
                self.pause(wait);
            }
        }
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn pause(&self, wait: Duration) {
        let until = Instant::now() + wait;
        while !self.stopped() && Instant::now() < until {
            std::thread::sleep(WATCH_EVERY.min(wait));
        }
    }

    fn connect(&self) -> Result<Peer, IngestError> {
        let mut peer = receiver::build(self.exchange.clone(), &self.input, &self.clock, &self.config)?;
        peer.negotiate(None)?;
        Ok(peer)
    }

    /// Watches until the connection is dead or not wanted any more. Returns the reason, and whether media came at all.
    fn watch(&self, peer: &mut Peer, silence_limit: Duration) -> (&'static str, bool) {
        let (mut packets, mut heard_at, mut asked) = (0, Instant::now(), None);
        while !self.stopped() {
            if let Health::Dead(reason) = peer.watch(WATCH_EVERY) {
                return (reason, packets > 0);
            }
            if peer.packets() != packets {
                (packets, heard_at) = (peer.packets(), Instant::now());
            } else if heard_at.elapsed() > silence_limit {
                return ("nothing came for too long", packets > 0);
            }
            let wanted = self.input.wanted();
            if asked == Some(wanted) || (asked.is_none() && wanted == (0, 0)) {
                continue;
            }
            match peer.limit_layer(wanted) {
                Ok(()) => asked = Some(wanted),
                Err(IngestError::Signal(SignalError::Gone)) => return ("the server does not know it", packets > 0),
                Err(error) => {
                    // Without it the speaker is still seen, in whatever size the server picks.
                    tracing::debug!(%error, "asking for a layer");
                    asked = Some(wanted);
                }
            }
        }
        ("it is not wanted any more", packets > 0)
    }
}
