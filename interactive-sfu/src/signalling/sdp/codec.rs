//! Codecs as SDP names them, and the payload types that carry them.

use super::feedback::Feedback;
use super::lines::is_token;
use super::{SdpError, malformed};

/// A codec without its parameters, for lists of allowed codecs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[allow(missing_docs)]
pub enum CodecName {
    Opus,
    Vp8,
    H264,
    Vp9,
    Av1,
}

impl CodecName {
    const ALL: [(Self, &'static str, &'static str); 5] = [
        (Self::Opus, "audio", "opus"),
        (Self::Vp8, "video", "vp8"),
        (Self::H264, "video", "h264"),
        (Self::Vp9, "video", "vp9"),
        (Self::Av1, "video", "av1"),
    ];

    /// The name that LiveKit's clients use.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(codec, ..)| *codec == self).map_or("", |(.., name)| name)
    }

    /// The codec of a media type as LiveKit's clients write it (`video/vp8`); `None`: not one of ours.
    pub fn from_mime_type(mime_type: &str) -> Option<Self> {
        let (family, name) = mime_type.split_once('/')?;
        let is =
            |known: &(Self, &str, &str)| known.1.eq_ignore_ascii_case(family) && known.2.eq_ignore_ascii_case(name);
        Self::ALL.into_iter().find(is).map(|(codec, ..)| codec)
    }
}

/// A codec with the parameters that decide whether two ends understand each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Codec {
    /// Opus (RFC 7587).
    Opus,
    /// VP8 (RFC 7741).
    Vp8,
    /// H.264 (RFC 6184).
    H264 {
        /// profile_idc, constraint flags, level_idc: 0x42e01f.
        profile_level_id: u32,
        /// The packetization mode: 0 single NAL units, 1 non-interleaved.
        packetization_mode: u8,
        /// Whether the level may differ by direction (RFC 6184 §8.1).
        level_asymmetry_allowed: bool,
    },
    /// VP9 (RFC 9628).
    Vp9 {
        /// Bit depth and chroma: 0 to 3.
        profile: u8,
    },
    /// AV1 (RTP payload format for AV1, §7.2).
    Av1 {
        /// The profile: 0 main, 1 high, 2 professional.
        profile: u8,
        /// The level, seq_level_idx: 0 to 31.
        level_idx: u8,
        /// The tier: 0 or 1.
        tier: u8,
    },
}

impl Codec {
    /// The media type as it is registered (RFC 4855).
    pub fn mime_type(&self) -> &'static str {
        match self {
            Self::Opus => "audio/opus",
            Self::Vp8 => "video/VP8",
            Self::H264 { .. } => "video/H264",
            Self::Vp9 { .. } => "video/VP9",
            Self::Av1 { .. } => "video/AV1",
        }
    }

    /// The codec without its parameters.
    pub fn name(&self) -> CodecName {
        match self {
            Self::Opus => CodecName::Opus,
            Self::Vp8 => CodecName::Vp8,
            Self::H264 { .. } => CodecName::H264,
            Self::Vp9 { .. } => CodecName::Vp9,
            Self::Av1 { .. } => CodecName::Av1,
        }
    }

    /// The parameters of `a=fmtp` in an offer of ours; empty: none.
    pub fn fmtp(&self) -> String {
        match self {
            Self::Opus => "minptime=10;useinbandfec=1".to_owned(),
            Self::Vp8 => String::new(),
            Self::H264 { profile_level_id, packetization_mode, .. } => format!(
                "level-asymmetry-allowed=1;packetization-mode={packetization_mode};profile-level-id={profile_level_id:06x}"
            ),
            Self::Vp9 { profile } => format!("profile-id={profile}"),
            Self::Av1 { profile, level_idx, tier } => format!("level-idx={level_idx};profile={profile};tier={tier}"),
        }
    }

    /// `<encoding>/<clock>[/<channels>]` of `a=rtpmap`.
    pub fn rtpmap(&self) -> &'static str {
        match self {
            Self::Opus => "opus/48000/2",
            Self::Vp8 => "VP8/90000",
            Self::H264 { .. } => "H264/90000",
            Self::Vp9 { .. } => "VP9/90000",
            Self::Av1 { .. } => "AV1/90000",
        }
    }

    /// The codec of an `a=rtpmap` and its `a=fmtp`. `None`: not a codec of ours.
    pub(super) fn from_sdp(encoding: &str, clock_hz: u32, channels: u8, fmtp: &str) -> Result<Option<Self>, SdpError> {
        let number = |key: &str, default: u8, most: u8| match parameter(fmtp, key) {
            None => Ok(default),
            Some(text) => match text.parse() {
                Ok(n) if n <= most => Ok(n),
                _ => malformed(format!("the fmtp's {key} is not 0 to {most}")),
            },
        };
        Ok(match (encoding.to_ascii_uppercase().as_str(), clock_hz, channels) {
            ("OPUS", 48000, 2) => Some(Self::Opus),
            ("VP8", 90000, 1) => Some(Self::Vp8),
            ("H264", 90000, 1) => Some(Self::H264 {
                profile_level_id: profile_level_id(fmtp)?,
                packetization_mode: number("packetization-mode", 0, 2)?,
                level_asymmetry_allowed: number("level-asymmetry-allowed", 0, 1)? == 1,
            }),
            ("VP9", 90000, 1) => Some(Self::Vp9 { profile: number("profile-id", 0, 3)? }),
            ("AV1", 90000, 1) => Some(Self::Av1 {
                profile: number("profile", 0, 2)?,
                level_idx: number("level-idx", 5, 31)?,
                tier: number("tier", 0, 1)?,
            }),
            _ => None,
        })
    }
}

/// The profile and level (RFC 6184 §8.1); without them, Baseline at level 1.
fn profile_level_id(fmtp: &str) -> Result<u32, SdpError> {
    match parameter(fmtp, "profile-level-id") {
        None => Ok(0x42_000a),
        Some(hex) if hex.len() == 6 && hex.bytes().all(|b| b.is_ascii_hexdigit()) => {
            u32::from_str_radix(hex, 16).or_else(|_| malformed("profile-level-id"))
        }
        Some(_) => malformed("profile-level-id is not six hexadecimal digits"),
    }
}

/// The value of one parameter of a format's list.
pub(super) fn parameter<'a>(fmtp: &'a str, key: &str) -> Option<&'a str> {
    fmtp.split(';').filter_map(|p| p.trim().split_once('=')).find(|(k, _)| k.eq_ignore_ascii_case(key)).map(|(_, v)| v)
}

/// A payload type of an offer, or one that both ends agreed on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OfferedCodec {
    /// The payload type, 0 to 127.
    pub payload_type: u8,
    /// The codec that it carries.
    pub codec: Codec,
    /// The RTP clock.
    pub clock_rate_hz: u32,
    /// The channels; 1 for video.
    pub channels: u8,
    /// The offer's `a=fmtp` parameters as they stood; empty without.
    pub fmtp: String,
    /// The payload type of its retransmissions (RFC 4588).
    pub rtx_payload_type: Option<u8>,
    /// The payload type of its redundancy (RFC 2198), which repeats this one alone.
    pub red_payload_type: Option<u8>,
    /// The feedback that either end may send.
    pub feedback: Feedback,
}

impl OfferedCodec {
    /// The parameters of our `a=fmtp`. Parameters of the format are echoed; those of the offerer's
    /// own encoder (`sprop-parameter-sets`) are not.
    pub(super) fn answer_fmtp(&self) -> String {
        let echo: &[&str] = match self.codec {
            Codec::Vp8 => &[],
            Codec::Opus => &["minptime", "useinbandfec", "usedtx", "stereo", "maxplaybackrate"],
            Codec::H264 { .. } => &["level-asymmetry-allowed", "packetization-mode", "profile-level-id"],
            Codec::Vp9 { .. } => &["profile-id"],
            Codec::Av1 { .. } => &["level-idx", "profile", "tier"],
        };
        let mut kept: Vec<String> = echo
            .iter()
            .filter_map(|key| parameter(&self.fmtp, key).filter(|v| is_token(v)).map(|v| format!("{key}={v}")))
            .collect();
        let stereo = parameter(&self.fmtp, "sprop-stereo") == Some("1") && parameter(&self.fmtp, "stereo").is_none();
        if self.codec == Codec::Opus && stereo {
            kept.push("stereo=1".to_owned());
        }
        kept.join(";")
    }
}
