//! What RTP payloads and encoded pictures say of themselves: where decoding can start, how large the picture is, which
//! temporal layer; and which pictures are too large to decode ([`bounds`]).
//!
//! The forwarder asks about payloads ([`coded_size`]), whoever decodes about whole pictures
//! ([`coded_size_of_picture`]). Nothing is reassembled, copied or allocated (an H.264 SPS is unescaped on the stack).
//! Every function takes any bytes.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod audio;
pub mod av1;
mod bits;
pub mod bounds;
pub mod dependency;
pub mod h264;
pub mod red;
#[cfg(test)]
mod tests;
pub mod vp8;
pub mod vp9;

/// A video codec, without parameters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[allow(missing_docs)]
pub enum VideoCodec {
    Vp8,
    H264,
    Vp9,
    Av1,
}

/// Whether this payload is the first of a picture that a decoder can start at.
#[inline]
pub fn is_keyframe_start(codec: VideoCodec, payload: &[u8]) -> bool {
    match codec {
        VideoCodec::Vp8 => vp8::is_keyframe_start(payload),
        VideoCodec::H264 => h264::is_keyframe_start(payload),
        VideoCodec::Vp9 => vp9::is_keyframe_start(payload),
        VideoCodec::Av1 => av1::is_keyframe_start(payload),
    }
}

/// Width and height in pixels, where this payload tells: the start of a keyframe does, except that H.264 without a
/// parameter set in it, and AV1 whose sequence header is cut, do not.
pub fn picture_size(codec: VideoCodec, payload: &[u8]) -> Option<(u32, u32)> {
    let size = match codec {
        VideoCodec::Vp8 => vp8::picture_size(payload),
        VideoCodec::H264 => h264::picture_size(payload),
        VideoCodec::Vp9 => vp9::picture_size(payload),
        VideoCodec::Av1 => av1::picture_size(payload),
    };
    size.filter(|(width, height)| (1..=65536).contains(width) && (1..=65536).contains(height))
}

/// What is said of the pictures that begin somewhere: how much a decoder allocates for each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CodedSize {
    /// Nothing: pictures are as large as those before.
    Unchanged,
    /// Width and height of the largest of them, pixels.
    Pixels(u32, u32),
    /// One begins whose size cannot be read.
    Unreadable,
}

impl CodedSize {
    fn of(size: Option<(u32, u32)>) -> Self {
        size.map_or(Self::Unreadable, |(width, height)| Self::Pixels(width, height))
    }

    /// Of two.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unreadable, _) | (_, Self::Unreadable) => Self::Unreadable,
            (Self::Unchanged, size) | (size, Self::Unchanged) => size,
            (Self::Pixels(w0, h0), Self::Pixels(w1, h1)) => Self::Pixels(w0.max(w1), h0.max(h1)),
        }
    }
}

/// What an RTP payload says of the pictures that begin in it. Each payload is looked at alone: in VP9, a further
/// picture that is hidden behind the first in one frame is not seen; in AV1, neither are frames that exceed their
/// sequence's header, against the standard.
pub fn coded_size(codec: VideoCodec, payload: &[u8]) -> CodedSize {
    match codec {
        VideoCodec::Vp8 => vp8::coded_size(payload),
        VideoCodec::H264 => h264::coded_size(payload),
        VideoCodec::Vp9 => vp9::coded_size(payload),
        VideoCodec::Av1 => av1::coded_size(payload),
    }
}

/// The same of a whole encoded picture, as depayloaders give it: in H.264 with start codes. AV1 is not read.
pub fn coded_size_of_picture(codec: VideoCodec, picture: &[u8]) -> CodedSize {
    match codec {
        VideoCodec::Vp8 => vp8::coded_size_of_picture(picture),
        VideoCodec::H264 => h264::coded_size_of_picture(picture),
        VideoCodec::Vp9 => vp9::coded_size_of_picture(picture),
        VideoCodec::Av1 => CodedSize::Unreadable,
    }
}

/// The temporal layer of this packet, 0 the base; `None` where the payload does not tell (H.264; AV1 other than in a
/// payload that starts with an OBU extension).
#[inline]
pub fn temporal_id(codec: VideoCodec, payload: &[u8]) -> Option<u8> {
    match codec {
        VideoCodec::Vp8 => vp8::Descriptor::parse(payload)?.tid,
        VideoCodec::H264 => None,
        VideoCodec::Vp9 => vp9::Descriptor::parse(payload)?.temporal_id,
        VideoCodec::Av1 => av1::temporal_id(payload),
    }
}
