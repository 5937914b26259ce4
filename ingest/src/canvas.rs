//! Drawing into I420 pictures: rectangles, masks of text, and pictures scaled into place.
//!
//! A picture of the right size and format is copied row by row. One that shrinks by a simple ratio goes through
//! `shrink.rs`, any other through GStreamer's converter.

use gstreamer as gst;
use gstreamer_video as gst_video;
use gstreamer_video::prelude::*;

use crate::layout::Rect;
use crate::shrink::{Rows, Shrink};
use crate::text::Mask;

/// A colour in studio-range Y, Cb, Cr.
pub(crate) type Colour = [u8; 3];

/// The three planes of an I420 picture that is being drawn.
pub(crate) struct Planes<'a> {
    pub(crate) planes: [&'a mut [u8]; 3],
    pub(crate) strides: [usize; 3],
}

impl<'a> Planes<'a> {
    /// The planes of a mapped frame.
    pub(crate) fn of(frame: &'a mut gst_video::VideoFrameRef<&mut gst::BufferRef>) -> Self {
        let strides = [0, 1, 2].map(|n| frame.plane_stride()[n].unsigned_abs() as usize);
        let [y, u, v, _] = frame.planes_data_mut();
        Self { planes: [y, u, v], strides }
    }

    /// Fills a rectangle.
    pub(crate) fn fill(&mut self, rect: Rect, colour: Colour) {
        for (n, value) in colour.into_iter().enumerate() {
            self.rows(n, rect).for_each(|row| row.fill(value));
        }
    }

    /// Halves the light of a rectangle, so that text stands out on it.
    pub(crate) fn dim(&mut self, rect: Rect) {
        for row in self.rows(0, rect) {
            row.iter_mut().for_each(|y| *y = 16 + (y.saturating_sub(16) >> 1));
        }
        for plane in [1, 2] {
            for row in self.rows(plane, rect) {
                row.iter_mut().for_each(|c| *c = 64 + (*c >> 1));
            }
        }
    }

    /// Writes a mask in white, its top left corner at (x, y); what lies outside `clip` is cut.
    pub(crate) fn write(&mut self, mask: &Mask, x: u32, y: u32, clip: Rect) {
        if mask.width == 0 {
            return;
        }
        let right = (clip.x + clip.width).saturating_sub(x) as usize;
        let bottom = (clip.y + clip.height).saturating_sub(y) as usize;
        let stride = self.strides[0];
        for (n, line) in mask.coverage.chunks_exact(mask.width).take(bottom).enumerate() {
            let start = (y as usize + n) * stride + x as usize;
            let width = mask.width.min(right);
            let Some(row) = self.planes[0].get_mut(start..start + width) else { return };
            for (pixel, cover) in row.iter_mut().zip(line) {
                let (old, cover) = (u32::from(*pixel), u32::from(*cover));
                *pixel = ((old * (255 - cover) + 235 * cover) / 255) as u8;
            }
        }
    }

    fn rows(&mut self, plane: usize, rect: Rect) -> impl Iterator<Item = &mut [u8]> {
        let half = u32::from(plane != 0);
        let (x, y) = ((rect.x >> half) as usize, (rect.y >> half) as usize);
        let (width, height) = ((rect.width >> half) as usize, (rect.height >> half) as usize);
        let stride = self.strides[plane];
        self.planes[plane].chunks_mut(stride).skip(y).take(height).filter_map(move |row| row.get_mut(x..x + width))
    }
}

/// GStreamer's description of an I420 picture of this size.
pub(crate) fn i420(width: u32, height: u32, fps: u32) -> Option<gst_video::VideoInfo> {
    gst_video::VideoInfo::builder(gst_video::VideoFormat::I420, width, height)
        .fps(gst::Fraction::new(fps as i32, 1))
        .colorimetry(&gst_video::VideoColorimetry::new(
            gst_video::VideoColorRange::Range16_235,
            gst_video::VideoColorMatrix::Bt709,
            gst_video::VideoTransferFunction::Bt709,
            gst_video::VideoColorPrimaries::Bt709,
        ))
        .build()
        .ok()
}

/// Puts pictures of one source into one place; remembers what it needs for that.
#[derive(Default)]
pub(crate) struct Placer {
    converter: Option<(Key, gst_video::VideoConverter)>,
}

#[derive(Clone, Copy, PartialEq)]
struct Key {
    format: gst_video::VideoFormat,
    source: (u32, u32),
    canvas: (u32, u32),
    place: Rect,
}

impl Placer {
    /// Draws `picture` over the whole of `place` on the `canvas`. False if no converter exists for its format.
    pub(crate) fn draw(
        &mut self,
        picture: &gst_video::VideoFrameRef<&gst::BufferRef>,
        canvas: &mut gst_video::VideoFrameRef<&mut gst::BufferRef>,
        place: Rect,
    ) -> bool {
        let source = (picture.width(), picture.height());
        if picture.format() == gst_video::VideoFormat::I420 {
            if source == (place.width, place.height) {
                copy(picture, canvas, place);
                return true;
            }
            if let Some(ratio) = Shrink::between(source, (place.width, place.height)) {
                shrink(ratio, picture, canvas, place);
                return true;
            }
        }
        let key = Key { format: picture.format(), source, canvas: (canvas.width(), canvas.height()), place };
        if self.converter.as_ref().is_none_or(|(made_for, _)| *made_for != key) {
            self.converter = converter(key).map(|converter| (key, converter));
        }
        match &self.converter {
            Some((_, converter)) => converter.frame_ref(picture, canvas),
            None => return false,
        }
        true
    }
}

fn shrink(
    ratio: Shrink,
    picture: &gst_video::VideoFrameRef<&gst::BufferRef>,
    canvas: &mut gst_video::VideoFrameRef<&mut gst::BufferRef>,
    place: Rect,
) {
    let strides = [0, 1, 2].map(|n| picture.plane_stride()[n].unsigned_abs() as usize);
    let width = picture.width() as usize;
    let widths = [width, width.div_ceil(2), width.div_ceil(2)];
    let sources = picture.planes_data();
    let mut planes = Planes::of(canvas);
    for n in 0..3 {
        let from = Rows { pixels: sources[n], stride: strides[n], width: widths[n] };
        ratio.plane(from, planes.rows(n, place));
    }
}

fn copy(
    picture: &gst_video::VideoFrameRef<&gst::BufferRef>,
    canvas: &mut gst_video::VideoFrameRef<&mut gst::BufferRef>,
    place: Rect,
) {
    let strides = [0, 1, 2].map(|n| picture.plane_stride()[n].unsigned_abs() as usize);
    let sources = picture.planes_data();
    let mut planes = Planes::of(canvas);
    for n in 0..3 {
        for (to, from) in planes.rows(n, place).zip(sources[n].chunks(strides[n])) {
            if let Some(from) = from.get(..to.len()) {
                to.copy_from_slice(from);
            }
        }
    }
}

fn converter(key: Key) -> Option<gst_video::VideoConverter> {
    // Same frame rate and colorimetry on both sides: the converter must scale, not convert colours.
    let info = |format, (width, height): (u32, u32)| {
        gst_video::VideoInfo::builder(format, width, height).fps(gst::Fraction::new(30, 1)).build().ok()
    };
    let input = info(key.format, key.source)?;
    let output = info(gst_video::VideoFormat::I420, key.canvas)?;
    let mut config = gst_video::VideoConverterConfig::new();
    config.set_dest_x(key.place.x as i32);
    config.set_dest_y(key.place.y as i32);
    config.set_dest_width(Some(key.place.width as i32));
    config.set_dest_height(Some(key.place.height as i32));
    config.set_fill_border(false);
    config.set_resampler_method(gst_video::VideoResamplerMethod::Linear);
    config.set_chroma_resampler_method(gst_video::VideoResamplerMethod::Linear);
    config.set_dither_method(gst_video::VideoDitherMethod::None);
    config.set_matrix_mode(gst_video::VideoMatrixMode::None);
    config.set_threads(1);
    gst_video::VideoConverter::new(&input, &output, Some(config)).ok()
}
