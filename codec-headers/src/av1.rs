//! AV1 over RTP: the aggregation header (RTP payload format for AV1, §4.4) and the sequence header (AV1 §5.5).

use crate::CodedSize;
use crate::bits::Bits;

const SEQUENCE_HEADER: u8 = 1;
const TEMPORAL_DELIMITER: u8 = 2;

/// N: the first packet of a coded video sequence.
#[inline]
pub fn is_keyframe_start(payload: &[u8]) -> bool {
    // Z (goes on from the packet before) and N exclude each other.
    payload.len() > 1 && payload[0] & 0x88 == 0x08
}

/// The temporal layer of the first OBU, when it has the extension and begins here.
#[inline]
pub fn temporal_id(payload: &[u8]) -> Option<u8> {
    let obu = Elements::new(payload)?.next()?;
    match obu {
        [header, extension, ..] if payload[0] & 0x80 == 0 && header & 0x04 != 0 => Some(extension >> 5),
        _ => None,
    }
}

/// From a sequence header among the OBUs of a payload that starts a sequence.
pub fn picture_size(payload: &[u8]) -> Option<(u32, u32)> {
    if !is_keyframe_start(payload) {
        return None;
    }
    let kind = |obu: &&[u8]| obu.first().map(|header| header >> 3 & 0x0f);
    let obu = Elements::new(payload)?.find(|obu| kind(obu) != Some(TEMPORAL_DELIMITER))?;
    if kind(&obu) != Some(SEQUENCE_HEADER) {
        return None;
    }
    header_size(obu)
}

/// See [`crate::coded_size`]. A sequence header is read wherever it begins; one that is cut is none.
pub(crate) fn coded_size(payload: &[u8]) -> CodedSize {
    let (Some(flags), Some(elements)) = (payload.first(), Elements::new(payload)) else { return CodedSize::Unchanged };
    // Z: the first one goes on from the packet before.
    let begin = elements.skip(usize::from(flags & 0x80 != 0));
    let size = |obu: &[u8]| match obu.first().map(|header| header >> 3 & 0x0f) {
        Some(SEQUENCE_HEADER) => CodedSize::of(header_size(obu)),
        Some(_) => CodedSize::Unchanged,
        // Without its first byte it is anything.
        None => CodedSize::Unreadable,
    };
    begin.map(size).fold(CodedSize::Unchanged, CodedSize::and)
}

/// Of the OBU of a sequence header.
fn header_size(obu: &[u8]) -> Option<(u32, u32)> {
    let (header, mut body) = obu.split_first()?;
    if header & 0x04 != 0 {
        body = body.get(1..)?;
    }
    if header & 0x02 != 0 {
        body = leb128(body)?.1;
    }
    sequence_size(body)
}

/// The OBU elements of a payload.
struct Elements<'a> {
    rest: &'a [u8],
    /// W: how many there are, the last without its length; 0 when every one has it.
    count: u8,
    seen: u8,
}

impl<'a> Elements<'a> {
    fn new(payload: &'a [u8]) -> Option<Self> {
        let (header, rest) = payload.split_first()?;
        Some(Self { rest, count: header >> 4 & 3, seen: 0 })
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() || (self.count > 0 && self.seen == self.count) {
            return None;
        }
        self.seen = self.seen.saturating_add(1);
        if self.count > 0 && self.seen == self.count {
            return Some(std::mem::take(&mut self.rest));
        }
        let (size, after) = leb128(self.rest)?;
        let (element, after) = after.split_at_checked(size)?;
        self.rest = after;
        Some(element)
    }
}

/// AV1 §4.10.5: the value, and what follows it.
fn leb128(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0u64;
    for (i, byte) in bytes.iter().take(8).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Some((usize::try_from(value).ok()?, &bytes[i + 1..]));
        }
    }
    None
}

fn sequence_size(body: &[u8]) -> Option<(u32, u32)> {
    let mut bits = Bits::new(body);
    bits.skip(4)?; // seq_profile, still_picture
    if bits.flag()? {
        bits.skip(5)?; // reduced_still_picture_header: seq_level_idx
    } else {
        operating_points(&mut bits)?;
    }
    let (width_bits, height_bits) = (bits.take(4)? + 1, bits.take(4)? + 1);
    Some((bits.take(width_bits)? + 1, bits.take(height_bits)? + 1))
}

/// From timing_info_present_flag to the end of the operating points.
fn operating_points(bits: &mut Bits<'_>) -> Option<()> {
    let mut delay_bits = None;
    if bits.flag()? {
        bits.skip(64)?; // num_units_in_display_tick, time_scale
        if bits.flag()? {
            bits.skip_uvlc()?; // num_ticks_per_picture_minus_1
        }
        if bits.flag()? {
            delay_bits = Some(bits.take(5)? as usize + 1);
            bits.skip(42)?; // num_units_in_decoding_tick and two lengths
        }
    }
    let display_delay = bits.flag()?;
    for _ in 0..=bits.take(5)? {
        bits.skip(12)?; // operating_point_idc
        if bits.take(5)? > 7 {
            bits.skip(1)?; // seq_tier
        }
        if let Some(len) = delay_bits
            && bits.flag()?
        {
            bits.skip(2 * len + 1)?;
        }
        if display_delay && bits.flag()? {
            bits.skip(4)?;
        }
    }
    Some(())
}
