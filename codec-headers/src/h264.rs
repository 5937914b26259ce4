//! H.264 over RTP (RFC 6184): where an IDR or its parameter sets start, and the size in the SPS (H.264 §7.3.2.1.1).

use crate::CodedSize;
use crate::bits::Bits;

const IDR: u8 = 5;
const SPS: u8 = 7;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;
/// STAP-B, MTAP16, MTAP24 and FU-B, which packetization mode 1 does not have.
const INTERLEAVED: [u8; 4] = [25, 26, 27, 29];
/// Encoders pad pictures to whole blocks, of at most so many pixels, and crop that.
const PADDING_MAX: u32 = 127;
/// An SPS with every scaling list fits; what follows the size in a longer one is not read.
const SPS_BYTES_MAX: usize = 512;

/// A parameter set or an IDR slice starts in this payload: alone, in a STAP-A, or as the first of an FU-A.
#[inline]
pub fn is_keyframe_start(payload: &[u8]) -> bool {
    let Some(header) = payload.first() else { return false };
    match header & 0x1f {
        SPS => payload.len() > 1,
        // Only the first slice of a picture (first_mb_in_slice = 0, Exp-Golomb "1") starts it.
        IDR => payload.get(1).is_some_and(|b| b & 0x80 != 0),
        STAP_A => aggregated(payload).any(|unit| match unit.first().map(|b| b & 0x1f) {
            Some(SPS) => true,
            Some(IDR) => unit.get(1).is_some_and(|b| b & 0x80 != 0),
            _ => false,
        }),
        FU_A => match payload {
            [_, fu, slice, ..] if fu & 0x80 != 0 => match fu & 0x1f {
                SPS => true,
                IDR => slice & 0x80 != 0,
                _ => false,
            },
            _ => false,
        },
        _ => false,
    }
}

/// From an SPS that stands alone or in a STAP-A.
pub fn picture_size(payload: &[u8]) -> Option<(u32, u32)> {
    match payload.first()? & 0x1f {
        SPS => sps_size(payload),
        STAP_A => aggregated(payload).find(|unit| unit.first().is_some_and(|b| b & 0x1f == SPS)).and_then(sps_size),
        _ => None,
    }
}

/// See [`crate::coded_size`]. A parameter set that is cut in pieces is one too long to be honest.
pub(crate) fn coded_size(payload: &[u8]) -> CodedSize {
    let Some(header) = payload.first() else { return CodedSize::Unchanged };
    match header & 0x1f {
        SPS => unit_size(payload),
        STAP_A => aggregated(payload).map(unit_size).fold(CodedSize::Unchanged, CodedSize::and),
        FU_A if payload.get(1).is_some_and(|fu| fu & 0x1f == SPS) => CodedSize::Unreadable,
        kind if INTERLEAVED.contains(&kind) => CodedSize::Unreadable,
        _ => CodedSize::Unchanged,
    }
}

/// See [`crate::coded_size_of_picture`]. NAL units behind start codes (H.264 annex B).
pub(crate) fn coded_size_of_picture(picture: &[u8]) -> CodedSize {
    let (mut size, mut rest) = (CodedSize::Unchanged, picture);
    while let Some(at) = rest.windows(3).position(|bytes| bytes == [0, 0, 1]) {
        rest = &rest[at + 3..];
        size = size.and(unit_size(rest));
    }
    size
}

/// Of a NAL unit, with whatever follows it.
fn unit_size(unit: &[u8]) -> CodedSize {
    match unit.first() {
        Some(header) if header & 0x1f == SPS => CodedSize::of(sps(unit).map(|sps| sps.allocated())),
        _ => CodedSize::Unchanged,
    }
}

/// The NAL units of a STAP-A, as far as they are whole.
fn aggregated(payload: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = payload.get(1..).unwrap_or(&[]);
    std::iter::from_fn(move || {
        let (size, after) = rest.split_first_chunk::<2>()?;
        let (unit, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*size)))?;
        rest = after;
        Some(unit)
    })
}

/// Width and height after cropping. `sps` starts with its NAL header.
pub fn sps_size(unit: &[u8]) -> Option<(u32, u32)> {
    sps(unit).map(|sps| sps.cropped)
}

/// Sizes of a sequence's pictures.
struct Sps {
    /// Coded, in whole macroblocks.
    width: u32,
    height: u32,
    /// Shown.
    cropped: (u32, u32),
}

impl Sps {
    /// What counts: what is shown, and what is coded beyond that and is more than padding.
    fn allocated(&self) -> (u32, u32) {
        let side = |shown: u32, coded: u32| shown.max(coded.saturating_sub(PADDING_MAX));
        (side(self.cropped.0, self.width), side(self.cropped.1, self.height))
    }
}

fn sps(sps: &[u8]) -> Option<Sps> {
    let mut unescaped = [0; SPS_BYTES_MAX];
    let len = unescape(sps.get(1..)?, &mut unescaped);
    let mut bits = Bits::new(&unescaped[..len]);
    let profile_idc = bits.take(8)?;
    bits.skip(16)?; // constraint flags, level_idc
    bits.ue()?; // seq_parameter_set_id
    let chroma = chroma_format(&mut bits, profile_idc)?;
    bits.ue()?; // log2_max_frame_num_minus4
    picture_order(&mut bits)?;
    bits.ue()?; // max_num_ref_frames
    bits.skip(1)?; // gaps_in_frame_num_value_allowed_flag
    let width_mbs = bits.ue()?.checked_add(1)?;
    let height_map_units = bits.ue()?.checked_add(1)?;
    let frame_mbs_only = bits.flag()?;
    if !frame_mbs_only {
        bits.skip(1)?; // mb_adaptive_frame_field_flag
    }
    bits.skip(1)?; // direct_8x8_inference_flag
    let fields = if frame_mbs_only { 1 } else { 2 };
    let (width, height) = (width_mbs.checked_mul(16)?, height_map_units.checked_mul(16 * fields)?);
    let mut cropped = (width, height);
    if bits.flag()? {
        // Crop units (§7.4.2.1.1): chroma samples, frame lines.
        let (unit_x, unit_y) = (if matches!(chroma, 1 | 2) { 2 } else { 1 }, if chroma == 1 { 2 } else { 1 });
        let (left, right, top, bottom) = (bits.ue()?, bits.ue()?, bits.ue()?, bits.ue()?);
        cropped.0 = width.checked_sub(left.checked_add(right)?.checked_mul(unit_x)?)?;
        cropped.1 = height.checked_sub(top.checked_add(bottom)?.checked_mul(unit_y * fields)?)?;
    }
    Some(Sps { width, height, cropped })
}

/// Only the high profiles say; 4:2:0 otherwise. Separate colour planes count as monochrome (ChromaArrayType).
fn chroma_format(bits: &mut Bits<'_>, profile_idc: u32) -> Option<u32> {
    if !matches!(profile_idc, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135) {
        return Some(1);
    }
    let format = bits.ue()?;
    let separate_planes = format == 3 && bits.flag()?;
    bits.ue()?; // bit_depth_luma_minus8
    bits.ue()?; // bit_depth_chroma_minus8
    bits.skip(1)?; // qpprime_y_zero_transform_bypass_flag
    if bits.flag()? {
        for list in 0..if format == 3 { 12 } else { 8 } {
            if bits.flag()? {
                scaling_list(bits, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    Some(if separate_planes { 0 } else { format })
}

/// §7.3.2.1.1.1; the values are of no interest, but their number depends on them.
fn scaling_list(bits: &mut Bits<'_>, size: usize) -> Option<()> {
    let mut last = 8i64;
    for _ in 0..size {
        let next = (last + bits.se()?).rem_euclid(256);
        if next == 0 {
            break;
        }
        last = next;
    }
    Some(())
}

fn picture_order(bits: &mut Bits<'_>) -> Option<()> {
    match bits.ue()? {
        0 => {
            bits.ue()?;
        }
        1 => {
            bits.skip(1)?;
            bits.se()?;
            bits.se()?;
            let cycle = bits.ue()?;
            if cycle > 255 {
                return None;
            }
            for _ in 0..cycle {
                bits.se()?;
            }
        }
        _ => {}
    }
    Some(())
}

/// Drops emulation prevention bytes (§7.4.1); returns how much of `out` is filled.
fn unescape(from: &[u8], out: &mut [u8; SPS_BYTES_MAX]) -> usize {
    let (mut len, mut zeros) = (0, 0);
    for &byte in from {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        let Some(slot) = out.get_mut(len) else { break };
        *slot = byte;
        len += 1;
        zeros = if byte == 0 { zeros + 1 } else { 0 };
    }
    len
}
