//! The speakers on the stage of one broadcast, and the queues that their pictures and sound wait in.
//!
//! Speakers' pipelines push, the composer and the mixer pull; none ever waits for another beyond a short lock.

use std::sync::{Arc, Mutex};

use gstreamer as gst;
use gstreamer_video as gst_video;

use crate::clock::samples;
use crate::config::Layout;
use crate::error::IngestError;
use crate::frames::FrameLane;
use crate::layout::Arrangement;
use crate::samples::{CHANNELS, SampleLane};
use crate::voice::Voices;
use crate::{locked, metrics};

/// Somebody on the stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Speaker {
    /// Their identity in the SFU.
    pub identity: String,
    /// The name to write into the picture.
    pub name: String,
    /// Their publishing session, which changes when they come back.
    pub session: String,
}

/// A decoded picture. Cloning shares the pixels.
#[derive(Clone, Debug)]
pub(crate) struct Picture {
    pub(crate) buffer: gst::Buffer,
    pub(crate) info: gst_video::VideoInfo,
}

impl Picture {
    /// Width and height, pixels.
    pub(crate) fn size(&self) -> (u32, u32) {
        (self.info.width(), self.info.height())
    }
}

/// One speaker's place: what has been decoded and not yet shown.
#[derive(Debug)]
pub(crate) struct SpeakerLane {
    pub(crate) speaker: Speaker,
    pub(crate) pictures: Mutex<FrameLane<Picture>>,
    pub(crate) sound: Mutex<SampleLane>,
    wanted: Mutex<(u32, u32)>,
}

impl SpeakerLane {
    /// The size of the speaker's tile, pixels; 0 × 0: not shown.
    pub(crate) fn wanted(&self) -> (u32, u32) {
        *locked(&self.wanted)
    }

    pub(crate) fn want(&self, size: (u32, u32)) {
        *locked(&self.wanted) = size;
    }
}

/// The entry of one speaker's decoded pictures and sound. Times are programme nanoseconds: running time of a pipeline
/// that shares the broadcast's clock. It can also feed a stage without WebRTC. Dropping it leaves the stage as it is.
#[derive(Clone, Debug)]
pub struct Input {
    pub(crate) seat: Arc<SpeakerLane>,
}

impl Input {
    /// A decoded picture. Bounded: of a backlog the oldest is dropped.
    pub fn push_picture(&self, programme_ns: i64, buffer: gst::Buffer, info: &gst_video::VideoInfo) {
        let bytes = buffer.size();
        locked(&self.seat.pictures).push(programme_ns, Picture { buffer, info: info.clone() }, bytes);
    }

    /// Stereo sound at 48 kHz, starting at `programme_ns`. Bounded: of a backlog the oldest is dropped.
    pub fn push_sound(&self, programme_ns: i64, sound: &[[f32; CHANNELS]]) {
        locked(&self.seat.sound).push(samples(programme_ns), sound);
    }

    /// The size of the tile, pixels; 0 × 0: not shown.
    pub fn wanted(&self) -> (u32, u32) {
        self.seat.wanted()
    }
}

/// The stage as the composer sees it; `revision` changes with any of it.
#[derive(Clone)]
pub(crate) struct View {
    pub(crate) revision: u64,
    pub(crate) seats: Vec<Arc<SpeakerLane>>,
    pub(crate) arrangement: Arrangement,
    pub(crate) captions: bool,
}

/// The stage of one broadcast.
pub(crate) struct Stage {
    roster: Mutex<Roster>,
}

struct Roster {
    revision: u64,
    seats: Vec<Arc<SpeakerLane>>,
    layout: Layout,
    captions: bool,
    pinned: Option<String>,
    voices: Voices,
    speaking: Option<String>,
}

impl Stage {
    pub(crate) fn new(layout: Layout, captions: bool) -> Self {
        Self {
            roster: Mutex::new(Roster {
                revision: 0,
                seats: vec![],
                layout,
                captions,
                pinned: None,
                voices: Voices::default(),
                speaking: None,
            }),
        }
    }

    /// Gives a speaker a seat: the one they had, if they come back with another session.
    pub(crate) fn seat(&self, speaker: Speaker) -> Result<Input, IngestError> {
        let mut roster = locked(&self.roster);
        let place = roster.seats.iter().position(|seat| seat.speaker.identity == speaker.identity);
        let seat = Arc::new(SpeakerLane {
            speaker,
            pictures: Mutex::default(),
            sound: Mutex::default(),
            wanted: Mutex::default(),
        });
        match place {
            Some(at) if roster.seats[at].speaker.session == seat.speaker.session => {
                return Err(IngestError::DuplicateSpeaker);
            }
            Some(at) => {
                // Their last picture stays until the new session has one.
                let old = std::mem::take(&mut *locked(&roster.seats[at].pictures));
                *locked(&seat.pictures) = old;
                roster.seats[at] = seat.clone();
            }
            None => {
                roster.seats.push(seat.clone());
                metrics::speakers(1);
            }
        }
        roster.revision += 1;
        Ok(Input { seat })
    }

    /// Takes the seat of this identity and session away, if there still is one.
    pub(crate) fn leave(&self, identity: &str, session: &str) -> bool {
        let mut roster = locked(&self.roster);
        let before = roster.seats.len();
        roster.seats.retain(|seat| seat.speaker.identity != identity || seat.speaker.session != session);
        let left = before - roster.seats.len();
        metrics::speakers(-(left as i32));
        roster.revision += left as u64;
        left > 0
    }

    pub(crate) fn set_layout(&self, layout: Layout) {
        let mut roster = locked(&self.roster);
        roster.layout = layout;
        roster.revision += 1;
    }

    pub(crate) fn set_captions(&self, captions: bool) {
        let mut roster = locked(&self.roster);
        roster.captions = captions;
        roster.revision += 1;
    }

    /// Makes one speaker big in the active-speaker layout; `None`: the one who speaks.
    pub(crate) fn pin(&self, identity: Option<String>) {
        let mut roster = locked(&self.roster);
        roster.pinned = identity;
        roster.revision += 1;
    }

    /// Takes the power of each seat's sound in the last stretch; see [`Voices`].
    pub(crate) fn heard(&self, powers: &[(Arc<SpeakerLane>, f32)]) {
        let mut roster = locked(&self.roster);
        let powers = powers.iter().map(|(seat, power)| (seat.speaker.identity.as_str(), *power));
        roster.voices.observe(powers, std::time::Instant::now());
        if roster.voices.active() != roster.speaking.as_deref() {
            roster.speaking = roster.voices.active().map(str::to_owned);
            roster.revision += 1;
        }
    }

    pub(crate) fn seats(&self) -> Vec<Arc<SpeakerLane>> {
        locked(&self.roster).seats.clone()
    }

    /// The stage as the composer sees it, if it has changed since `revision`.
    pub(crate) fn view_since(&self, revision: Option<u64>) -> Option<View> {
        let roster = locked(&self.roster);
        if revision == Some(roster.revision) {
            return None;
        }
        let index = |who: &str| roster.seats.iter().position(|seat| seat.speaker.identity == who);
        let arrangement = match &roster.layout {
            Layout::Grid => Arrangement::Grid,
            Layout::Single(who) => Arrangement::Alone(index(who)),
            Layout::ActiveSpeaker => {
                let featured = roster.pinned.as_deref().and_then(index);
                Arrangement::Featured(featured.or_else(|| roster.speaking.as_deref().and_then(index)).unwrap_or(0))
            }
        };
        Some(View { revision: roster.revision, seats: roster.seats.clone(), arrangement, captions: roster.captions })
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        metrics::speakers(-(locked(&self.roster).seats.len() as i32));
    }
}
