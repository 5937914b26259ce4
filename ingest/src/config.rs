//! The settings of a broadcast's encoder side, and what they promise the packager.

use std::path::PathBuf;

use codec_headers::bounds::PictureBounds;
use packager::delivery::{BroadcastSpec, MediaSpec, PART_MS, RenditionSpec, SEGMENT_MS, VIDEO_TIMESCALE};
use serde::{Deserialize, Serialize};

use crate::error::ConfigFault;
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
    /// The longest side of such a picture, pixels; default 8192.
    pub picture_side_max: u32,
    /// Pictures a second that are decoded of one speaker; one who sends more stands still. Default 240.
    pub pictures_per_second_max: u32,
    /// Thresholds for relieving encoders that fall behind.
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
    /// More CPU than veryfast.
    Faster,
    /// More CPU than faster.
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
    /// The one who speaks is big; up to four others stand beside.
    ActiveSpeaker,
    /// One identity fills the picture; the others are heard.
    Single(String),
}

impl Config {
    /// Refuses what cannot work, naming the key.
    pub fn validate(&self) -> Result<(), ConfigFault> {
        let refuse = |key, sentence: String| Err(ConfigFault::new(key, sentence));
        let fps = self.frames_per_second;
        if !(5..=60).contains(&fps) || !VIDEO_TIMESCALE.is_multiple_of(fps) {
            return refuse("frames_per_second", format!("must lie between 5 and 60 and divide 90000; it is {fps}"));
        }
        for (key, ms, range) in [("segment_ms", self.segment_ms, SEGMENT_MS), ("part_ms", self.part_ms, PART_MS)] {
            let (least, most) = (range.start(), range.end());
            if !range.contains(&ms) || !(ms * fps).is_multiple_of(1000) {
                let sentence = format!("must lie between {least} and {most}, in whole frames at {fps} a second");
                return refuse(key, format!("{sentence}; it is {ms}"));
            }
        }
        if !self.segment_ms.is_multiple_of(self.part_ms) {
            let (part, segment) = (self.part_ms, self.segment_ms);
            return refuse("part_ms", format!("must divide segment_ms = {segment}; it is {part}"));
        }
        let jitterbuffer = self.jitterbuffer_ms;
        for (key, value, range) in [
            ("audio_bits_per_second", self.audio_bits_per_second, 16_000..=320_000),
            ("jitterbuffer_ms", jitterbuffer, 0..=1_000),
            ("freeze_after_ms", self.freeze_after_ms, 500..=60_000),
            ("picture_pixels_max", self.picture_pixels_max, 128 * 128..=u32::MAX),
            ("picture_side_max", self.picture_side_max, 128..=u32::MAX),
            ("pictures_per_second_max", self.pictures_per_second_max, 5..=u32::MAX),
        ] {
            if !range.contains(&value) {
                let (least, most) = (range.start(), range.end());
                return refuse(key, format!("must lie between {least} and {most}; it is {value}"));
            }
        }
        if !(jitterbuffer..=2000).contains(&self.playout_delay_ms) {
            let delay = self.playout_delay_ms;
            let sentence = format!("must lie between jitterbuffer_ms = {jitterbuffer} and 2000; it is {delay}");
            return refuse("playout_delay_ms", sentence);
        }
        self.shedding.validate()
    }

    /// The spec of a broadcast with these settings: the rungs from the top down, then `audio`.
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
    fn default_settings_are_valid_and_deliver_three_rungs_and_sound() {
        let config = Config::default();
        config.validate().unwrap();
        let spec = config.spec("lobby", "abc123");
        let names: Vec<_> = spec.renditions.iter().map(|r| r.name.as_str()).collect();
        assert_eq!(names, ["720p", "480p", "240p", "audio"]);
        assert_eq!((spec.segment_frames, spec.part_frames), (60, 6));
    }

    #[test]
    fn shortest_and_longest_segments_and_parts_can_be_packaged() {
        for (segment_ms, part_ms, accepted) in [
            (500, 100, true),
            (2_000, 2_000, true),
            (10_000, 100, true),
            (10_000, 2_000, true),
            (400, 100, false),
            (10_100, 100, false),
            (2_000, 50, false),
            (10_000, 2_500, false),
        ] {
            let config = Config { segment_ms, part_ms, ..Config::default() };
            assert_eq!(config.validate().is_ok(), accepted, "{segment_ms} {part_ms}");
            assert_eq!(config.spec("lobby", "abc123").validate().is_ok(), accepted, "{segment_ms} {part_ms}");
        }
    }

    #[test]
    fn impossible_setting_is_refused_by_its_key() {
        type Spoil = fn(&mut Config);
        let cases: [(Spoil, &str); 9] = [
            (|c| c.frames_per_second = 29, "frames_per_second"),
            (|c| c.segment_ms = 2010, "segment_ms"),
            (|c| c.part_ms = 300, "part_ms"),
            (|c| c.picture_side_max = 127, "picture_side_max"),
            (|c| c.jitterbuffer_ms = 1001, "jitterbuffer_ms"),
            (|c| c.playout_delay_ms = 10, "playout_delay_ms"),
            (|c| c.audio_bits_per_second = 0, "audio_bits_per_second"),
            (|c| c.freeze_after_ms = 0, "freeze_after_ms"),
            (|c| c.shedding.calm_ms = 0, "calm_ms"),
        ];
        for (spoil, key) in cases {
            let mut config = Config::default();
            spoil(&mut config);
            let fault = config.validate().unwrap_err();
            assert!(fault.key.ends_with(key) && fault.to_string().contains(&format!("{key}: ")), "{fault}");
        }
    }

    #[test]
    fn documented_settings_are_read_and_unknown_keys_refused() {
        let text = r#"{"ladder":"data-saver","layout":{"single":"anna"},"x264_preset":"ultrafast"}"#;
        let config: Config = serde_json::from_str(text).unwrap();
        assert_eq!((config.ladder, config.layout), (Ladder::DataSaver, Layout::Single("anna".into())));
        assert!(serde_json::from_str::<Config>(r#"{"ladders":"low"}"#).is_err());
    }
}
