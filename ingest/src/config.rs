//! The settings of a broadcast's encoder side, and what they promise the packager.

use std::path::PathBuf;

use codec_headers::bounds::PictureBounds;
use packager::delivery::{BroadcastSpec, MediaSpec, RenditionSpec, VIDEO_TIMESCALE};
use serde::{Deserialize, Serialize};

use crate::error::IngestError;
use crate::ladder::{Ladder, Rung};
use crate::shedding;

/// Settings of every broadcast this process composes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Which renditions are encoded. A bigger ladder costs CPU in proportion to its pixels. Default `default` (720p,
    /// 480p, 240p).
    pub ladder: Ladder,
    /// Frames a second of the programme; must divide 90000. Default 30.
    pub frames_per_second: u32,
    /// Segment length, milliseconds; a whole number of frames. Longer: fewer keyframes, better picture; shorter: faster
    /// joins and switches. Default 2000.
    pub segment_ms: u32,
    /// Part length, milliseconds; a whole number of frames that divides the segment. Shorter: less latency, more
    /// requests. Default 200.
    pub part_ms: u32,
    /// x264's speed preset. Slower presets look better at the same bitrate and cost more CPU. Default `superfast`.
    pub x264_preset: X264Preset,
    /// Bitrate of the AAC rendition, bits a second. Default 128000.
    pub audio_bits_per_second: u32,
    /// How the speakers are arranged at the start of a broadcast; changeable while it runs. Default `grid`.
    pub layout: Layout,
    /// Write each speaker's name into the picture. Default true.
    pub captions: bool,
    /// TrueType font for names and slates. If it cannot be read the broadcast runs without text and says so once.
    /// Default `/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf` (Debian package fonts-dejavu-core).
    pub font: PathBuf,
    /// How long the jitter buffer waits for a missing packet, milliseconds. Longer: retransmissions arrive in time on
    /// poor paths; shorter: less latency. Default 60.
    pub jitterbuffer_ms: u32,
    /// How long after its nominal arrival a moment of the stage is composed, milliseconds. Must cover `jitterbuffer_ms`
    /// plus decoding; it delays picture and sound alike. Default 90.
    pub playout_delay_ms: u32,
    /// A speaker whose picture stands still for longer than this gets a name card, milliseconds. Default 3000.
    pub freeze_after_ms: u32,
    /// The largest picture of a speaker that is decoded, width × height; default 8294400 (3840 × 2160).
    pub picture_pixels_max: u32,
    /// Its longest side, pixels; default 8192.
    pub picture_side_max: u32,
    /// Pictures a second that are decoded of one speaker; one who sends more stands still. Default 240.
    pub pictures_per_second_max: u32,
    /// When encoders that fall behind are relieved.
    pub shedding: shedding::Config,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            ladder: Ladder::Default,
            frames_per_second: 30,
            segment_ms: 2000,
            part_ms: 200,
            x264_preset: X264Preset::Superfast,
            audio_bits_per_second: 128_000,
            layout: Layout::Grid,
            captions: true,
            font: "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf".into(),
            jitterbuffer_ms: 60,
            playout_delay_ms: 90,
            freeze_after_ms: 3000,
            picture_pixels_max: 3840 * 2160,
            picture_side_max: 8192,
            pictures_per_second_max: 240,
            shedding: shedding::Config::default(),
        }
    }
}

/// x264's speed presets that make sense live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum X264Preset {
    /// The cheapest; writes Constrained Baseline.
    Ultrafast,
    /// The default.
    Superfast,
    /// About 1.6 times the CPU of superfast.
    Veryfast,
    /// Dearer still.
    Faster,
    /// Dearer still.
    Fast,
}

impl X264Preset {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ultrafast => "ultrafast",
            Self::Superfast => "superfast",
            Self::Veryfast => "veryfast",
            Self::Faster => "faster",
            Self::Fast => "fast",
        }
    }
}

/// How the speakers share the picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// Everybody the same size.
    Grid,
    /// Whoever speaks is big, up to four others stand beside.
    ActiveSpeaker,
    /// One identity fills the picture; the others are heard.
    Single(String),
}

impl Config {
    /// Refuses what cannot work, with a sentence that names the key.
    pub fn validate(&self) -> Result<(), IngestError> {
        let refuse = |sentence: String| Err(IngestError::Config(sentence));
        let fps = self.frames_per_second;
        if !(5..=60).contains(&fps) || !VIDEO_TIMESCALE.is_multiple_of(fps) {
            return refuse(format!("frames_per_second = {fps} must lie in 5..=60 and divide 90000"));
        }
        for (key, ms) in [("segment_ms", self.segment_ms), ("part_ms", self.part_ms)] {
            if !(20..=20_000).contains(&ms) || !(ms * fps).is_multiple_of(1000) {
                return refuse(format!(
                    "{key} = {ms} must be 20..=20000 and a whole number of frames at {fps} a second"
                ));
            }
        }
        if !self.segment_ms.is_multiple_of(self.part_ms) {
            return refuse(format!("part_ms = {} must divide segment_ms = {}", self.part_ms, self.segment_ms));
        }
        if !(16_000..=320_000).contains(&self.audio_bits_per_second) {
            return refuse(format!(
                "audio_bits_per_second = {} must lie in 16000..=320000",
                self.audio_bits_per_second
            ));
        }
        if self.jitterbuffer_ms > 1000 {
            return refuse(format!("jitterbuffer_ms = {} must be at most 1000", self.jitterbuffer_ms));
        }
        if self.playout_delay_ms < self.jitterbuffer_ms || self.playout_delay_ms > 2000 {
            return refuse(format!(
                "playout_delay_ms = {} must lie between jitterbuffer_ms = {} and 2000",
                self.playout_delay_ms, self.jitterbuffer_ms
            ));
        }
        if !(500..=60_000).contains(&self.freeze_after_ms) {
            return refuse(format!("freeze_after_ms = {} must lie in 500..=60000", self.freeze_after_ms));
        }
        for (key, value, least) in [
            ("picture_pixels_max", self.picture_pixels_max, 128 * 128),
            ("picture_side_max", self.picture_side_max, 128),
            ("pictures_per_second_max", self.pictures_per_second_max, 5),
        ] {
            if value < least {
                return refuse(format!("{key} = {value} must be at least {least}"));
            }
        }
        self.shedding.validate().map_err(IngestError::Config)
    }

    /// What a broadcast with these settings delivers: the rungs from the top down, then `audio`.
    ///
    /// `epoch` is `[0-9a-z]{6,32}` and different for every run of the broadcast.
    pub fn spec(&self, room: impl Into<String>, epoch: impl Into<String>) -> BroadcastSpec {
        let video = self.ladder.rungs().iter().map(|rung| RenditionSpec {
            name: rung.name.to_owned(),
            media: MediaSpec::Video { width: rung.width, height: rung.height },
            bits_per_second: rung.bits_per_second,
        });
        let audio = RenditionSpec {
            name: "audio".to_owned(),
            media: MediaSpec::Audio { channels: 2 },
            bits_per_second: self.audio_bits_per_second,
        };
        BroadcastSpec {
            room: room.into(),
            epoch: epoch.into(),
            renditions: video.chain([audio]).collect(),
            segment_frames: self.segment_frames(),
            part_frames: self.part_ms * self.frames_per_second / 1000,
            frames_per_second: self.frames_per_second,
        }
    }

    pub(crate) fn picture_bounds(&self) -> PictureBounds {
        PictureBounds {
            pixels_max: self.picture_pixels_max,
            side_max: self.picture_side_max,
            per_second_max: self.pictures_per_second_max,
        }
    }

    pub(crate) fn segment_frames(&self) -> u32 {
        self.segment_ms * self.frames_per_second / 1000
    }

    pub(crate) fn top_rung(&self) -> &'static Rung {
        &self.ladder.rungs()[0]
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_say_what_they_deliver() {
        let config = Config::default();
        config.validate().unwrap();
        let spec = config.spec("lobby", "abc123");
        let names: Vec<_> = spec.renditions.iter().map(|r| r.name.as_str()).collect();
        assert_eq!(names, ["720p", "480p", "240p", "audio"]);
        assert_eq!((spec.segment_frames, spec.part_frames), (60, 6));
    }

    #[test]
    fn the_impossible_is_refused_in_a_sentence_that_names_the_key() {
        type Spoil = fn(&mut Config);
        let cases: [(Spoil, &str); 7] = [
            (|c| c.frames_per_second = 29, "frames_per_second"),
            (|c| c.segment_ms = 2010, "segment_ms"),
            (|c| c.part_ms = 300, "part_ms"),
            (|c| c.playout_delay_ms = 10, "playout_delay_ms"),
            (|c| c.audio_bits_per_second = 0, "audio_bits_per_second"),
            (|c| c.freeze_after_ms = 0, "freeze_after_ms"),
            (|c| c.shedding.calm_ms = 0, "calm_ms"),
        ];
        for (spoil, key) in cases {
            let mut config = Config::default();
            spoil(&mut config);
            let sentence = config.validate().unwrap_err().to_string();
            assert!(sentence.contains(key), "{sentence}");
        }
    }

    #[test]
    fn settings_read_as_they_are_documented() {
        let text = r#"{"ladder":"data-saver","layout":{"single":"anna"},"x264_preset":"ultrafast"}"#;
        let config: Config = serde_json::from_str(text).unwrap();
        assert_eq!((config.ladder, config.layout), (Ladder::DataSaver, Layout::Single("anna".into())));
        assert!(serde_json::from_str::<Config>(r#"{"ladders":"low"}"#).is_err());
    }
}
