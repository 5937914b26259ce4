//! Native participants of a meeting: each publishes a camera and a microphone in a loop, and one thread serves them
//! all.
//!
//! Sixty of them send some 5000 packets a second, for which a tenth of a core is enough. They join one by one on the
//! caller's thread, and may leave, come back and rest at any time.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::clip::{Clip, FPS, SOUND_MS};
use crate::error::{Error, Result};
use crate::http::Http;
use crate::livekit_speaker::LivekitSpeaker;
use crate::peer::{Credentials, DATAGRAM_BYTES_MAX, SrtpOffer};
use crate::process::ntp_now;
use crate::rtcp;
use crate::rtp::RtpStream;
use crate::sdp::AUDIO_PT;
use crate::token::KeyPair;

/// The thread looks so often whether somebody has to send.
const TURN: Duration = Duration::from_millis(4);
/// Lateness after which a schedule starts anew, so that a stall is not followed by a flood.
const LATE_MAX: Duration = Duration::from_millis(200);
/// A picture's duration.
const PICTURE: Duration = Duration::from_nanos(1_000_000_000 / FPS as u64);
/// A picture's duration on the clock of video, 90 kHz.
const PICTURE_TICKS: u32 = 90_000 / FPS;
/// A packet of sound's duration.
const SOUND: Duration = Duration::from_millis(SOUND_MS as u64);
/// A packet of sound's duration on the clock of Opus, 48 kHz.
const SOUND_TICKS: u32 = 48 * SOUND_MS;
/// Sender reports, connectivity checks and a look at the signal connection come so often.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// Counts of all participants so far, also of those who have left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// RTP packets sent.
    pub packets: u64,
    /// Keyframe requests received.
    pub keyframe_requests: u64,
    /// Bytes of signalling received since each one's peer connection was up.
    pub heard_bytes: u64,
}

/// The native side of a meeting. Everybody leaves when it is dropped.
pub struct Meeting {
    http: Http,
    keys: KeyPair,
    room: String,
    credentials: Credentials,
    clip: Arc<Clip>,
    joined: u32,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    participants: Mutex<HashMap<String, Participant>>,
    counts: Mutex<Counts>,
    /// Why participants are no longer there who did not leave.
    lost: Mutex<Vec<String>>,
    /// Nobody sends media.
    rests: AtomicBool,
    stop: AtomicBool,
}

impl Meeting {
    /// Loads the clip and starts the thread; nobody has joined yet.
    pub fn start(http: &Http, keys: &KeyPair, room: &str) -> Result<Self> {
        let clip = Arc::new(Clip::load()?);
        let credentials = Credentials::new(SrtpOffer::Gcm)?;
        let shared = Arc::<Shared>::default();
        let thread = thread::spawn({
            let shared = shared.clone();
            move || shared.serve()
        });
        let (http, keys, room) = (http.clone(), keys.clone(), room.to_owned());
        Ok(Self { http, keys, room, credentials, clip, joined: 0, shared, thread: Some(thread) })
    }

    /// Joins a participant, who publishes from then on.
    pub fn join(&mut self, identity: &str) -> Result<()> {
        let ssrc = 0x2000_0000 + self.joined * 2;
        self.joined += 1;
        let token = self.keys.mint_publisher(&self.room, identity);
        let speaker = LivekitSpeaker::join(&self.http, &self.credentials, &token, ssrc)?;
        let participant = Participant::new(speaker, self.clip.clone(), ssrc)?;
        lock(&self.shared.participants).insert(identity.to_owned(), participant);
        Ok(())
    }

    /// A participant leaves, as users do.
    pub fn leave(&self, identity: &str) -> Result<()> {
        let participant = lock(&self.shared.participants).remove(identity);
        let mut participant = participant.ok_or_else(|| Error::Child(format!("{identity} is not in the meeting")))?;
        self.shared.count(&participant);
        participant.speaker.leave()
    }

    /// Whether media rests. Participants stay connected.
    pub fn rest(&self, rests: bool) {
        self.shared.rests.store(rests, Relaxed);
    }

    /// Counts so far.
    pub fn counts(&self) -> Counts {
        let mut counts = *lock(&self.shared.counts);
        lock(&self.shared.participants).values().for_each(|participant| counts.add(participant));
        counts
    }

    /// Why participants are no longer there who did not leave; empty where all is well.
    pub fn lost(&self) -> Vec<String> {
        lock(&self.shared.lost).clone()
    }
}

impl Drop for Meeting {
    fn drop(&mut self) {
        self.shared.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        for participant in lock(&self.shared.participants).values_mut() {
            let _ = participant.speaker.leave();
        }
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Counts {
    fn add(&mut self, participant: &Participant) {
        self.packets += u64::from(participant.camera.packets) + u64::from(participant.microphone.packets);
        self.keyframe_requests += participant.keyframe_requests;
        self.heard_bytes += participant.speaker.heard_bytes;
    }
}

impl Shared {
    fn serve(&self) {
        while !self.stop.load(Relaxed) {
            let rests = self.rests.load(Relaxed);
            lock(&self.participants).retain(|identity, participant| match participant.turn(rests) {
                Ok(()) => true,
                Err(error) => {
                    self.count(participant);
                    lock(&self.lost).push(format!("{identity}: {error}"));
                    false
                }
            });
            thread::sleep(TURN);
        }
    }

    /// Keeps the counts of one who goes.
    fn count(&self, participant: &Participant) {
        lock(&self.counts).add(participant);
    }
}

/// One of them.
struct Participant {
    speaker: LivekitSpeaker,
    clip: Arc<Clip>,
    camera: RtpStream,
    microphone: RtpStream,
    picture_at: Instant,
    sound_at: Instant,
    report_at: Instant,
    /// Indexes of the next picture and the next packet of sound in the clip.
    next: (usize, usize),
    keyframe_requests: u64,
}

impl Participant {
    fn new(speaker: LivekitSpeaker, clip: Arc<Clip>, ssrc: u32) -> Result<Self> {
        speaker.peer.socket.set_nonblocking(true).map_err(Error::io("setting up a peer's socket"))?;
        let (now, video_pt) = (Instant::now(), speaker.peer.answer.video_pt);
        Ok(Self {
            speaker,
            clip,
            camera: RtpStream::new(ssrc, video_pt),
            microphone: RtpStream::new(ssrc + 1, AUDIO_PT),
            picture_at: now,
            sound_at: now,
            report_at: now,
            next: (0, 0),
            keyframe_requests: 0,
        })
    }

    /// Does all that is due.
    fn turn(&mut self, rests: bool) -> Result<()> {
        let now = Instant::now();
        if due(&mut self.sound_at, now, SOUND) {
            self.send_sound(rests)?;
        }
        if due(&mut self.picture_at, now, PICTURE) {
            self.hear();
            self.send_picture(rests)?;
        }
        if now >= self.report_at {
            self.report_at = now + REPORT_INTERVAL;
            let picture_age = PICTURE.saturating_sub(self.picture_at - now);
            self.speaker.peer.send_rtcp(&report(&self.camera, picture_age, 90))?;
            let sound_age = SOUND.saturating_sub(self.sound_at - now);
            self.speaker.peer.send_rtcp(&report(&self.microphone, sound_age, 48))?;
            let check = self.speaker.peer.binding_request()?;
            let _ = self.speaker.peer.socket.send(&check);
            self.speaker.peer.beat();
            self.speaker.beat()?;
        }
        Ok(())
    }

    fn send_sound(&mut self, rests: bool) -> Result<()> {
        if rests {
            self.microphone.skip(SOUND_TICKS);
            return Ok(());
        }
        let frame = &self.clip.sounds[self.next.1 % self.clip.sounds.len()];
        self.next.1 += 1;
        let (peer, mut sent) = (&mut self.speaker.peer, Ok(()));
        self.microphone.sound(frame, SOUND_TICKS, |packet| sent = peer.send_rtp(packet));
        sent
    }

    fn send_picture(&mut self, rests: bool) -> Result<()> {
        if rests {
            // A picture that was not sent would be missing for those that follow it.
            self.next.0 = 0;
            self.camera.skip(PICTURE_TICKS);
            return Ok(());
        }
        let frame = &self.clip.pictures[self.next.0 % self.clip.pictures.len()];
        self.next.0 += 1;
        let (peer, mut sent) = (&mut self.speaker.peer, Ok(()));
        self.camera.picture(frame, PICTURE_TICKS, |packet| {
            if sent.is_ok() {
                sent = peer.send_rtp(packet);
            }
        });
        sent
    }

    /// Begins the clip again where a keyframe is asked for.
    fn hear(&mut self) {
        let mut datagram = [0; DATAGRAM_BYTES_MAX];
        let peer = &mut self.speaker.peer;
        while let Ok(n) = peer.socket.recv(&mut datagram) {
            if rtcp::is_rtcp(&datagram[..n]) {
                let requests = peer.rx.decrypt_rtcp(&datagram[..n]).map_or(0, |plain| rtcp::keyframe_requests(&plain));
                self.keyframe_requests += requests as u64;
                if requests > 0 {
                    self.next.0 = 0;
                }
            } else {
                peer.hear(&datagram[..n]);
            }
        }
    }
}

/// Whether it is time, and when it will be again.
fn due(at: &mut Instant, now: Instant, period: Duration) -> bool {
    if now < *at {
        return false;
    }
    *at = if now - *at > LATE_MAX { now + period } else { *at + period };
    true
}

/// A sender report of a stream whose last frame was due `age` ago, on a clock of so many kHz.
fn report(stream: &RtpStream, age: Duration, khz: u32) -> Vec<u8> {
    let timestamp = stream.timestamp.wrapping_add(age.as_micros() as u32 * khz / 1000);
    rtcp::sender_report(stream.ssrc, ntp_now(), timestamp, stream.packets, stream.octets)
}
