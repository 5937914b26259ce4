//! Synthetic speakers: test pictures and tones, published over real WebRTC by WHIP. For demos and tests.
//!
//! The picture carries the time it was made, readable by a machine (see [`picture`] for the layout); with every second
//! of UTC a square flashes and a tone beeps, for a tenth of a second, at the same instant. Each speaker has a colour
//! and a pitch of its own. Reconnects with back-off when the server goes away.

pub mod picture;
mod publisher;
pub mod sound;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::error::IngestError;
use crate::metrics;
use crate::peer::{Health, Peer};
use crate::signalling::{Backoff, Endpoint, Exchange, SignalError, TokenProvider};

/// The looks of a synthetic speaker, and the room it publishes in.
#[derive(Clone)]
pub struct Config {
    /// Scheme, host and port of the server: `http://127.0.0.1:8080`.
    pub base_url: String,
    /// Room to publish in.
    pub room: String,
    /// Token with the right to publish there; the identity stands in it.
    pub token: TokenProvider,
    /// Name in the picture.
    pub name: String,
    /// Chooses colour and pitch; any number.
    pub number: u32,
    /// Picture width, pixels; even.
    pub width: u32,
    /// Picture height, pixels; even.
    pub height: u32,
    /// Frames a second; divides 1000 or is 30.
    pub frames_per_second: u32,
    /// Target of the video encoder, bits a second.
    pub bits_per_second: u32,
    /// Codec of the picture.
    pub codec: Codec,
    /// TrueType font; without it the picture has no text.
    pub font: PathBuf,
}

impl Config {
    /// 640 × 360 at 30 frames a second in H.264.
    pub fn new(base_url: impl Into<String>, room: impl Into<String>, token: TokenProvider, number: u32) -> Self {
        Self {
            base_url: base_url.into(),
            room: room.into(),
            token,
            name: format!("Speaker {}", number + 1),
            number,
            width: 640,
            height: 360,
            frames_per_second: 30,
            bits_per_second: 800_000,
            codec: Codec::H264,
            font: crate::Config::default().font,
        }
    }
}

/// A video codec to publish in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// H.264, Constrained Baseline.
    H264,
    /// VP8.
    Vp8,
}

/// A synthetic speaker that publishes until it is dropped.
pub struct Speaker {
    stop: Arc<AtomicBool>,
    connected: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Speaker {
    /// Starts publishing in the background; retries until it works.
    pub fn start(config: Config) -> Result<Self, IngestError> {
        let exchange = Arc::new(Endpoint::whip(&config.base_url, &config.room, config.token.clone()));
        Self::start_with(config, exchange)
    }

    /// [`Speaker::start`] with another way to reach the server.
    pub fn start_with(config: Config, exchange: Arc<dyn Exchange>) -> Result<Self, IngestError> {
        gstreamer::init().map_err(IngestError::Init)?;
        let (stop, connected) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let supervised = Supervised { config, exchange, stop: stop.clone(), connected: connected.clone() };
        let thread = std::thread::Builder::new().name("synthetic".into()).spawn(move || supervised.run());
        let thread = thread.map_err(|source| IngestError::Thread { what: "synthetic speaker", source })?;
        Ok(Self { stop, connected, thread: Some(thread) })
    }

    /// Whether it is connected at the moment.
    pub fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    /// Ends the session and waits until it has ended: a second or so. Blocks.
    pub fn stop(self) {}
}

impl Drop for Speaker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("a synthetic speaker's thread panicked");
        }
    }
}

const WATCH_EVERY: Duration = Duration::from_millis(100);
/// Receiver reports come every few seconds while the server lives.
const SILENCE_LIMIT: Duration = Duration::from_secs(15);

struct Supervised {
    config: Config,
    exchange: Arc<dyn Exchange>,
    stop: Arc<AtomicBool>,
    connected: Arc<AtomicBool>,
}

impl Supervised {
    fn run(self) {
        let mut backoff = Backoff::default();
        while !self.stopped() {
            let mut wait = Duration::ZERO;
            match publisher::publish(&self.config, self.exchange.clone(), &self.stop) {
                Ok((mut peer, source)) => {
                    let (reason, worked) = self.watch(&mut peer);
                    self.connected.store(false, Ordering::Relaxed);
                    if worked {
                        backoff.succeeded();
                    }
                    // The camera first: it must not push into a pipeline that is being taken down.
                    drop(source);
                    if !self.stopped() {
                        tracing::info!(name = self.config.name, reason, "a synthetic speaker connects anew");
                    }
                }
                Err(IngestError::Signal(SignalError::Later(after))) => wait = after,
                Err(error) => {
                    let source = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::warn!(name = self.config.name, %error, source, "a synthetic speaker cannot publish");
                }
            }
            let until = Instant::now() + backoff.failed().max(wait);
            metrics::reconnected();
            while !self.stopped() && Instant::now() < until {
                std::thread::sleep(WATCH_EVERY);
            }
        }
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn watch(&self, peer: &mut Peer) -> (&'static str, bool) {
        let (mut packets, mut heard_at) = (0, Instant::now());
        let connected = || self.connected.load(Ordering::Relaxed);
        while !self.stopped() {
            match peer.watch(WATCH_EVERY) {
                Health::Dead(reason) => return (reason, connected()),
                Health::Connected => self.connected.store(true, Ordering::Relaxed),
                Health::Connecting => {}
            }
            if peer.packets() != packets {
                (packets, heard_at) = (peer.packets(), Instant::now());
            } else if heard_at.elapsed() > SILENCE_LIMIT {
                return ("the server has gone silent", packets > 0);
            }
        }
        ("it is told to stop", connected())
    }
}
