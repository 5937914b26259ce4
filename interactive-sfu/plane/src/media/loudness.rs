//! Whether somebody speaks, from the audio levels that their packets carry (RFC 6464).
//!
//! A participant speaks while a good part of the packets of a window are louder than a room's noise. How loud is told
//! in few steps: each change is a message to everybody. No I/O and no clock. Driven by the publisher.

use std::time::{Duration, Instant};

/// The span of packets judged at a time.
const WINDOW: Duration = Duration::from_millis(400);
/// Quieter than this is noise, −dBov.
const NOISE_DBOV: u8 = 40;
/// Of a window's packets, so many must be louder than noise, percent.
const SPEAKING_PERCENT: u32 = 40;
/// The loudest step. 0 is silence.
pub const LOUDNESS_MAX: u8 = 8;
const STEPS: f32 = LOUDNESS_MAX as f32;

/// How loud one participant is.
#[derive(Debug, Default)]
pub(crate) struct Loudness {
    packets: u32,
    loud: u32,
    loudest_sum: f32,
    window_ends: Option<Instant>,
    told: u8,
}

impl Loudness {
    /// A packet of `dbov` (0: as loud as can be, 127: silence) came.
    pub(crate) fn packet(&mut self, dbov: u8, now: Instant) {
        self.window_ends.get_or_insert(now + WINDOW);
        self.packets += 1;
        if dbov <= NOISE_DBOV {
            self.loud += 1;
            self.loudest_sum += 10f32.powf(-f32::from(dbov) / 20.0);
        }
    }

    /// How loud it is now, 0 (silent) to 8, if that is news.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<u8> {
        let ended = self.window_ends.is_some_and(|at| now >= at);
        if !ended {
            return None;
        }
        let speaking = self.packets > 0 && self.loud * 100 >= self.packets * SPEAKING_PERCENT;
        let level = if speaking { self.loudest_sum / self.loud as f32 } else { 0.0 };
        // The square root spreads speech, which is far below full scale, over the steps.
        let step = if speaking { (level.sqrt() * STEPS).ceil().clamp(1.0, STEPS) as u8 } else { 0 };
        // While silence lasts the window stays open for the next word.
        let next = (self.packets > 0).then_some(now + WINDOW);
        let before = std::mem::replace(&mut self.told, step);
        *self = Self { told: step, window_ends: next, ..Self::default() };
        (before != step).then_some(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Speaks 20 ms packets of these levels, and collects what is told.
    fn told(loudness: &mut Loudness, from: Instant, levels: impl IntoIterator<Item = Option<u8>>) -> Vec<u8> {
        let mut all = Vec::new();
        for (i, level) in (0u32..).zip(levels) {
            let now = from + i * Duration::from_millis(20);
            if let Some(level) = level {
                loudness.packet(level, now);
            }
            all.extend(loudness.poll(now));
        }
        all
    }

    #[test]
    fn beginning_and_end_of_speech_are_reported_once_each() {
        let start = Instant::now();
        let mut loudness = Loudness::default();
        let speech = || [Some(15); 100];
        assert_eq!(told(&mut loudness, start, speech()).len(), 1, "it does not change");
        assert_eq!(told(&mut loudness, start + Duration::from_secs(3), [Some(80); 100]), [0]);
        assert_eq!(told(&mut loudness, start + Duration::from_secs(6), speech()).len(), 1);
        assert_eq!(told(&mut loudness, start + Duration::from_secs(9), [None; 100]), [0], "a microphone that is gone");
    }

    #[test]
    fn a_click_is_no_speech_and_louder_is_more() {
        let start = Instant::now();
        let click = (0..100).map(|i| Some(if i % 20 == 0 { 0 } else { 127 }));
        assert!(told(&mut Loudness::default(), start, click).is_empty());
        let step = |level| told(&mut Loudness::default(), start, [Some(level); 30])[0];
        assert!(step(0) == 8 && step(10) > step(30) && step(40) >= 1);
    }
}
