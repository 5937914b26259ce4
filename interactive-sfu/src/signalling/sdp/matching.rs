//! The payload type on which a subscriber takes a track: the one whose codec comes nearest to the track's.

use super::codec::{Codec, OfferedCodec};

/// The payload type on which a subscriber takes a track of this codec. H.264 wants the same packetization mode, then
/// the same profile, then one that contains it; the last resort is any H.264 of that mode, because
/// decoders accept more profiles than they list.
pub fn match_codec<'a>(track: &Codec, negotiated: &'a [OfferedCodec]) -> Option<&'a OfferedCodec> {
    let distance = |theirs: &Codec| match (track, theirs) {
        (
            Codec::H264 { profile_level_id: a, packetization_mode: mode_a, .. },
            Codec::H264 { profile_level_id: b, packetization_mode: mode_b, .. },
        ) => {
            let (a, b) = (H264Profile::of(*a), H264Profile::of(*b));
            // A single-NAL stream is a valid non-interleaved one; the reverse breaks the receiver.
            let mode = match (mode_a, mode_b) {
                (a, b) if a == b => 0,
                (0, 1) => 8,
                _ => 16,
            };
            Some(
                mode + if a == b {
                    0
                } else if b > a {
                    1
                } else {
                    2
                },
            )
        }
        (Codec::Vp9 { profile: a }, Codec::Vp9 { profile: b }) => (a == b).then_some(0),
        (Codec::Av1 { profile: a, .. }, Codec::Av1 { profile: b, .. }) => (b >= a).then(|| b - a),
        (a, b) => (a == b).then_some(0),
    };
    negotiated.iter().filter_map(|c| Some((distance(&c.codec)?, c))).min_by_key(|(d, _)| *d).map(|(_, c)| c)
}

/// The profiles of H.264, each contained in the next, near enough (RFC 6184 §8.1, table 5).
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum H264Profile {
    ConstrainedBaseline,
    Baseline,
    Main,
    ConstrainedHigh,
    High,
    Other,
}

impl H264Profile {
    fn of(profile_level_id: u32) -> Self {
        let [_, idc, flags, _] = profile_level_id.to_be_bytes();
        match idc {
            0x42 if flags & 0x40 != 0 => Self::ConstrainedBaseline,
            0x4d if flags & 0x80 != 0 => Self::ConstrainedBaseline,
            0x58 if flags & 0xc0 == 0xc0 => Self::ConstrainedBaseline,
            0x42 => Self::Baseline,
            0x4d => Self::Main,
            0x64 if flags & 0x0c == 0x0c => Self::ConstrainedHigh,
            0x64 => Self::High,
            _ => Self::Other,
        }
    }
}
