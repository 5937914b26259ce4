//! The deliveries of encoders: types that `ingest` fills in and this crate receives.
//!
//! Integer clocks from here on: video counts 90 kHz ticks, audio counts samples at its sample rate. Tick 0 is the same
//! instant in every rendition of a broadcast.

use std::ops::RangeInclusive;
use std::time::Instant;

use bytes::Bytes;

/// Ticks a second of every video rendition.
pub const VIDEO_TIMESCALE: u32 = 90_000;
/// Samples a second of every audio rendition.
pub const AUDIO_TIMESCALE: u32 = 48_000;
/// The name of every audio rendition, and of no other: a media URI tells by it what it leads to.
pub const AUDIO_RENDITION: &str = "audio";
/// Samples in one AAC access unit.
pub const AAC_FRAME_SAMPLES: u32 = 1024;
/// Shortest and longest segment, milliseconds. A segment has at most 100 parts.
pub const SEGMENT_MS: RangeInclusive<u32> = 500..=10_000;
/// Shortest and longest part, milliseconds.
pub const PART_MS: RangeInclusive<u32> = 100..=2_000;

/// Everything about a broadcast that is fixed for its life.
#[derive(Clone, Debug)]
pub struct BroadcastSpec {
    /// The room's name, as it stands in the URL; the folder of its recordings. `access::RoomName` has the rule for
    /// names; any text is good here that the store takes as one folder, as it is.
    pub room: String,
    /// Marks every media URI of this run of the broadcast, so that no cache ever mixes two runs:
    /// [`crate::epoch()`] makes one. `[0-9a-z]{6,32}`.
    pub epoch: String,
    /// The renditions, top of the ladder first, audio last. A [`RenditionId`] is an index into this.
    pub renditions: Vec<RenditionSpec>,
    /// Length of a segment in video frames (the encoder forces a keyframe at each start).
    pub segment_frames: u32,
    /// Length of a part in video frames; divides `segment_frames`.
    pub part_frames: u32,
    /// Video frames a second, the same in every rendition.
    pub frames_per_second: u32,
}

/// One rendition of the ladder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenditionSpec {
    /// Its name in URIs and in metrics: `720p`, [`AUDIO_RENDITION`]. `[0-9a-z-]{1,16}`.
    pub name: String,
    /// Video with its size, or audio.
    pub media: MediaSpec,
    /// Target of its encoder, bits a second.
    pub bits_per_second: u32,
}

/// The medium of a rendition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediaSpec {
    /// H.264.
    Video {
        /// Picture width, pixels.
        width: u32,
        /// Picture height, pixels.
        height: u32,
    },
    /// AAC-LC at [`AUDIO_TIMESCALE`].
    Audio {
        /// 1 or 2.
        channels: u8,
    },
}

/// Index into [`BroadcastSpec::renditions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RenditionId(pub usize);

/// One message from the encoders.
#[derive(Clone, Debug)]
pub enum Delivery {
    /// The programme clock. First message of a broadcast.
    Clock {
        /// UTC of tick 0, milliseconds since the Unix epoch.
        programme_zero_utc_ms: i64,
    },
    /// The decoder configuration of a rendition, before its first access unit and again whenever it changes.
    Codec {
        /// The rendition that it is of.
        rendition: RenditionId,
        /// The record, as the encoder gives it.
        config: CodecConfig,
    },
    /// A rung is not encoded from a segment on, because nobody watches it. Comes before that segment's first part is
    /// due.
    Rest {
        /// The rung, which is not the lowest.
        rendition: RenditionId,
        /// The start of that segment, ticks.
        from: u64,
    },
    /// A rung that rests is encoded again from a segment on.
    Wake {
        /// The rung.
        rendition: RenditionId,
        /// The start of that segment, ticks.
        from: u64,
    },
    /// One coded picture or AAC frame. Decode order within a rendition; there are no B-frames.
    Unit(AccessUnit),
    /// The last message: what is pending is written, and the playlists end.
    End,
}

/// A decoder configuration record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodecConfig {
    /// AVCDecoderConfigurationRecord (ISO/IEC 14496-15 §5.3.3.1), the body of `avcC`.
    Avc(Bytes),
    /// AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1).
    Aac(Bytes),
}

/// One coded picture (AVC, length-prefixed NAL units) or one raw AAC frame.
#[derive(Clone, Debug)]
pub struct AccessUnit {
    /// The rendition that it is of.
    pub rendition: RenditionId,
    /// Decode time = presentation time, in the rendition's timescale. Never negative, strictly increasing.
    pub time: u64,
    /// Duration, same timescale.
    pub duration: u32,
    /// Decodable on its own. Every AAC frame is.
    pub keyframe: bool,
    /// The coded bytes.
    pub data: Bytes,
    /// When it left the encoder: the start of the packager's share of the latency budget.
    pub encoded_at: Instant,
}
