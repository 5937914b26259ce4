//! What the forwarder reads in RTP payloads: where decoding can start, how large the picture is, which temporal layer.
//!
//! Looks at the first packet of a picture at most; nothing is reassembled, copied or allocated (an H.264 SPS is
//! unescaped on the stack). Every function takes any bytes. On the path of every packet; driven by the forwarder.

pub mod audio;
pub mod av1;
mod bits;
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
