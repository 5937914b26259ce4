//! VP9 over RTP (RFC 9628): the payload descriptor, and the size of the picture in its scalability structure or in
//! the uncompressed header (VP9 §6.2).

use crate::CodedSize;
use crate::bits::Bits;

/// Spatial layers that a scalability structure has room for (RFC 9628 §4.2.1).
const LAYERS_MAX: usize = 8;

/// The payload descriptor, as far as forwarding needs it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Descriptor {
    /// Bytes it takes; the VP9 payload follows.
    pub len: usize,
    /// P: depends on earlier pictures.
    pub inter_picture: bool,
    /// B: the start of a layer frame.
    pub begin: bool,
    /// E: the end of a layer frame.
    pub end: bool,
    /// 7 or 15 bits.
    pub picture_id: Option<u16>,
    /// TID, 0 to 7.
    pub temporal_id: Option<u8>,
    /// U: a receiver may switch up here.
    pub switching_up: bool,
    /// SID, 0 to 7.
    pub spatial_id: Option<u8>,
    /// D: depends on the spatial layer below.
    pub inter_layer: bool,
    /// Non-flexible mode only.
    pub tl0_pic_idx: Option<u8>,
    /// Width and height of the spatial layers, the lowest first, from the scalability structure; 0 × 0 where there is
    /// none.
    pub sizes: Option<[(u32, u32); LAYERS_MAX]>,
}

impl Descriptor {
    /// `None`: cut short, or more reference indices than the three allowed.
    #[inline]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let flags = *payload.first()?;
        let mut at = 1;
        let mut next = || {
            let byte = payload.get(at).copied();
            at += 1;
            byte
        };
        let bit = |n: u8| flags & (0x80 >> n) != 0;
        let (flexible, structure) = (bit(3), bit(6));
        let mut d = Self { inter_picture: bit(1), begin: bit(4), end: bit(5), ..Self::default() };
        if bit(0) {
            let high = next()?;
            let long = high & 0x80 != 0;
            d.picture_id = Some(if long { u16::from_be_bytes([high & 0x7f, next()?]) } else { u16::from(high) });
        }
        if bit(2) {
            let byte = next()?;
            d.temporal_id = Some(byte >> 5);
            d.switching_up = byte & 0x10 != 0;
            d.spatial_id = Some(byte >> 1 & 7);
            d.inter_layer = byte & 1 != 0;
            if !flexible {
                d.tl0_pic_idx = Some(next()?);
            }
        }
        if flexible && d.inter_picture {
            let mut references = 1;
            while next()? & 1 != 0 {
                references += 1;
                if references > 3 {
                    return None;
                }
            }
        }
        if structure {
            d.sizes = scalability_structure(&mut next)?;
        }
        d.len = at;
        Some(d)
    }
}

/// `None`: cut short. `Some(None)`: without sizes.
fn scalability_structure(next: &mut impl FnMut() -> Option<u8>) -> Option<Option<[(u32, u32); LAYERS_MAX]>> {
    let flags = next()?;
    let mut sizes = None;
    if flags & 0x10 != 0 {
        let sizes = sizes.insert([(0, 0); LAYERS_MAX]);
        for size in sizes.iter_mut().take(usize::from(flags >> 5) + 1) {
            let [w0, w1, h0, h1] = [next()?, next()?, next()?, next()?];
            *size = (u32::from(u16::from_be_bytes([w0, w1])), u32::from(u16::from_be_bytes([h0, h1])));
        }
    }
    if flags & 0x08 != 0 {
        for _ in 0..next()? {
            let references = next()? >> 2 & 3;
            for _ in 0..references {
                next()?;
            }
        }
    }
    Some(sizes)
}

/// The start of the lowest spatial layer of a picture without inter-picture prediction.
#[inline]
pub fn is_keyframe_start(payload: &[u8]) -> bool {
    Descriptor::parse(payload).is_some_and(|d| starts_keyframe(&d) && payload.len() > d.len)
}

fn starts_keyframe(d: &Descriptor) -> bool {
    d.begin && !d.inter_picture && d.spatial_id.unwrap_or(0) == 0 && !d.inter_layer
}

/// From the scalability structure (its highest layer), else from the uncompressed header.
pub fn picture_size(payload: &[u8]) -> Option<(u32, u32)> {
    let d = Descriptor::parse(payload)?;
    if let Some(sizes) = d.sizes {
        return sizes.into_iter().rev().find(|size| *size != (0, 0));
    }
    if !starts_keyframe(&d) {
        return None;
    }
    uncompressed_header_size(payload.get(d.len..)?)
}

/// See [`crate::coded_size`]. Any frame may have a size of its own, keyframe or not.
pub(crate) fn coded_size(payload: &[u8]) -> CodedSize {
    let Some(d) = Descriptor::parse(payload) else { return CodedSize::Unchanged };
    // A scalability structure counts wherever it stands, the header of a frame where the frame begins.
    let told = d.sizes.into_iter().flatten().filter(|size| *size != (0, 0));
    let told = told.map(|(width, height)| CodedSize::Pixels(width, height)).reduce(CodedSize::and);
    let told = told.unwrap_or(CodedSize::Unchanged);
    if d.begin { frame_size(payload.get(d.len..).unwrap_or_default()).and(told) } else { told }
}

/// See [`crate::coded_size_of_picture`]. A superframe (VP9 annex B) is looked at frame by frame.
pub(crate) fn coded_size_of_picture(picture: &[u8]) -> CodedSize {
    let Some(index) = superframe_index(picture) else { return frame_size(picture) };
    let (mut rest, mut size) = (picture, CodedSize::Unchanged);
    for bytes in index {
        let Some((frame, after)) = rest.split_at_checked(bytes) else { return CodedSize::Unreadable };
        size = if frame.is_empty() { size } else { size.and(frame_size(frame)) };
        rest = after;
    }
    size
}

/// The lengths of a superframe's frames; `None`: it is a frame.
fn superframe_index(picture: &[u8]) -> Option<impl Iterator<Item = usize> + '_> {
    let marker = *picture.last().filter(|marker| **marker & 0xe0 == 0xc0)?;
    let (frames, width) = (usize::from(marker & 7) + 1, usize::from(marker >> 3 & 3) + 1);
    let start = picture.len().checked_sub(2 + frames * width)?;
    let lengths = picture.get(start + 1..picture.len() - 1).filter(|_| picture[start] == marker)?;
    let length = |bytes: &[u8]| bytes.iter().rev().fold(0usize, |length, byte| length << 8 | usize::from(*byte));
    Some(lengths.chunks(width).map(length))
}

fn uncompressed_header_size(frame: &[u8]) -> Option<(u32, u32)> {
    match frame_header(frame) {
        Some(FrameHeader { keyframe: true, size: CodedSize::Pixels(width, height) }) => Some((width, height)),
        _ => None,
    }
}

fn frame_size(frame: &[u8]) -> CodedSize {
    frame_header(frame).map_or(CodedSize::Unreadable, |header| header.size)
}

struct FrameHeader {
    keyframe: bool,
    size: CodedSize,
}

/// `uncompressed_header()` (§6.2) as far as the size. `None`: cut short, or not valid.
fn frame_header(frame: &[u8]) -> Option<FrameHeader> {
    let mut bits = Bits::new(frame);
    let unchanged = Some(FrameHeader { keyframe: false, size: CodedSize::Unchanged });
    if bits.take(2)? != 2 {
        return unchanged; // frame_marker: decoders take it for no frame
    }
    let (low, high) = (bits.take(1)?, bits.take(1)?);
    let profile = high << 1 | low;
    if profile == 3 {
        bits.skip(1)?;
    }
    if bits.flag()? {
        return unchanged; // show_existing_frame
    }
    let (keyframe, show_frame, error_resilient) = (!bits.flag()?, bits.flag()?, bits.flag()?);
    let intra_only = !keyframe && !show_frame && bits.flag()?;
    if !keyframe && !error_resilient {
        bits.skip(2)?; // reset_frame_context
    }
    if keyframe || intra_only {
        if bits.take(24)? != 0x49_8342 {
            return None; // frame_sync_code
        }
        if keyframe || profile > 0 {
            color_config(&mut bits, profile)?;
        }
    }
    if !keyframe {
        bits.skip(8)?; // refresh_frame_flags
        if !intra_only {
            bits.skip(12)?; // three references, with a sign each
            for _ in 0..3 {
                if bits.flag()? {
                    return unchanged; // found_ref: as large as that one
                }
            }
        }
    }
    Some(FrameHeader { keyframe, size: CodedSize::Pixels(bits.take(16)? + 1, bits.take(16)? + 1) })
}

fn color_config(bits: &mut Bits<'_>, profile: u32) -> Option<()> {
    const SRGB: u32 = 7;
    if profile >= 2 {
        bits.skip(1)?; // ten_or_twelve_bit
    }
    match (bits.take(3)? == SRGB, profile) {
        (true, 1 | 3) => bits.skip(1),
        (true, _) => None,
        (false, 1 | 3) => bits.skip(4), // range, subsampling, reserved
        (false, _) => bits.skip(1),
    }
}
