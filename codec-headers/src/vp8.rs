//! VP8 over RTP (RFC 7741): the payload descriptor, read and patched; the keyframe header of RFC 6386 §9.1.

use crate::CodedSize;

/// The payload descriptor. An absent field is `None`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Descriptor {
    /// Bytes it takes; the VP8 payload follows.
    pub len: usize,
    /// S: the start of a partition.
    pub start: bool,
    /// PID: partition index, 0 to 7.
    pub partition: u8,
    /// N: no other picture refers to this one.
    pub non_reference: bool,
    /// 7 or 15 bits, as [`Descriptor::long_picture_id`] says.
    pub picture_id: Option<u16>,
    /// Whether the picture id takes two bytes.
    pub long_picture_id: bool,
    /// Counts base-layer pictures.
    pub tl0_pic_idx: Option<u8>,
    /// Temporal layer, 0 to 3.
    pub tid: Option<u8>,
    /// Y: refers to the base layer alone, so a receiver may switch up here. `false` without TID.
    pub layer_sync: bool,
    /// Temporal key frame index, 0 to 31.
    pub keyidx: Option<u8>,
}

impl Descriptor {
    /// `None`: cut short.
    #[inline]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let first = *payload.first()?;
        let mut d = Self {
            len: 1,
            start: first & 0x10 != 0,
            partition: first & 0x07,
            non_reference: first & 0x20 != 0,
            ..Self::default()
        };
        if first & 0x80 == 0 {
            return Some(d);
        }
        let flags = *payload.get(1)?;
        d.len = 2;
        if flags & 0x80 != 0 {
            let high = *payload.get(d.len)?;
            d.len += 1;
            d.long_picture_id = high & 0x80 != 0;
            d.picture_id = Some(if d.long_picture_id {
                let low = *payload.get(d.len)?;
                d.len += 1;
                u16::from_be_bytes([high & 0x7f, low])
            } else {
                u16::from(high)
            });
        }
        if flags & 0x40 != 0 {
            d.tl0_pic_idx = Some(*payload.get(d.len)?);
            d.len += 1;
        }
        if flags & 0x30 != 0 {
            let byte = *payload.get(d.len)?;
            d.len += 1;
            if flags & 0x20 != 0 {
                d.tid = Some(byte >> 6);
                d.layer_sync = byte & 0x20 != 0;
            }
            if flags & 0x10 != 0 {
                d.keyidx = Some(byte & 0x1f);
            }
        }
        Some(d)
    }
}

/// Writes picture id and TL0PICIDX into the fields this payload has, keeping their width, so the length stays.
/// `descriptor` is this payload's; a payload too short for it is left alone.
#[inline]
pub fn rewrite(payload: &mut [u8], descriptor: &Descriptor, picture_id: u16, tl0_pic_idx: u8) {
    if payload.len() < descriptor.len {
        return;
    }
    let mut at = 2;
    if descriptor.picture_id.is_some() {
        let [high, low] = picture_id.to_be_bytes();
        if descriptor.long_picture_id {
            if let Some(bytes) = payload.get_mut(at..at + 2) {
                bytes.copy_from_slice(&[0x80 | high, low]);
            }
            at += 2;
        } else {
            if let Some(byte) = payload.get_mut(at) {
                *byte = low & 0x7f;
            }
            at += 1;
        }
    }
    if descriptor.tl0_pic_idx.is_some()
        && let Some(byte) = payload.get_mut(at)
    {
        *byte = tl0_pic_idx;
    }
}

/// First partition's start, and the P bit of the frame tag says key frame.
#[inline]
pub fn is_keyframe_start(payload: &[u8]) -> bool {
    keyframe(payload).is_some()
}

/// From the keyframe header: 14 bits each.
pub fn picture_size(payload: &[u8]) -> Option<(u32, u32)> {
    header_size(keyframe(payload)?)
}

/// See [`crate::coded_size`]. A keyframe tells its size in its first payload.
pub(crate) fn coded_size(payload: &[u8]) -> CodedSize {
    match Descriptor::parse(payload) {
        Some(d) if d.start && d.partition == 0 => coded_size_of_picture(payload.get(d.len..).unwrap_or_default()),
        _ => CodedSize::Unchanged,
    }
}

/// See [`crate::coded_size_of_picture`].
pub(crate) fn coded_size_of_picture(picture: &[u8]) -> CodedSize {
    match picture.first() {
        Some(tag) if tag & 1 != 0 => CodedSize::Unchanged,
        _ => CodedSize::of(header_size(picture)),
    }
}

fn header_size(picture: &[u8]) -> Option<(u32, u32)> {
    match picture {
        [_, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ..] => {
            let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
            Some((side(*w0, *w1), side(*h0, *h1)))
        }
        _ => None,
    }
}

#[inline]
fn keyframe(payload: &[u8]) -> Option<&[u8]> {
    let d = Descriptor::parse(payload)?;
    let frame = payload.get(d.len..)?;
    (d.start && d.partition == 0 && frame.first()? & 1 == 0).then_some(frame)
}
