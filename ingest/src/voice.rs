//! Finds the speaker who is speaking, from the power of each speaker's sound.
//!
//! Pure. The louder one takes over only after being clearly louder for a while, so that a cough does not switch the
//! picture.

use std::time::{Duration, Instant};

/// Mean square above which somebody speaks (about -46 dBFS).
const SPEECH_POWER: f32 = 2.5e-5;
/// The next speaker must be so many times as loud as the present one.
const LOUDER: f32 = 1.5;
/// The next speaker must be louder for so long.
const TAKE_OVER: Duration = Duration::from_millis(800);
/// Weight of the newest observation in the running power.
const WEIGHT: f32 = 0.1;

/// Follows the speakers' sound and remembers the active one.
#[derive(Debug, Default)]
pub(crate) struct Voices {
    power: Vec<(String, f32)>,
    active: Option<String>,
    rival: Option<(String, Instant)>,
}

impl Voices {
    /// The power of every speaker on the stage in one stretch of sound.
    pub(crate) fn observe<'a>(&mut self, powers: impl Iterator<Item = (&'a str, f32)>, now: Instant) {
        let old = std::mem::take(&mut self.power);
        let before = |who: &str| old.iter().find(|(name, _)| name == who).map_or(0.0, |(_, power)| *power);
        self.power = powers.map(|(who, p)| (who.to_owned(), before(who) * (1.0 - WEIGHT) + p * WEIGHT)).collect();
        let active_power = self.power.iter().find(|(who, _)| Some(who) == self.active.as_ref()).map(|(_, p)| *p);
        let loudest = self.power.iter().max_by(|a, b| a.1.total_cmp(&b.1));
        let Some((who, _)) = loudest.filter(|(who, power)| {
            *power >= SPEECH_POWER
                && Some(who) != self.active.as_ref()
                && *power >= active_power.unwrap_or(0.0) * LOUDER
        }) else {
            self.rival = None;
            return;
        };
        match &self.rival {
            Some((rival, since)) if rival == who => {
                if now.duration_since(*since) >= TAKE_OVER || active_power.is_none() {
                    self.active = Some(who.clone());
                    self.rival = None;
                }
            }
            _ => self.rival = Some((who.clone(), now)),
        }
    }

    /// The identity of the speaker who speaks, or spoke last.
    pub(crate) fn active(&self) -> Option<&str> {
        self.active.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(voices: &mut Voices, now: &mut Instant, anna: f32, ben: f32, ms: u64) {
        for _ in 0..ms / 20 {
            voices.observe([("anna", anna), ("ben", ben)].into_iter(), *now);
            *now += Duration::from_millis(20);
        }
    }

    #[test]
    fn active_speaker_changes_for_speech_and_not_for_a_cough() {
        let (mut voices, mut now) = (Voices::default(), Instant::now());
        run(&mut voices, &mut now, 0.01, 0.0, 1000);
        assert_eq!(voices.active(), Some("anna"));
        run(&mut voices, &mut now, 0.0, 0.05, 100);
        run(&mut voices, &mut now, 0.01, 0.0, 1000);
        assert_eq!(voices.active(), Some("anna"));
        run(&mut voices, &mut now, 0.0, 0.01, 2000);
        assert_eq!(voices.active(), Some("ben"));
    }

    #[test]
    fn silence_keeps_the_last_speaker() {
        let (mut voices, mut now) = (Voices::default(), Instant::now());
        run(&mut voices, &mut now, 0.01, 0.0, 1000);
        run(&mut voices, &mut now, 0.0, 0.0, 5000);
        assert_eq!(voices.active(), Some("anna"));
    }
}
