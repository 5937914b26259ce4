//! Lip sync, from what was written: when the picture flashes and when the sound beeps.
//!
//! Pure but for [`measure`], which decodes two recordings with FFmpeg. A flash is a frame that is suddenly brighter in
//! some part of the picture, a beep is sound after silence; each beep is held against the nearest flash.

use std::path::Path;

use crate::error::Result;
use crate::ffprobe;
use crate::recorder::Recording;

/// The picture is judged at this size.
const WIDTH: u32 = 64;
const HEIGHT: u32 = 36;
/// A cell that brightens by so much from one frame to the next, of 255, takes part in a flash.
const BRIGHTER: i16 = 60;
/// So many cells make a flash, of 64 × 36: one in a hundred.
const CELLS_MIN: usize = 23;
/// Sound is judged in windows of so many samples (1 ms).
const WINDOW: usize = 48;
/// Louder than this is a beep, mean square; quieter than a tenth of it is silence.
const LOUD: f32 = 1e-3;
/// So many silent windows must come before a beep.
const SILENCE_WINDOWS: usize = 100;
/// Flashes and beeps further apart than this do not belong together, seconds.
const APART_MAX_S: f64 = 0.4;

/// When each flash begins, seconds. `times` are those of the frames in `gray`.
pub fn flashes(gray: &[u8], times: &[f64]) -> Vec<f64> {
    let frames: Vec<&[u8]> = gray.chunks_exact((WIDTH * HEIGHT) as usize).collect();
    let is_flash = |pair: &[&[u8]]| {
        let brighter = |(new, old): &(&u8, &u8)| i16::from(**new) - i16::from(**old) > BRIGHTER;
        pair[1].iter().zip(pair[0]).filter(brighter).count() >= CELLS_MIN
    };
    let found = frames.windows(2).zip(times.iter().skip(1)).filter(|(pair, _)| is_flash(pair));
    found.map(|(_, time)| *time).collect()
}

/// When each beep begins, seconds after the first of `sound`'s 48,000 samples a second.
pub fn beeps(sound: &[f32]) -> Vec<f64> {
    let (mut found, mut silent) = (vec![], 0);
    for (i, window) in sound.chunks_exact(WINDOW).enumerate() {
        let power = window.iter().map(|sample| sample * sample).sum::<f32>() / WINDOW as f32;
        if power > LOUD && silent >= SILENCE_WINDOWS {
            found.push((i * WINDOW) as f64 / 48_000.0);
        }
        silent = if power < LOUD / 10.0 {
            silent + 1
        } else if power > LOUD {
            0
        } else {
            silent
        };
    }
    found
}

/// By how much each beep comes after the flash that is nearest to it, milliseconds; negative: before.
pub fn offsets_ms(flashes: &[f64], beeps: &[f64]) -> Vec<f64> {
    let nearest = |beep: &f64| {
        let offsets = flashes.iter().map(|flash| beep - flash);
        offsets.min_by(|a, b| a.abs().total_cmp(&b.abs())).filter(|offset| offset.abs() < APART_MAX_S)
    };
    beeps.iter().filter_map(nearest).map(|offset| offset * 1000.0).collect()
}

/// Offsets in what was recorded of a picture and of its sound.
pub fn measure(recordings: &[Recording], folder: &Path) -> Result<Vec<f64>> {
    let video = recordings.iter().filter(|one| !one.rendition.audio).max_by_key(|one| one.rendition.height);
    let audio = recordings.iter().find(|one| one.rendition.audio);
    let (Some(video), Some(audio)) = (video, audio) else { return Ok(vec![]) };
    let (pictures, sound) = (folder.join("video.mp4"), folder.join("audio.mp4"));
    video.write(&pictures)?;
    audio.write(&sound)?;
    let mut times = ffprobe::packet_times(&pictures, "v:0")?;
    times.sort_by(f64::total_cmp);
    let flashes = flashes(&ffprobe::decode_gray(&pictures, WIDTH, HEIGHT)?, &times);
    let start = ffprobe::packet_times(&sound, "a:0")?.first().copied().unwrap_or(0.0);
    let beeps: Vec<f64> = beeps(&ffprobe::decode_sound(&sound)?).into_iter().map(|beep| beep + start).collect();
    Ok(offsets_ms(&flashes, &beeps))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flash_is_a_part_of_the_picture_that_brightens_at_once() {
        let frame = |cells: usize, value: u8| {
            let mut frame = vec![20; (WIDTH * HEIGHT) as usize];
            frame[..cells].fill(value);
            frame
        };
        let frames = [frame(0, 0), frame(60, 220), frame(60, 220), frame(0, 0), frame(60, 50), frame(5, 255)].concat();
        assert_eq!(flashes(&frames, &[0.0, 0.04, 0.08, 0.12, 0.16, 0.2]), [0.04]);
    }

    #[test]
    fn a_beep_is_sound_after_silence() {
        let tone = |n: usize| (0..n).map(|i| if i % 48 < 24 { 0.3 } else { -0.3 });
        let sound: Vec<f32> =
            std::iter::repeat_n(0.0, 9600).chain(tone(4800)).chain([0.0; 480]).chain(tone(4800)).collect();
        assert_eq!(beeps(&sound), [0.2]);
    }

    #[test]
    fn each_beep_is_held_against_the_nearest_flash() {
        let offsets = offsets_ms(&[1.0, 2.0, 3.0], &[1.02, 1.99, 2.5, 9.0]);
        let rounded: Vec<i64> = offsets.iter().map(|offset| offset.round() as i64).collect();
        assert_eq!(rounded, [20, -10]);
    }
}
