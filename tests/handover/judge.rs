//! What the samples of a move say. Times are milliseconds; `at_ms` and `made_ms` since 1970.

use serde::Deserialize;

/// A path's name in samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Path {
    Seat,
    Broadcast,
}

impl Path {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Seat => "seat",
            Self::Broadcast => "broadcast",
        }
    }
}

/// A moment on the page.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Sample {
    pub at_ms: f64,
    /// The path whose picture is in front; `None`: none, or something lies over it.
    pub path: Option<Path>,
    /// When the picture in front was made; `None`: black, or not legible.
    pub made_ms: Option<f64>,
    /// 0 to 1: how loud the elements of a path are set.
    pub seat_gain: f64,
    pub broadcast_gain: f64,
    /// The loudest that a path's tracks carry, before that.
    pub seat_level: f64,
    pub broadcast_level: f64,
    /// The instant that the broadcast shows by its own EXT-X-PROGRAM-DATE-TIME.
    pub broadcast_date_ms: Option<f64>,
}

/// A move, judged.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Verdict {
    pub to: Path,
    /// Programme time across the change less the time that passed: positive is skipped, negative is shown twice.
    pub error_ms: f64,
    /// The longest that nothing legible was in front.
    pub black_ms: f64,
    /// The longest that both paths together were set to less than half the volume.
    pub silent_ms: f64,
    /// The longest that one picture stood, within [`AROUND_MS`] of the change.
    pub still_ms: f64,
    /// By how much the beeps around the change are more apart than a whole number of seconds; `None`: too few heard.
    pub sound_error_ms: Option<f64>,
    /// Seconds around the change whose beep was not heard.
    pub beeps_missed: u32,
    /// By how much the broadcast's picture was older than its own date says: a server without CPU composes late
    /// pictures, and the player can only go by the date.
    pub broadcast_late_ms: Option<f64>,
    /// From the camera to the screen, before and after.
    pub behind_ms: [f64; 2],
}

/// How far from the change it still counts.
const AROUND_MS: f64 = 1_500.0;
/// A beep is heard above this, and is over after as long a pause.
const BEEP_LEVEL: f64 = 0.05;
const PAUSE_MS: f64 = 300.0;
const SECOND_MS: f64 = 1_000.0;

/// Judges a move by samples that begin before it and end after it. `None`: the picture in front never changed.
pub(crate) fn judge(samples: &[Sample], to: Path) -> Option<Verdict> {
    let change = (1..samples.len()).rfind(|&index| {
        samples[index].path == Some(to) && samples[..index].iter().rev().find_map(|s| s.path) != Some(to)
    })?;
    let legible = |sample: &&Sample| sample.made_ms.is_some();
    let before = samples[..change].iter().rfind(legible)?;
    let after = samples[change..].iter().find(|sample| sample.made_ms.is_some() && sample.path == Some(to))?;
    let made = [before.made_ms?, after.made_ms?];
    let changed_at_ms = samples[change].at_ms;
    let around: Vec<Sample> =
        samples.iter().filter(|sample| (sample.at_ms - changed_at_ms).abs() <= AROUND_MS).copied().collect();
    let (sound_error_ms, beeps_missed) = beeps_across(&beeps(samples), changed_at_ms);
    Some(Verdict {
        to,
        error_ms: made[1] - made[0] - (after.at_ms - before.at_ms),
        black_ms: longest(samples, |sample| sample.made_ms.is_none()),
        silent_ms: longest(samples, |sample| sample.seat_gain + sample.broadcast_gain < 0.5),
        still_ms: still(&around),
        sound_error_ms,
        beeps_missed,
        broadcast_late_ms: [before, after].iter().find_map(|sample| late_ms(sample)),
        behind_ms: [before.at_ms - made[0], after.at_ms - made[1]],
    })
}

fn late_ms(sample: &Sample) -> Option<f64> {
    Some(sample.broadcast_date_ms? - sample.made_ms?).filter(|_| sample.path == Some(Path::Broadcast))
}

/// The longest run of samples of which `holds`, from its first sample to the one that ends it.
fn longest(samples: &[Sample], holds: impl Fn(&Sample) -> bool) -> f64 {
    let (mut since, mut longest) = (None, 0.0_f64);
    for sample in samples {
        if let Some(since) = since {
            longest = longest.max(sample.at_ms - since);
        }
        since = holds(sample).then(|| since.unwrap_or(sample.at_ms));
    }
    longest
}

/// The longest that one picture stood.
fn still(samples: &[Sample]) -> f64 {
    let (mut shown, mut longest) = (None::<(f64, f64)>, 0.0_f64);
    for sample in samples {
        let Some(made_ms) = sample.made_ms else { continue };
        match shown {
            // The page's clock reads the same counter a fraction of a millisecond differently.
            Some((made, since)) if (made - made_ms).abs() < 2.0 => longest = longest.max(sample.at_ms - since),
            _ => shown = Some((made_ms, sample.at_ms)),
        }
    }
    longest
}

/// When beeps begin, as they are heard.
fn beeps(samples: &[Sample]) -> Vec<f64> {
    let (mut begins, mut heard_at_ms) = (vec![], f64::NEG_INFINITY);
    for sample in samples {
        let heard = sample.seat_gain * sample.seat_level + sample.broadcast_gain * sample.broadcast_level;
        if heard < BEEP_LEVEL {
            continue;
        }
        if sample.at_ms - heard_at_ms > PAUSE_MS {
            begins.push(sample.at_ms);
        }
        heard_at_ms = sample.at_ms;
    }
    begins
}

/// The error of the interval between the last beep before a change and the first one after it, and the beeps missing
/// between them.
fn beeps_across(beeps: &[f64], changed_at_ms: f64) -> (Option<f64>, u32) {
    let before = beeps.iter().rfind(|beep| **beep < changed_at_ms);
    let after = beeps.iter().find(|beep| **beep >= changed_at_ms);
    let (Some(before), Some(after)) = (before, after) else { return (None, 0) };
    let interval_ms = after - before;
    let seconds = (interval_ms / SECOND_MS).round().max(1.0);
    (Some(seconds * SECOND_MS - interval_ms), seconds as u32 - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sixty samples a second, of two paths `behind` milliseconds each, that change at `change_ms` after the start.
    fn samples(behind: [f64; 2], change_ms: f64) -> Vec<Sample> {
        let start_ms = 1_790_000_000_250.0;
        let sample = |number: u32| {
            let at_ms = start_ms + f64::from(number) * 1000.0 / 60.0;
            let seated = at_ms - start_ms >= change_ms;
            let made_ms = at_ms - behind[usize::from(seated)];
            let level = |behind: f64| if (at_ms - behind).rem_euclid(1000.0) < 100.0 { 0.3 } else { 0.0 };
            let gain = |on: bool| if on { 1.0 } else { 0.0 };
            Sample {
                at_ms,
                path: Some(if seated { Path::Seat } else { Path::Broadcast }),
                // Pictures come thirty times a second.
                made_ms: Some((made_ms / 33.0).floor() * 33.0),
                seat_gain: gain(seated),
                broadcast_gain: gain(!seated),
                seat_level: level(behind[1]),
                broadcast_level: level(behind[0]),
                broadcast_date_ms: Some(at_ms - behind[0] + 10.0),
            }
        };
        (0..600).map(sample).collect()
    }

    #[test]
    fn paths_in_line_change_without_error() {
        let verdict = judge(&samples([900.0, 900.0], 5_000.0), Path::Seat).unwrap();
        assert!(verdict.error_ms.abs() < 35.0, "{verdict:?}");
        assert!(verdict.sound_error_ms.unwrap().abs() < 20.0, "{verdict:?}");
        assert_eq!((verdict.black_ms, verdict.silent_ms, verdict.beeps_missed), (0.0, 0.0, 0));
        assert!((verdict.broadcast_late_ms.unwrap() - 10.0).abs() < 35.0, "{verdict:?}");
        assert!(verdict.still_ms < 60.0 && (verdict.behind_ms[0] - 900.0).abs() < 35.0, "{verdict:?}");
    }

    #[test]
    fn a_seat_that_is_ahead_skips_and_one_that_is_behind_repeats() {
        let ahead = judge(&samples([900.0, 500.0], 5_100.0), Path::Seat).unwrap();
        assert!((ahead.error_ms - 400.0).abs() < 35.0, "{ahead:?}");
        assert!((ahead.sound_error_ms.unwrap() - 400.0).abs() < 20.0, "{ahead:?}");
        let behind = judge(&samples([500.0, 700.0], 5_100.0), Path::Seat).unwrap();
        assert!((behind.error_ms + 200.0).abs() < 35.0, "{behind:?}");
    }

    #[test]
    fn black_pictures_and_silence_are_gaps_and_a_missing_beep_is_counted() {
        let mut samples = samples([900.0, 900.0], 5_000.0);
        for sample in &mut samples[300..318] {
            (sample.path, sample.made_ms) = (None, None);
        }
        for sample in &mut samples[280..345] {
            (sample.seat_gain, sample.broadcast_gain) = (0.05, 0.05);
        }
        let verdict = judge(&samples, Path::Seat).unwrap();
        assert!((verdict.black_ms - 300.0).abs() < 1.0, "{verdict:?}");
        assert!((verdict.silent_ms - 1083.0).abs() < 1.0, "{verdict:?}");
        samples
            .iter_mut()
            .for_each(|sample| sample.seat_gain = if sample.at_ms < 1_790_000_006_800.0 { 0.0 } else { 1.0 });
        assert_eq!(judge(&samples, Path::Seat).unwrap().beeps_missed, 1);
    }

    #[test]
    fn a_picture_that_stands_around_the_change_is_seen() {
        let mut samples = samples([900.0, 900.0], 5_000.0);
        let made_ms = samples[290].made_ms;
        samples[290..303].iter_mut().for_each(|sample| sample.made_ms = made_ms);
        assert!((judge(&samples, Path::Seat).unwrap().still_ms - 200.0).abs() < 18.0);
    }

    #[test]
    fn samples_without_a_change_are_no_move() {
        assert_eq!(judge(&samples([900.0, 900.0], 60_000.0), Path::Seat), None);
        assert_eq!(judge(&[], Path::Seat), None);
    }
}
