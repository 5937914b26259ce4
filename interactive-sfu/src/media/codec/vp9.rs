//! VP9 over RTP (RFC 9628): the payload descriptor, and the size of the picture in its scalability structure or in
//! the uncompressed header (VP9 §6.2).

use super::bits::Bits;

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
    /// Width and height of the spatial layers, the lowest first, from the scalability structure; 0 × 0 where there is none.
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

fn uncompressed_header_size(frame: &[u8]) -> Option<(u32, u32)> {
    let mut bits = Bits::new(frame);
    if bits.take(2)? != 2 {
        return None; // frame_marker
    }
    let (low, high) = (bits.take(1)?, bits.take(1)?);
    let profile = high << 1 | low;
    if profile == 3 {
        bits.skip(1)?;
    }
    let show_existing_frame = bits.flag()?;
    let inter_frame = bits.flag()?;
    bits.skip(2)?; // show_frame, error_resilient_mode
    if show_existing_frame || inter_frame || bits.take(24)? != 0x49_8342 {
        return None;
    }
    color_config(&mut bits, profile)?;
    Some((bits.take(16)? + 1, bits.take(16)? + 1))
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
