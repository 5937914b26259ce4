//! A broadcast from the stage to what the packager receives: fed by the test instead of by WebRTC, in real time.

#![allow(clippy::unwrap_used)] // A test that unwraps says where it failed.

mod programme;
mod rests;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gstreamer as gst;
use gstreamer_video as gst_video;
use ingest::layout::{Arrangement, tiles};
use ingest::signalling::{Answer, Exchange, SignalError};
use ingest::{Broadcast, Config, Input, Speaker, X264Preset, ladder::Ladder, start_with};
use packager::delivery::{BroadcastSpec, Delivery};
use programme::Programme;
use tokio::sync::mpsc;

const FRAME: Duration = Duration::from_nanos(1_000_000_000 / 15);
/// Samples of sound while a frame lasts.
const SAMPLES: usize = 48_000 / 15;
/// Shorter than anything that matters.
const NAP: Duration = Duration::from_millis(5);
/// The time that a picture needs from an input to the programme, with room for a busy machine.
const SETTLED: Duration = Duration::from_millis(600);
/// Light of the stage's background, and of the card of somebody whose picture stands still.
const SLATE: u8 = 24;
const CARD: u8 = 52;
/// Compression may change a flat surface by so much.
const TOLERANCE: u8 = 6;

/// Cheap enough for a machine that does something else too.
fn config() -> Config {
    Config {
        ladder: Ladder::Small,
        frames_per_second: 15,
        segment_ms: 1000,
        x264_preset: X264Preset::Ultrafast,
        captions: false,
        freeze_after_ms: 500,
        ..Config::default()
    }
}

/// A broadcast nobody can join by WebRTC, and what it delivers.
fn live(
    config: &Config,
    exchange: Arc<dyn Exchange>,
) -> (Broadcast, BroadcastSpec, std::thread::JoinHandle<Programme>) {
    let spec = config.spec("lobby", "test00");
    let (sender, mut deliveries) = mpsc::channel(1024);
    let broadcast = start_with(config.clone(), &spec, Arc::new(move |_| exchange.clone()), sender).unwrap();
    let recorder = std::thread::spawn(move || {
        let over = AtomicBool::new(false);
        let (deliveries, standstill) = std::thread::scope(|scope| {
            let standstill = scope.spawn(|| standstill(&over));
            let all: Vec<Delivery> = std::iter::from_fn(|| deliveries.blocking_recv()).collect();
            over.store(true, Ordering::Relaxed);
            (all, standstill.join().unwrap())
        });
        Programme::of(deliveries, standstill)
    });
    (broadcast, spec, recorder)
}

/// The longest time for which this machine did not let a thread run that wanted to.
fn standstill(over: &AtomicBool) -> Duration {
    let mut longest = Duration::ZERO;
    while !over.load(Ordering::Relaxed) {
        let began = Instant::now();
        std::thread::sleep(NAP);
        longest = longest.max(began.elapsed().saturating_sub(NAP));
    }
    longest
}

fn speaker(identity: &str) -> Speaker {
    Speaker { identity: identity.into(), name: identity.to_uppercase(), session: "1".into() }
}

/// Shows one shade and sounds one tone for as long as it lives.
struct Camera {
    stop: Arc<AtomicBool>,
    frozen: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Camera {
    fn start(broadcast: &Broadcast, identity: &str, light: u8) -> Self {
        let input = broadcast.feed(speaker(identity)).unwrap();
        let (stop, frozen) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (stopped, is_frozen, zero_ns) = (stop.clone(), frozen.clone(), broadcast.programme_now_ns());
        let thread = std::thread::spawn(move || {
            let began = Instant::now();
            for due in (0..).map(|n| FRAME * n) {
                std::thread::sleep(due.saturating_sub(began.elapsed()));
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                if !is_frozen.load(Ordering::Relaxed) {
                    shoot(&input, zero_ns + due.as_nanos() as i64, light);
                }
            }
        });
        Self { stop, frozen, thread: Some(thread) }
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().into_iter().for_each(|thread| thread.join().unwrap());
    }
}

/// One frame, and 1 kHz for as long as it lasts.
fn shoot(input: &Input, programme_ns: i64, light: u8) {
    let info = gst_video::VideoInfo::builder(gst_video::VideoFormat::I420, 320, 180).build().unwrap();
    let mut picture = vec![128; info.size()];
    picture[..info.offset()[1]].fill(light);
    input.push_picture(programme_ns, gst::Buffer::from_mut_slice(picture), &info);
    let sound: Vec<[f32; 2]> =
        (0..SAMPLES).map(|n| [0.2 * (n as f32 / 48.0 * std::f32::consts::TAU).sin(); 2]).collect();
    input.push_sound(programme_ns, &sound);
}

/// The light of each of `count` tiles at one moment of the programme.
fn lights(programme: &Programme, at_ns: i64, count: usize) -> Vec<u8> {
    let places = tiles(Arrangement::Grid, (320, 180), count);
    places.into_iter().flatten().map(|tile| programme.light(at_ns, tile.x + tile.width / 2, tile.y + 12)).collect()
}

#[track_caller]
fn assert_lights(programme: &Programme, at_ns: i64, wanted: &[u8]) {
    let got = lights(programme, at_ns, wanted.len());
    assert!(got.iter().zip(wanted).all(|(a, b)| a.abs_diff(*b) <= TOLERANCE), "{got:?} instead of {wanted:?}");
}

#[test]
fn programme_never_halts_while_speakers_come_freeze_return_and_go() {
    gst::init().unwrap();
    let config = config();
    let (broadcast, spec, recorder) = live(&config, Arc::new(Unreachable::default()));
    let settle = || {
        std::thread::sleep(SETTLED);
        let at_ns = broadcast.programme_now_ns();
        // The programme is composed a while after its time, and compared with at least this moment's picture.
        std::thread::sleep(Duration::from_millis(300));
        at_ns
    };
    let nobody = settle();
    let anna = Camera::start(&broadcast, "anna", 90);
    let one = settle();
    let ben = Camera::start(&broadcast, "ben", 150);
    let two = settle();
    let carla = Camera::start(&broadcast, "carla", 210);
    let three = settle();
    ben.frozen.store(true, Ordering::Relaxed);
    std::thread::sleep(Duration::from_millis(config.freeze_after_ms.into()));
    let frozen = settle();
    ben.frozen.store(false, Ordering::Relaxed);
    let thawed = settle();
    broadcast.speaker_left("anna", "an older session");
    assert_eq!(broadcast.status().speakers, ["anna", "ben", "carla"]);
    broadcast.speaker_left("anna", "1");
    broadcast.set_layout(ingest::Layout::Single("carla".into()));
    let alone = settle();
    broadcast.speaker_left("ben", "1");
    broadcast.speaker_left("carla", "1");
    drop((anna, ben, carla));
    let nobody_again = settle();
    let status = broadcast.status();
    assert!(broadcast.stop_blocking());

    let programme = recorder.join().unwrap();
    programme.check(&spec);
    assert_eq!(status.renditions.iter().map(|rendition| rendition.dropped).sum::<u64>(), 0);
    for (at_ns, wanted) in [
        (nobody, &[SLATE][..]),
        (one, &[90]),
        (two, &[90, 150]),
        (three, &[90, 150, 210]),
        (frozen, &[90, CARD, 210]),
        (thawed, &[90, 150, 210]),
        (alone, &[210]),
        (nobody_again, &[SLATE]),
    ] {
        assert_lights(&programme, at_ns, wanted);
    }
    let powers = [nobody, one, nobody_again].map(|at_ns| programme.power(at_ns));
    // A sine of 0.2 has a mean square of 0.02.
    assert!(powers[0] < 1e-6 && (0.015..0.025).contains(&powers[1]) && powers[2] < 1e-6, "{powers:?}");
}

/// A media server that cannot take anybody now, and then refuses.
#[derive(Default)]
struct Unreachable {
    offers: Mutex<Vec<Instant>>,
}

/// How long it asks to be left alone the first time.
const LEAVE_ALONE: Duration = Duration::from_millis(900);

impl Unreachable {
    /// When it was asked, once it has been so often.
    fn wait_for_offers(&self, count: usize) -> Vec<Instant> {
        let until = Instant::now() + Duration::from_secs(20);
        while Instant::now() < until {
            let offers = self.offers.lock().unwrap().clone();
            if offers.len() >= count {
                return offers;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("fewer than {count} offers in 20 s");
    }
}

impl Exchange for Unreachable {
    fn offer(&self, _: &str) -> Result<Answer, SignalError> {
        let mut offers = self.offers.lock().unwrap();
        offers.push(Instant::now());
        Err(if offers.len() == 1 { SignalError::Later(LEAVE_ALONE) } else { SignalError::Refused(500) })
    }

    fn limit_layer(&self, _: &str, _: u32, _: u32) -> Result<(), SignalError> {
        Ok(())
    }

    fn leave(&self, _: &str) {}

    fn is_loopback(&self) -> bool {
        true
    }
}

#[test]
fn unreachable_speaker_is_tried_again_and_others_are_unaffected() {
    let server = Arc::new(Unreachable::default());
    let (broadcast, spec, recorder) = live(&config(), server.clone());
    let _anna = Camera::start(&broadcast, "anna", 90);
    broadcast.speaker_joined(speaker("ben")).unwrap();
    assert!(broadcast.speaker_joined(speaker("ben")).is_err());
    let offers = server.wait_for_offers(3);
    let waits: Vec<_> = offers.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(waits[0] >= LEAVE_ALONE && waits[1] >= Duration::from_millis(500), "{waits:?}");
    broadcast.speaker_left("ben", "1");
    assert_eq!(broadcast.status().speakers, ["anna"]);
    assert!(broadcast.stop_blocking());
    let programme = recorder.join().unwrap();
    programme.check(&spec);
}
