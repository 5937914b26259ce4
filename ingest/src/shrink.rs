//! Shrinking by 3:2 and 2:1, the steps between most rungs of the ladders and from many pictures to their tiles.
//!
//! Pure, plane by plane, bilinear: at these ratios every pixel counts and nothing flickers. Written so that the
//! compiler can vectorise it; with AVX2 it takes a tenth of the time of a scaler for any ratio. Widths may miss the
//! ratio by [`MISFIT_MAX`] pixels (854 is not two thirds of 1280): the last column is repeated or left out. Driven by
//! `canvas.rs`.

/// A width may miss the ratio by so many pixels of the bigger picture.
const MISFIT_MAX: u32 = 4;

/// One of the two ratios that this file shrinks by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shrink {
    /// To two thirds.
    ToTwoThirds,
    /// To the half.
    ToHalf,
}

/// The rows of a plane.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) pixels: &'a [u8],
    pub(crate) stride: usize,
    pub(crate) width: usize,
}

impl<'a> Rows<'a> {
    fn get(self, row: usize) -> Option<&'a [u8]> {
        let start = row * self.stride;
        self.pixels.get(start..start + self.width)
    }
}

impl Shrink {
    /// The ratio between two sizes of I420 pictures, if it is one of these. `to` has even sides.
    pub(crate) fn between(from: (u32, u32), to: (u32, u32)) -> Option<Self> {
        let is = |parts: u32, of: u32| {
            from.1.is_multiple_of(2)
                && of * to.1 == parts * from.1
                && (of * to.0).abs_diff(parts * from.0) <= parts * MISFIT_MAX
        };
        if is(2, 3) { Some(Self::ToTwoThirds) } else { is(1, 2).then_some(Self::ToHalf) }
    }

    /// Shrinks one plane into as many rows as it has two thirds or half of.
    pub(crate) fn plane<'a>(self, from: Rows<'_>, to: impl Iterator<Item = &'a mut [u8]>) {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the function asks for nothing but AVX2, which this processor has.
            unsafe { self.plane_avx2(from, to) };
            return;
        }
        self.plane_anywhere(from, to);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn plane_avx2<'a>(self, from: Rows<'_>, to: impl Iterator<Item = &'a mut [u8]>) {
        self.plane_anywhere(from, to);
    }

    #[inline(always)]
    fn plane_anywhere<'a>(self, from: Rows<'_>, mut to: impl Iterator<Item = &'a mut [u8]>) {
        match self {
            Self::ToTwoThirds => {
                let (mut upper, mut lower) = (vec![0; from.width], vec![0; from.width]);
                for row in (0..).step_by(3) {
                    let (Some(a), Some(b), Some(c)) = (from.get(row), from.get(row + 1), from.get(row + 2)) else {
                        return;
                    };
                    let (Some(first), Some(second)) = (to.next(), to.next()) else { return };
                    columns_to_two_thirds([a, b, c], &mut upper, &mut lower);
                    row_to_two_thirds(&upper, first);
                    row_to_two_thirds(&lower, second);
                }
            }
            Self::ToHalf => {
                for (row, out) in (0..).step_by(2).zip(to) {
                    let (Some(a), Some(b)) = (from.get(row), from.get(row + 1)) else { return };
                    rows_to_half(a, b, out);
                }
            }
        }
    }
}

/// A quarter of the way from `near` to `far`.
#[inline(always)]
fn quarter(near: u8, far: u8) -> u8 {
    ((3 * u16::from(near) + u16::from(far) + 2) >> 2) as u8
}

#[inline(always)]
fn columns_to_two_thirds(rows: [&[u8]; 3], upper: &mut [u8], lower: &mut [u8]) {
    let width = upper.len();
    let [a, b, c] = rows.map(|row| &row[..width]);
    let lower = &mut lower[..width];
    for n in 0..width {
        upper[n] = quarter(a[n], b[n]);
        lower[n] = quarter(c[n], b[n]);
    }
}

#[inline(always)]
fn row_to_two_thirds(from: &[u8], to: &mut [u8]) {
    for (to, from) in to.chunks_exact_mut(2).zip(from.chunks_exact(3)) {
        to[0] = quarter(from[0], from[1]);
        to[1] = quarter(from[2], from[1]);
    }
    let Some(last) = from.len().checked_sub(1) else { return };
    let at = |n: usize| from[n.min(last)];
    let paired = (to.len() / 2).min(from.len() / 3) * 2;
    for (n, to) in to.iter_mut().enumerate().skip(paired) {
        let start = n / 2 * 3;
        let near = if n % 2 == 0 { at(start) } else { at(start + 2) };
        *to = quarter(near, at(start + 1));
    }
}

#[inline(always)]
fn rows_to_half(upper: &[u8], lower: &[u8], to: &mut [u8]) {
    let quad = |a: &[u8], b: &[u8]| {
        let sum: u16 = u16::from(a[0]) + u16::from(a[1]) + u16::from(b[0]) + u16::from(b[1]);
        ((sum + 2) >> 2) as u8
    };
    for ((to, a), b) in to.iter_mut().zip(upper.chunks_exact(2)).zip(lower.chunks_exact(2)) {
        *to = quad(a, b);
    }
    let Some(last) = upper.len().checked_sub(1) else { return };
    for to in to.iter_mut().skip(upper.len() / 2) {
        *to = quad(&[upper[last]; 2], &[lower[last]; 2]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The bilinear value at the middle of each target pixel, columns and rows by the ratio, the last column repeated.
    fn model(from: Rows<'_>, (width, height): (usize, usize), ratio: f64) -> Vec<f64> {
        let pixel = |x: f64, row: usize| {
            let x = x.clamp(0.0, (from.width - 1) as f64);
            let (left, part) = (x.floor() as usize, x.fract());
            let line = from.get(row).map_or(&[][..], |line| line);
            f64::from(line[left]) * (1.0 - part) + f64::from(line[(left + 1).min(from.width - 1)]) * part
        };
        let middle = |n: usize| (n as f64 + 0.5) * ratio - 0.5;
        let each = (0..height).flat_map(|row| (0..width).map(move |column| (middle(row), middle(column))));
        each.map(|(y, x)| {
            pixel(x, y.floor() as usize) * (1.0 - y.fract()) + pixel(x, y.floor() as usize + 1) * y.fract()
        })
        .collect()
    }

    proptest! {
        #[test]
        fn shrunk_pixel_equals_the_bilinear_one(
            half in any::<bool>(), tall in 1usize..12, wide in 8usize..90, misfit in 0usize..4, seed in any::<u64>(),
        ) {
            let (shrink, ratio, height) = if half { (Shrink::ToHalf, 2.0, 2 * tall) } else { (Shrink::ToTwoThirds, 1.5, 3 * tall) };
            let to = ((wide as f64 / ratio).round() as usize, (height as f64 / ratio) as usize);
            let (width, stride) = (wide - misfit.min(wide / 4), wide + 3);
            let mut noise = seed;
            let pixels: Vec<u8> = (0..stride * height).map(|_| {
                noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (noise >> 56) as u8
            }).collect();
            let rows = Rows { pixels: &pixels, stride, width };
            let (mut got, mut plain) = (vec![0; to.0 * to.1], vec![0; to.0 * to.1]);
            shrink.plane(rows, got.chunks_exact_mut(to.0));
            shrink.plane_anywhere(rows, plain.chunks_exact_mut(to.0));
            prop_assert_eq!(&got, &plain);
            for (n, (got, wanted)) in got.iter().zip(model(rows, to, ratio)).enumerate() {
                prop_assert!((f64::from(*got) - wanted).abs() <= 1.25, "pixel {n}: {got} instead of {wanted}");
            }
        }
    }

    #[test]
    fn steps_between_rungs_shrink_by_a_simple_ratio() {
        use Shrink::{ToHalf, ToTwoThirds};
        for (from, to, wanted) in [
            ((1280, 720), (854, 480), Some(ToTwoThirds)),
            ((1920, 1080), (1280, 720), Some(ToTwoThirds)),
            ((640, 360), (426, 240), Some(ToTwoThirds)),
            ((854, 480), (426, 240), Some(ToHalf)),
            ((640, 360), (320, 180), Some(ToHalf)),
            ((854, 480), (640, 360), None),
            ((1280, 720), (640, 480), None),
            ((640, 360), (1280, 720), None),
            ((1280, 3), (854, 2), None),
        ] {
            assert_eq!(Shrink::between(from, to), wanted, "{from:?} to {to:?}");
        }
    }
}
