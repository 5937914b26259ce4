//! The sound of a synthetic speaker: silence, and a beep whenever the square in the picture flashes.

/// Interval between two beeps, milliseconds of UTC.
pub const BEEP_EVERY_MS: i64 = 1000;
/// Length of a beep and of a flash, milliseconds.
pub const BEEP_MS: i64 = 100;

const PITCHES_HZ: [f32; 8] = [880.0, 660.0, 1100.0, 990.0, 740.0, 1320.0, 830.0, 1180.0];
const LOUDNESS: f32 = 0.3;

/// Whether the speaker flashes and beeps at this time, nanoseconds of UTC.
pub fn is_beep(utc_ns: i64) -> bool {
    utc_ns.rem_euclid(BEEP_EVERY_MS * 1_000_000) < BEEP_MS * 1_000_000
}

/// Fills `out` (48 kHz, stereo) with the sound from `utc_ns` on; `number` chooses the pitch.
pub fn beep(number: u32, utc_ns: i64, out: &mut [[f32; 2]]) {
    let pitch = PITCHES_HZ[number as usize % PITCHES_HZ.len()];
    let into = utc_ns.rem_euclid(BEEP_EVERY_MS * 1_000_000);
    for (n, sample) in out.iter_mut().enumerate() {
        let at = into + n as i64 * 1_000_000 / 48;
        let at = at % (BEEP_EVERY_MS * 1_000_000);
        let seconds = at as f32 / 1e9;
        let value = if is_beep(at) { LOUDNESS * (std::f32::consts::TAU * pitch * seconds).sin() } else { 0.0 };
        *sample = [value; 2];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beep_begins_every_second_and_lasts_a_tenth() {
        let mut sound = vec![[0.0; 2]; 48_000 * 2];
        beep(0, 999_000_000, &mut sound);
        let loud: Vec<_> = sound.iter().enumerate().filter(|(_, s)| s[0].abs() > 0.01).map(|(n, _)| n).collect();
        assert!((48..52).contains(&loud[0]), "{}", loud[0]);
        let end = loud.windows(2).find(|pair| pair[1] - pair[0] > 1000).map(|pair| pair[0]);
        assert!(end.is_some_and(|n| (4_830..4_848).contains(&n)), "{end:?}");
        let second = loud.iter().find(|n| **n > 40_000);
        assert!(second.is_some_and(|n| (48_048..48_052).contains(n)), "{second:?}");
    }
}
