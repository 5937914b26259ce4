//! The dependency descriptor, a header extension that says what a frame depends on (RTP payload format for AV1,
//! appendix A).
//!
//! Browsers decode AV1 with it alone. It is passed on as it came but for the frame number; here is read which layer a
//! frame is of.

use crate::bits::Bits;

/// Bytes that every descriptor has.
const MANDATORY: usize = 3;
/// Templates that a structure may have.
const TEMPLATES_MAX: usize = 64;
/// Spatial layers that a structure may have.
const SPATIAL_MAX: usize = 4;

/// What every descriptor says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame {
    /// The first packet of a frame: of one spatial layer of a picture.
    pub begins: bool,
    /// Its last packet.
    pub ends: bool,
    /// 0 to 63.
    pub template: u8,
    /// Wraps.
    pub number: u16,
}

impl Frame {
    /// `None`: cut short.
    #[inline]
    pub fn parse(descriptor: &[u8]) -> Option<Self> {
        let [first, number @ ..] = *descriptor.first_chunk::<MANDATORY>()?;
        let number = u16::from_be_bytes(number);
        Some(Self { begins: first & 0x80 != 0, ends: first & 0x40 != 0, template: first & 0x3f, number })
    }
}

/// Writes a frame number into a descriptor that has one.
#[inline]
pub fn set_frame_number(descriptor: &mut [u8], number: u16) {
    if let Some(bytes) = descriptor.get_mut(1..MANDATORY) {
        bytes.copy_from_slice(&number.to_be_bytes());
    }
}

/// What a keyframe's descriptor says of all frames that follow.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Structure {
    first_template: u8,
    /// (spatial, temporal) of each template.
    layers: Vec<(u8, u8)>,
    /// Width and height of each spatial layer's pictures, the smallest first; empty: not told.
    pub sizes: Vec<(u32, u32)>,
}

impl Structure {
    /// `None`: this descriptor has none, or it is cut short.
    pub fn parse(descriptor: &[u8]) -> Option<Self> {
        let mut bits = Bits::new(descriptor.get(MANDATORY..)?);
        let present = bits.flag()?;
        bits.skip(4)?; // active decode targets, custom DTIs, fdiffs, chains
        if !present {
            return None;
        }
        let first_template = bits.take(6)? as u8;
        let targets = bits.take(5)? + 1;
        let layers = layers(&mut bits)?;
        bits.skip(2 * layers.len() * targets as usize)?; // decode target indications
        for _ in &layers {
            while bits.flag()? {
                bits.skip(4)?; // fdiff
            }
        }
        let chains = non_symmetric(&mut bits, targets + 1)?;
        if chains > 0 {
            for _ in 0..targets {
                non_symmetric(&mut bits, chains)?;
            }
            bits.skip(4 * layers.len() * chains as usize)?;
        }
        let mut sizes = Vec::new();
        if bits.flag()? {
            let spatial = layers.iter().map(|(spatial, _)| *spatial).max()?;
            for _ in 0..=spatial {
                sizes.push((bits.take(16)? + 1, bits.take(16)? + 1));
            }
        }
        Some(Self { first_template, layers, sizes })
    }

    /// (spatial, temporal) of a frame of this template.
    #[inline]
    pub fn layer_of(&self, template: u8) -> Option<(u8, u8)> {
        let at = template.wrapping_sub(self.first_template) & 0x3f;
        self.layers.get(usize::from(at)).copied()
    }
}

/// `template_layers()`: each template is of the same layer as the one before, or of the next temporal or spatial one.
fn layers(bits: &mut Bits<'_>) -> Option<Vec<(u8, u8)>> {
    let (mut spatial, mut temporal) = (0u8, 0u8);
    let mut layers = Vec::new();
    loop {
        layers.push((spatial, temporal));
        match bits.take(2)? {
            0 => {}
            1 => temporal += 1,
            2 => (spatial, temporal) = (spatial + 1, 0),
            _ => return Some(layers),
        }
        if layers.len() == TEMPLATES_MAX || usize::from(spatial) == SPATIAL_MAX {
            return None;
        }
    }
}

/// `ns(n)` of AV1 §4.10.7: a value below `n`.
fn non_symmetric(bits: &mut Bits<'_>, n: u32) -> Option<u32> {
    let width = u32::BITS - n.leading_zeros();
    let short = (1 << width) - n;
    let value = bits.take(width - 1)?;
    if value < short { Some(value) } else { Some((value << 1) - short + bits.take(1)?) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes bit fields.
    #[derive(Default)]
    struct Fields(Vec<bool>);

    impl Fields {
        fn put(&mut self, value: u32, width: u32) -> &mut Self {
            self.0.extend((0..width).rev().map(|bit| value >> bit & 1 == 1));
            self
        }

        fn bytes(&self) -> Vec<u8> {
            let byte =
                |bits: &[bool]| bits.iter().enumerate().fold(0u8, |byte, (i, bit)| byte | u8::from(*bit) << (7 - i));
            self.0.chunks(8).map(byte).collect()
        }
    }

    /// Two spatial layers of two temporal ones, four decode targets, two chains.
    fn keyframe() -> Vec<u8> {
        let mut fields = Fields::default();
        fields.put(0b10, 2).put(5, 6).put(700, 16);
        fields.put(1, 1).put(0, 4).put(5, 6).put(3, 5);
        for idc in [1, 2, 1, 3] {
            fields.put(idc, 2);
        }
        fields.put(0, 32);
        for _ in 0..4 {
            fields.put(1, 1).put(3, 4).put(0, 1);
        }
        // ns(5): 2 in two bits; then one of two chains for each of four targets.
        fields.put(2, 2).put(0, 4).put(0, 4 * 4 * 2);
        fields.put(1, 1);
        for side in [640u32, 360, 1280, 720] {
            fields.put(side - 1, 16);
        }
        fields.bytes()
    }

    #[test]
    fn a_structure_tells_the_layer_of_every_template() {
        let descriptor = keyframe();
        let frame = Frame::parse(&descriptor).unwrap();
        assert_eq!(frame, Frame { begins: true, ends: false, template: 5, number: 700 });
        let structure = Structure::parse(&descriptor).unwrap();
        let layers: Vec<_> = (5..10).map(|template| structure.layer_of(template)).collect();
        assert_eq!(layers, [Some((0, 0)), Some((0, 1)), Some((1, 0)), Some((1, 1)), None]);
        assert_eq!(structure.sizes, [(640, 360), (1280, 720)]);
    }

    #[test]
    fn what_is_cut_short_or_endless_is_none() {
        let descriptor = keyframe();
        for cut in 0..descriptor.len() {
            assert_eq!(Structure::parse(&descriptor[..cut]), None, "{cut}");
        }
        assert_eq!(Structure::parse(&[0, 0, 0, 0x80, 0, 0]), None);
        assert_eq!(Structure::parse(&[0xaa; 200]), None);
        assert_eq!(Frame::parse(&[0, 0]), None);
    }

    #[test]
    fn a_frame_is_renumbered_in_place() {
        let mut descriptor = keyframe();
        set_frame_number(&mut descriptor, 0xabcd);
        assert_eq!(Frame::parse(&descriptor).unwrap().number, 0xabcd);
        assert_eq!(Structure::parse(&descriptor), Structure::parse(&keyframe()));
        set_frame_number(&mut [0, 1], 5);
    }
}
