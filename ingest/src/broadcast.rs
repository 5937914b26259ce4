//! One running broadcast: its threads, its speakers and the handle that steers it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use packager::delivery::{BroadcastSpec, Delivery, RenditionId};
use tokio::sync::mpsc;

use crate::clock::ProgrammeClock;
use crate::composer::{Composer, Progress};
use crate::config::{Config, Layout};
use crate::encoder::{AudioEncoder, VideoEncoder};
use crate::error::IngestError;
use crate::mixer::Mixer;
use crate::outlet::{Outlet, RenditionStatus};
use crate::signalling::{Endpoint, Exchange, WhepSource};
use crate::speaker::Supervisor;
use crate::stage::{Input, Speaker, Stage};
use crate::{locked, metrics};

/// The time that the encoders have to deliver their last frames.
const DRAIN_MAX: Duration = Duration::from_secs(2);
/// The time that the packager has to make room for the last message.
const END_MAX: Duration = Duration::from_secs(2);

/// Makes the exchange by which a speaker is watched.
pub type Connector = Arc<dyn Fn(&Speaker) -> Arc<dyn Exchange> + Send + Sync>;

/// A running broadcast. Dropping it ends it without a [`Delivery::End`]; [`Broadcast::stop`] ends it well.
pub struct Broadcast {
    config: Config,
    stage: Arc<Stage>,
    clock: ProgrammeClock,
    outlet: Arc<Outlet>,
    progress: Arc<Progress>,
    wishes: Arc<[AtomicBool]>,
    connector: Connector,
    supervisors: Mutex<HashMap<String, Supervisor>>,
    leaving: Mutex<Vec<Supervisor>>,
    stop: Arc<AtomicBool>,
    composer: Option<JoinHandle<Vec<VideoEncoder>>>,
    mixer: Option<JoinHandle<Option<AudioEncoder>>>,
}

/// The figures and the stage of a running broadcast.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Identities on the stage, in order of joining.
    pub speakers: Vec<String>,
    /// Canvases composed.
    pub frames: u64,
    /// Ticks that passed without a canvas.
    pub frames_skipped: u64,
    /// Rungs given up at the moment, from the top.
    pub rungs_shed: usize,
    /// Rungs that rest at the moment, see [`Broadcast::rest`].
    pub rungs_resting: usize,
    /// The deliveries of each rendition, in the order of the spec.
    pub renditions: Vec<RenditionStatus>,
    /// Whether the packager's end of the channel still exists.
    pub delivering: bool,
}

/// Starts the broadcast of one room: an empty stage, on air at once.
///
/// `spec` is what [`Config::spec`] made. Messages go into `deliveries`, [`Delivery::Clock`] first; when it is full,
/// access units are dropped and counted, never waited for (give it room for two seconds: 300 messages a ladder of
/// three). Speakers are pulled from `source` once [`Broadcast::speaker_joined`] names them.
pub fn start(
    config: Config,
    spec: &BroadcastSpec,
    source: WhepSource,
    deliveries: mpsc::Sender<Delivery>,
) -> Result<Broadcast, IngestError> {
    let room = spec.room.clone();
    let connector =
        move |speaker: &Speaker| -> Arc<dyn Exchange> { Arc::new(Endpoint::whep(&source, &room, &speaker.identity)) };
    start_with(config, spec, Arc::new(connector), deliveries)
}

/// [`start`] with another way to reach speakers.
pub fn start_with(
    config: Config,
    spec: &BroadcastSpec,
    connector: Connector,
    deliveries: mpsc::Sender<Delivery>,
) -> Result<Broadcast, IngestError> {
    config.validate().map_err(IngestError::Config)?;
    let promised = config.spec(spec.room.clone(), spec.epoch.clone());
    if promised.renditions != spec.renditions || promised.segment_frames != spec.segment_frames {
        return Err(IngestError::ForeignSpec);
    }
    gstreamer::init().map_err(IngestError::Init)?;
    let stage = Arc::new(Stage::new(config.layout.clone(), config.captions));
    let outlet = Arc::new(Outlet::new(deliveries, spec.renditions.len()));
    let progress = Arc::new(Progress::default());
    let wishes: Arc<[AtomicBool]> = config.ladder.rungs().iter().map(|_| AtomicBool::new(false)).collect();
    let audio = RenditionId(spec.renditions.len() - 1);
    let encoder = AudioEncoder::start(config.audio_bits_per_second, audio, outlet.clone())?;
    // The clock starts with the encoders loaded, so that tick 0 is not late.
    let clock = ProgrammeClock::start();
    let composer = Composer::new(
        spec.room.clone(),
        config.clone(),
        stage.clone(),
        clock.clone(),
        outlet.clone(),
        progress.clone(),
        wishes.clone(),
    )?;
    if !outlet.clock(clock.zero_utc_ms) {
        return Err(IngestError::NoReceiver);
    }
    let mixer = Mixer {
        stage: stage.clone(),
        clock: clock.clone(),
        delay_ns: u64::from(config.playout_delay_ms) * 1_000_000,
        restart: {
            let (bits_per_second, outlet) = (config.audio_bits_per_second, outlet.clone());
            Box::new(move || AudioEncoder::start(bits_per_second, audio, outlet.clone()).ok())
        },
    };
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = [stop.clone(), stop.clone()];
    let [composer_stop, mixer_stop] = stopped;
    metrics::broadcasts(1);
    let mut broadcast = Broadcast {
        config,
        stage,
        clock,
        outlet,
        progress,
        wishes,
        connector,
        supervisors: Mutex::default(),
        leaving: Mutex::default(),
        stop,
        composer: None,
        mixer: None,
    };
    broadcast.composer = Some(spawn("composer", move || composer.run(&composer_stop))?);
    broadcast.mixer = Some(spawn("mixer", move || mixer.run(encoder, &mixer_stop))?);
    Ok(broadcast)
}

fn spawn<T: Send + 'static>(
    what: &'static str,
    body: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, IngestError> {
    std::thread::Builder::new().name(what.into()).spawn(body).map_err(|source| IngestError::Thread { what, source })
}

impl Broadcast {
    /// Somebody entered the stage, or came back with another session. Returns at once; the connection is made, and made
    /// anew whenever it breaks, until [`Broadcast::speaker_left`].
    pub fn speaker_joined(&self, speaker: Speaker) -> Result<(), IngestError> {
        let exchange = (self.connector)(&speaker);
        let identity = speaker.identity.clone();
        let input = self.stage.seat(speaker)?;
        let supervisor = Supervisor::start(exchange, input, self.clock.clone(), self.config.clone())?;
        let old = locked(&self.supervisors).insert(identity, supervisor);
        self.dismiss(old);
        Ok(())
    }

    /// Somebody left. Does nothing if they have come back with another session meanwhile.
    pub fn speaker_left(&self, identity: &str, session: &str) {
        if self.stage.leave(identity, session) {
            let old = locked(&self.supervisors).remove(identity);
            self.dismiss(old);
        }
    }

    /// Puts a speaker on the stage who is fed by the caller instead of by WebRTC.
    pub fn feed(&self, speaker: Speaker) -> Result<Input, IngestError> {
        self.stage.seat(speaker)
    }

    /// A supervisor that ends takes a moment, which the caller must not wait for.
    fn dismiss(&self, supervisor: Option<Supervisor>) {
        let mut leaving = locked(&self.leaving);
        leaving.retain(|supervisor| !supervisor.is_finished());
        leaving.extend(supervisor.inspect(Supervisor::stop));
    }

    /// Arranges the speakers differently from the next tick on.
    pub fn set_layout(&self, layout: Layout) {
        self.stage.set_layout(layout);
    }

    /// Writes names into the picture, or not.
    pub fn set_captions(&self, captions: bool) {
        self.stage.set_captions(captions);
    }

    /// Makes one speaker big in the active-speaker layout; `None`: the one who is heard speaking.
    pub fn set_active_speaker(&self, identity: Option<String>) {
        self.stage.pin(identity);
    }

    /// Lets a rung rest, or be encoded again, from the next segment on. The lowest rung and sound never rest.
    pub fn rest(&self, rendition: RenditionId, rests: bool) {
        if let Some(wish) = self.wishes.get(rendition.0) {
            wish.store(rests, Ordering::Relaxed);
        }
    }

    /// The broadcast's present figures.
    pub fn status(&self) -> Status {
        Status {
            speakers: self.stage.seats().iter().map(|seat| seat.speaker.identity.clone()).collect(),
            frames: self.progress.frames.load(Ordering::Relaxed),
            frames_skipped: self.progress.skipped.load(Ordering::Relaxed),
            rungs_shed: self.progress.shed.load(Ordering::Relaxed) as usize,
            rungs_resting: self.progress.resting.load(Ordering::Relaxed) as usize,
            renditions: self.outlet.status(),
            delivering: !self.outlet.is_closed(),
        }
    }

    /// UTC of programme time 0, milliseconds since the Unix epoch.
    pub fn programme_zero_utc_ms(&self) -> i64 {
        self.clock.zero_utc_ms
    }

    /// Programme time, nanoseconds, in which [`Input`] counts.
    pub fn programme_now_ns(&self) -> i64 {
        self.clock.now_ns() as i64
    }

    /// Encodes what has been composed, delivers it and [`Delivery::End`], which takes at most some five seconds, and
    /// takes leave of the media server, which may take longer if that no longer answers. False if the end could not be
    /// delivered.
    pub async fn stop(self) -> bool {
        // The channel's receiver may live on this thread: it must go on while the encoders drain.
        tokio::task::spawn_blocking(move || self.stop_blocking()).await.unwrap_or(false)
    }

    /// [`Broadcast::stop`] for callers without a runtime.
    pub fn stop_blocking(mut self) -> bool {
        self.stop.store(true, Ordering::Relaxed);
        locked(&self.supervisors).values().for_each(Supervisor::stop);
        let video = self.composer.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        let audio = self.mixer.take().and_then(|thread| thread.join().ok()).flatten();
        let until = Instant::now() + DRAIN_MAX;
        video.into_iter().for_each(|encoder| encoder.drain(until));
        audio.into_iter().for_each(|encoder| encoder.drain(until));
        self.outlet.end(END_MAX)
    }
}

impl Drop for Broadcast {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // All at once: each is waited for when it is dropped.
        locked(&self.supervisors).values().for_each(Supervisor::stop);
        metrics::broadcasts(-1);
        let panicked = self.composer.take().is_some_and(|thread| thread.join().is_err())
            || self.mixer.take().is_some_and(|thread| thread.join().is_err());
        if panicked {
            tracing::error!("a broadcast's thread panicked");
        }
    }
}
