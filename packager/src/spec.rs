//! The rules that a [`BroadcastSpec`] must satisfy, and the lengths that follow from it: in ticks, parts and seconds.
//! Pure.

use std::ops::RangeInclusive;

use object_store::path::PathPart;

use crate::Error;
use crate::delivery::{
    AAC_FRAME_SAMPLES, AUDIO_RENDITION, AUDIO_TIMESCALE, BroadcastSpec, MediaSpec, PART_MS, RenditionId, RenditionSpec,
    SEGMENT_MS, VIDEO_TIMESCALE,
};

impl RenditionSpec {
    /// Whether this is the audio rendition.
    pub fn is_audio(&self) -> bool {
        matches!(self.media, MediaSpec::Audio { .. })
    }

    /// Ticks a second of its clock.
    pub fn timescale(&self) -> u32 {
        if self.is_audio() { AUDIO_TIMESCALE } else { VIDEO_TIMESCALE }
    }
}

impl BroadcastSpec {
    /// Refuses what cannot be packaged, naming the field.
    pub fn validate(&self) -> Result<(), Error> {
        let refuse = |sentence: String| Err(Error::Spec(sentence));
        // Names of rooms have their rule where they come in; the store asks for one folder of that very name.
        if self.room.is_empty() || PathPart::from(self.room.as_str()).as_ref() != self.room {
            return refuse("room must be the name of one folder, in plain ASCII".into());
        }
        if self.epoch.len() < 6 || !is_name(&self.epoch, 32, |c| c.is_ascii_digit() || c.is_ascii_lowercase()) {
            return refuse("epoch must be 6 to 32 of [0-9a-z]".into());
        }
        if self.renditions.is_empty() || self.renditions.len() > 16 {
            return refuse("a broadcast has 1 to 16 renditions".into());
        }
        for (index, rendition) in self.renditions.iter().enumerate() {
            if !is_name(&rendition.name, 16, |c| c.is_ascii_digit() || c.is_ascii_lowercase() || c == b'-') {
                return refuse(format!("the name of rendition {index} must be 1 to 16 of [0-9a-z-]"));
            }
            if rendition.is_audio() != (rendition.name == AUDIO_RENDITION) {
                return refuse(format!("the audio rendition, and no other, is called {AUDIO_RENDITION}"));
            }
            if rendition.name == "index" || self.renditions[..index].iter().any(|other| other.name == rendition.name) {
                return refuse(format!("the name of rendition {index} is taken: {}", rendition.name));
            }
        }
        if self.renditions.iter().filter(|rendition| rendition.is_audio()).count() > 1 {
            return refuse("there is at most one audio rendition".into());
        }
        self.validate_lengths()
    }

    fn validate_lengths(&self) -> Result<(), Error> {
        let refuse = |sentence: &str| Err(Error::Spec(sentence.to_owned()));
        if self.frames_per_second == 0 || !VIDEO_TIMESCALE.is_multiple_of(self.frames_per_second) {
            return refuse("frames_per_second must divide 90000");
        }
        if self.part_frames == 0 || !self.segment_frames.is_multiple_of(self.part_frames) || self.segment_frames == 0 {
            return refuse("part_frames must divide segment_frames");
        }
        if !self.lasts(self.part_frames, PART_MS) {
            return refuse("a part (part_frames) must last 0.1 to 2 s");
        }
        if !self.lasts(self.segment_frames, SEGMENT_MS) || self.parts_per_segment() > 100 {
            return refuse("a segment (segment_frames) must last 0.5 to 10 s and have at most 100 parts");
        }
        Ok(())
    }

    /// The lowest rung, whose media stand in for those of rungs that rest.
    pub fn lender(&self) -> Option<RenditionId> {
        self.renditions.iter().rposition(|rendition| !rendition.is_audio()).map(RenditionId)
    }

    /// Whether so many frames last as long as `range` says, milliseconds.
    fn lasts(&self, frames: u32, range: RangeInclusive<u32>) -> bool {
        let fps = u64::from(self.frames_per_second);
        let (least, most) = (u64::from(*range.start()) * fps, u64::from(*range.end()) * fps);
        (least..=most).contains(&(u64::from(frames) * 1000))
    }

    /// Length of a part, seconds.
    pub fn part_seconds(&self) -> f64 {
        f64::from(self.part_frames) / f64::from(self.frames_per_second)
    }

    /// Length of a segment, seconds.
    pub fn segment_seconds(&self) -> f64 {
        f64::from(self.segment_frames) / f64::from(self.frames_per_second)
    }

    /// Parts in every whole segment, the same in every rendition.
    pub fn parts_per_segment(&self) -> u32 {
        self.segment_frames / self.part_frames
    }

    /// EXT-X-TARGETDURATION, seconds, the same in every rendition.
    pub fn target_duration_seconds(&self) -> u32 {
        self.segment_frames.div_ceil(self.frames_per_second)
    }

    /// PART-TARGET in ticks of the rendition: what its longest part lasts. Audio comes in whole AAC frames, so its
    /// parts are a fraction of a frame longer or shorter than the video's.
    pub fn part_target_ticks(&self, rendition: &RenditionSpec) -> u64 {
        let (frames, fps) = (u64::from(self.part_frames), u64::from(self.frames_per_second));
        if !rendition.is_audio() {
            return frames * u64::from(VIDEO_TIMESCALE) / fps;
        }
        let samples = frames * u64::from(AUDIO_TIMESCALE);
        samples.div_ceil(fps * u64::from(AAC_FRAME_SAMPLES)) * u64::from(AAC_FRAME_SAMPLES)
    }

    /// The longest PART-TARGET of the broadcast, seconds.
    pub fn part_target_seconds_max(&self) -> f64 {
        let seconds =
            |rendition: &RenditionSpec| self.part_target_ticks(rendition) as f64 / f64::from(rendition.timescale());
        self.renditions.iter().map(seconds).fold(0.0, f64::max)
    }
}

fn is_name(name: &str, length_max: usize, allowed: impl Fn(u8) -> bool) -> bool {
    !name.is_empty() && name.len() <= length_max && name.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::spec;

    #[test]
    fn a_usual_ladder_is_accepted() {
        let spec = spec();
        spec.validate().unwrap();
        assert_eq!((spec.parts_per_segment(), spec.target_duration_seconds()), (10, 2));
        assert_eq!(spec.part_target_ticks(&spec.renditions[0]), 18_000);
        assert_eq!(spec.part_target_ticks(&spec.renditions[2]), 10_240);
    }

    #[test]
    fn room_name_of_any_length_is_accepted_as_folder() {
        for room in ["a".to_owned(), "A-b_9".to_owned(), "x".repeat(200)] {
            let spec = BroadcastSpec { room, ..spec() };
            spec.validate().unwrap();
        }
    }

    #[test]
    fn impossible_shape_is_refused_by_its_field() {
        let table: [(fn(&mut BroadcastSpec), &str); 13] = [
            (|s| s.room = "../x".into(), "room"),
            (|s| s.room = "..".into(), "room"),
            (|s| s.room = "ä".into(), "room"),
            (|s| s.room.clear(), "room"),
            (|s| s.epoch = "abc".into(), "epoch"),
            (|s| s.epoch = "ABCDEF".into(), "epoch"),
            (|s| s.renditions.clear(), "renditions"),
            (|s| s.renditions[1].name = "720p".into(), "taken"),
            (|s| s.renditions[0].name = "a/b".into(), "name"),
            (|s| s.renditions[0].name = "audio".into(), "audio"),
            (|s| s.renditions[2].name = "sound".into(), "audio"),
            (|s| s.frames_per_second = 0, "frames_per_second"),
            (|s| s.part_frames = 7, "part_frames"),
        ];
        for (spoil, word) in table {
            let mut spec = spec();
            spoil(&mut spec);
            let sentence = spec.validate().unwrap_err().to_string();
            assert!(sentence.contains(word), "{sentence}");
        }
    }
}
