//! The mixer: one AAC frame of programme sound after another, whatever the speakers do.
//!
//! One thread, paced by the clock. A frame is mixed when the playout delay after its last sample has passed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use packager::delivery::{AAC_FRAME_SAMPLES, AUDIO_TIMESCALE};

use crate::clock::ProgrammeClock;
use crate::encoder::AudioEncoder;
use crate::samples::{CHANNELS, limit};
use crate::stage::Stage;
use crate::{locked, metrics};

const FRAME: u64 = AAC_FRAME_SAMPLES as u64;
/// Further behind than this, frames are left out rather than made up for: 1 s.
const BEHIND_MAX_NS: u64 = 1_000_000_000;
/// An encoder that failed is built anew at most once in so many frames: a second.
const RESTART_FRAMES: u64 = AUDIO_TIMESCALE as u64 / FRAME;

/// Programme time at which AAC frame `index` begins, nanoseconds.
fn frame_ns(index: u64) -> u64 {
    index * FRAME * 1_000_000_000 / u64::from(AUDIO_TIMESCALE)
}

/// Everything the mixer's thread owns.
pub(crate) struct Mixer {
    pub(crate) stage: Arc<Stage>,
    pub(crate) clock: ProgrammeClock,
    pub(crate) delay_ns: u64,
    pub(crate) restart: Box<dyn Fn() -> Option<AudioEncoder> + Send>,
}

impl Mixer {
    /// Mixes until `stop`. Returns the encoder, which has been told to finish.
    pub(crate) fn run(self, encoder: AudioEncoder, stop: &AtomicBool) -> Option<AudioEncoder> {
        let mut encoder = Some(encoder);
        let (mut index, mut restart_from) = (0, 0);
        let mut powers = vec![];
        while !stop.load(Ordering::Relaxed) {
            let due = frame_ns(index + 1) + self.delay_ns;
            let now = self.clock.now_ns();
            if now > due + BEHIND_MAX_NS {
                index += (now - due) / frame_ns(1);
                continue;
            }
            std::thread::sleep(Duration::from_nanos(due.saturating_sub(now)));
            let sound = self.mix(index, &mut powers);
            if !encoder.as_ref().is_some_and(|encoder| encoder.push(index, &sound)) {
                encoder = None;
                if index >= restart_from {
                    metrics::encoder_restarted();
                    encoder = (self.restart)();
                    restart_from = index + RESTART_FRAMES;
                }
            }
            index += 1;
        }
        encoder.inspect(AudioEncoder::finish)
    }

    fn mix(
        &self,
        index: u64,
        powers: &mut Vec<(Arc<crate::stage::SpeakerLane>, f32)>,
    ) -> [[f32; CHANNELS]; FRAME as usize] {
        let mut mix = [[0.0; CHANNELS]; FRAME as usize];
        powers.clear();
        powers.extend(self.stage.seats().into_iter().map(|seat| {
            let power = locked(&seat.sound).mix_into((index * FRAME) as i64, &mut mix);
            (seat, power)
        }));
        self.stage.heard(powers);
        mix.iter_mut().flatten().for_each(|sample| *sample = limit(*sample));
        mix
    }
}
