//! The picture of a synthetic speaker, and the time burned into it.
//!
//! # The counter
//! One row of 24 cells, black (Y 16) or white (Y 235), the most significant bit first, white for 1. All positions are
//! shares of the picture, so the row can be read at any size:
//!
//! | | from | size |
//! |---|---|---|
//! | row, horizontally | 0.05 of the width | 0.9 of the width: 0.0375 a cell |
//! | row, vertically | 0.05 of the height | 0.05 of the height |
//! | marker, always white | 0.0125 of the width | 0.0375 |
//! | parity: white if the number of ones is odd | 0.95 of the width | 0.0375 |
//!
//! Sample the middle of each cell; a value between 96 and 160 (of 255) is neither, and the picture illegible. The
//! number is the UTC of the frame's capture in milliseconds since 1970, modulo 2^24 (it wraps every 4.66 h).
//!
//! Below are the name and a clock for people, a bar that moves, and in the lower right corner the square that flashes:
//! from 0.75 of the width and 0.65 of the height on, 0.2 wide and 0.25 high.

use std::path::Path;

use crate::canvas::{Colour, Planes};
use crate::layout::Rect;
use crate::text::{Mask, Writer};

/// Cells of the counter.
pub const BITS: u32 = 24;
/// Left edge of the counter's row, as a share of the picture's width.
pub const LEFT: f64 = 0.05;
/// Its upper edge, as a share of the picture's height.
pub const TOP: f64 = 0.05;
/// Width of all cells together, as a share of the picture's width.
pub const WIDTH: f64 = 0.9;
/// Height of the row, as a share of the picture's height.
pub const HEIGHT: f64 = 0.05;

const CELL: f64 = WIDTH / BITS as f64;
const BLACK: Colour = [16, 128, 128];
const WHITE: Colour = [235, 128, 128];
const DARK: u8 = 96;
const LIGHT: u8 = 160;
/// Backgrounds that differ at a glance, dark enough for white text.
const COLOURS: [Colour; 8] = [
    [72, 160, 100],
    [70, 104, 160],
    [84, 110, 98],
    [60, 150, 150],
    [88, 90, 140],
    [66, 140, 108],
    [78, 128, 150],
    [62, 120, 132],
];

/// The counter that shows a capture time: its lowest bits.
pub fn counter(utc_ms: i64) -> u32 {
    utc_ms.rem_euclid(1 << BITS) as u32
}

/// The capture time of a counter that was read at `now_ms`: the latest time with that counter, not later than two
/// seconds after `now_ms` (clocks differ).
pub fn captured_ms(counter: u32, now_ms: i64) -> i64 {
    let limit = now_ms + 2000;
    limit - (limit - i64::from(counter)).rem_euclid(1 << BITS)
}

/// Cell `index` of a picture: −1 the marker, 0.. the bits, [`BITS`] the parity.
fn cell(index: i32, width: u32, height: u32) -> Rect {
    let even = |value: f64| (value / 2.0).round() as u32 * 2;
    let at = |index: i32| even((LEFT + CELL * f64::from(index)) * f64::from(width));
    let top = even(TOP * f64::from(height));
    let bottom = even((TOP + HEIGHT) * f64::from(height));
    Rect { x: at(index), y: top, width: at(index + 1) - at(index), height: bottom - top }
}

fn parity(counter: u32) -> bool {
    counter.count_ones() % 2 == 1
}

fn draw_counter(planes: &mut Planes<'_>, width: u32, height: u32, counter: u32) {
    let bits = (0..BITS as i32).map(|n| (n, counter >> (BITS as i32 - 1 - n) & 1 == 1));
    for (index, white) in bits.chain([(-1, true), (BITS as i32, parity(counter))]) {
        planes.fill(cell(index, width, height), if white { WHITE } else { BLACK });
    }
}

/// Reads the counter off a picture's luma; `None` if it is illegible.
pub fn read_counter(luma: &[u8], stride: usize, width: u32, height: u32) -> Option<u32> {
    let y = ((TOP + HEIGHT / 2.0) * f64::from(height)) as usize;
    let bit = |index: i32| {
        let x = ((LEFT + CELL * (f64::from(index) + 0.5)) * f64::from(width)) as usize;
        let sample = |dx: usize, dy: usize| luma.get((y - dy) * stride + x - dx).map(|v| u32::from(*v));
        let sum = sample(0, 0)? + sample(1, 0)? + sample(0, 1)? + sample(1, 1)?;
        let light = (sum / 4) as u8;
        (light >= LIGHT || light <= DARK).then_some(light >= LIGHT)
    };
    let counter = (0..BITS as i32).try_fold(0, |value, index| Some(value << 1 | u32::from(bit(index)?)))?;
    (bit(-1)? && bit(BITS as i32)? == parity(counter)).then_some(counter)
}

/// Draws one speaker's pictures, as plain I420 in GStreamer's default layout.
pub struct Painter {
    width: u32,
    height: u32,
    offsets: [usize; 3],
    strides: [usize; 3],
    template: Vec<u8>,
    writer: Writer,
    clock: (i64, Mask),
}

impl Painter {
    /// `number` chooses the colour. Sides are even. `None` if no such picture can exist.
    pub fn new(name: &str, number: u32, (width, height): (u32, u32), font: &Path) -> Option<Self> {
        let info = crate::canvas::i420(width, height, 30)?;
        let mut painter = Self {
            width,
            height,
            offsets: [0, 1, 2].map(|n| info.offset()[n]),
            strides: [0, 1, 2].map(|n| info.stride()[n].unsigned_abs() as usize),
            template: vec![0; info.size()],
            writer: Writer::load(font),
            clock: (i64::MIN, Mask::default()),
        };
        let mut template = std::mem::take(&mut painter.template);
        let whole = Rect { x: 0, y: 0, width, height };
        let mut planes = painter.planes(&mut template);
        planes.fill(whole, COLOURS[number as usize % COLOURS.len()]);
        planes.fill(painter.share(0.0, 0.0, 1.0, 0.14), BLACK);
        let mask = painter.writer.line(name, height as f32 / 7.0, width as usize * 9 / 10);
        planes.write(&mask, (width - mask.width as u32) / 2, height * 28 / 100, whole);
        painter.template = template;
        Some(painter)
    }

    /// Bytes of a picture.
    pub fn size(&self) -> usize {
        self.template.len()
    }

    /// The stride of the luma plane, bytes.
    pub fn stride(&self) -> usize {
        self.strides[0]
    }

    /// The picture captured at `utc_ms`, into `out` ([`Painter::size`] bytes).
    pub fn paint(&mut self, utc_ms: i64, flash: bool, out: &mut [u8]) {
        out.copy_from_slice(&self.template);
        let second = utc_ms.div_euclid(1000);
        if self.clock.0 != second {
            let of_day = second.rem_euclid(86_400);
            let text = format!("{:02}:{:02}:{:02} UTC", of_day / 3600, of_day / 60 % 60, of_day % 60);
            self.clock = (second, self.writer.line(&text, self.height as f32 / 14.0, self.width as usize));
        }
        let (width, height) = (self.width, self.height);
        let whole = Rect { x: 0, y: 0, width, height };
        let along = utc_ms.rem_euclid(4000) as f64 / 4000.0;
        let bar = self.share(0.05 + 0.55 * along, 0.75, 0.05, 0.15);
        let square = self.share(0.75, 0.65, 0.2, 0.25);
        let mut planes = self.planes(out);
        draw_counter(&mut planes, width, height, counter(utc_ms));
        let mask = &self.clock.1;
        planes.write(mask, (width.saturating_sub(mask.width as u32)) / 2, height * 50 / 100, whole);
        planes.fill(bar, WHITE);
        planes.fill(square, if flash { WHITE } else { BLACK });
    }

    fn planes<'a>(&self, picture: &'a mut [u8]) -> Planes<'a> {
        let (y, chroma) = picture.split_at_mut(self.offsets[1]);
        let (u, v) = chroma.split_at_mut(self.offsets[2] - self.offsets[1]);
        Planes { planes: [y, u, v], strides: self.strides }
    }

    fn share(&self, x: f64, y: f64, width: f64, height: f64) -> Rect {
        let even = |value: f64, whole: u32| (value * f64::from(whole)) as u32 & !1;
        Rect {
            x: even(x, self.width),
            y: even(y, self.height),
            width: even(width, self.width),
            height: even(height, self.height),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Averages blocks of `luma`, as a good scaler does.
    fn shrink(luma: &[u8], stride: usize, from: (u32, u32), to: (u32, u32)) -> Vec<u8> {
        let span = |n: u32, from: u32, to: u32| (n * from / to) as usize..((n + 1) * from / to) as usize;
        let mut out = vec![];
        for y in 0..to.1 {
            for x in 0..to.0 {
                let rows = span(y, from.1, to.1);
                let pixels = rows.flat_map(|row| span(x, from.0, to.0).map(move |column| (row, column)));
                let (sum, count) = pixels.fold((0, 0), |(s, n), (r, c)| (s + u32::from(luma[r * stride + c]), n + 1));
                out.push((sum / count) as u8);
            }
        }
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn counter_is_read_back_at_every_size_of_the_ladder(utc_ms in 0i64..4_000_000_000_000) {
            gstreamer::init().unwrap();
            let size = (1280, 720);
            let mut painter = Painter::new("Änne", 3, size, Path::new("/nowhere")).unwrap();
            let mut picture = vec![0; painter.size()];
            painter.paint(utc_ms, utc_ms % 2 == 0, &mut picture);
            prop_assert_eq!(read_counter(&picture, painter.stride(), 1280, 720), Some(counter(utc_ms)));
            for (w, h) in [(854, 480), (640, 360), (426, 240), (320, 180), (256, 144)] {
                let small = shrink(&picture, painter.stride(), size, (w, h));
                prop_assert_eq!(read_counter(&small, w as usize, w, h), Some(counter(utc_ms)), "{}x{}", w, h);
            }
        }

        #[test]
        fn a_counter_gives_the_capture_time_back(utc_ms in 0i64..4_000_000_000_000, late in -1500i64..10_000_000) {
            prop_assert_eq!(captured_ms(counter(utc_ms), utc_ms + late), utc_ms);
        }
    }

    #[test]
    fn picture_without_a_counter_reads_as_none() {
        for value in [0, 16, 128, 235] {
            assert_eq!(read_counter(&vec![value; 640 * 360], 640, 640, 360), None);
        }
    }
}
