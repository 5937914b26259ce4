//! Writing into pictures: a line of text becomes a mask of coverage, once; drawing the mask is then a few thousand
//! pixels.
//!
//! Glyphs stand side by side without shaping, which is right for Latin, Greek, Cyrillic and CJK (with a font that has
//! them) and poor for Arabic or Devanagari.

use std::path::Path;

/// A font, if there is one. Without it every mask is empty.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    font: Option<fontdue::Font>,
}

/// Coverage of a piece of text, 0..=255 a pixel, row by row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mask {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) coverage: Vec<u8>,
}

impl Writer {
    /// Says once in the log if the font cannot be read.
    pub(crate) fn load(path: &Path) -> Self {
        let font = std::fs::read(path).map_err(|e| e.to_string()).and_then(|bytes| {
            fontdue::Font::from_bytes(bytes, fontdue::FontSettings::default()).map_err(str::to_owned)
        });
        if let Err(reason) = &font {
            tracing::warn!(path = %path.display(), reason, "no font: names and slates stay blank");
        }
        Self { font: font.ok() }
    }

    /// `text` at `height_px` a line, cut with an ellipsis at `width_max`.
    pub(crate) fn line(&self, text: &str, height_px: f32, width_max: usize) -> Mask {
        let Some(font) = &self.font else { return Mask::default() };
        let Some(metrics) = font.horizontal_line_metrics(height_px) else { return Mask::default() };
        let baseline = metrics.ascent.ceil() as i32;
        let height = (metrics.ascent - metrics.descent).ceil().max(1.0) as usize;
        let mut chars = fit(font, text, height_px, width_max);
        let width: f32 = chars.iter().map(|c| font.metrics(*c, height_px).advance_width).sum();
        let mut mask = Mask { width: (width.ceil() as usize).min(width_max), height, coverage: vec![] };
        mask.coverage = vec![0; mask.width * mask.height];
        let mut pen = 0.0;
        for c in chars.drain(..) {
            let (glyph, bitmap) = font.rasterize(c, height_px);
            let (left, top) = (pen as i32 + glyph.xmin, baseline - glyph.height as i32 - glyph.ymin);
            for (n, value) in bitmap.iter().enumerate() {
                let (x, y) = (left + (n % glyph.width) as i32, top + (n / glyph.width) as i32);
                if (0..mask.width as i32).contains(&x) && (0..height as i32).contains(&y) {
                    let pixel = &mut mask.coverage[y as usize * mask.width + x as usize];
                    *pixel = (*pixel).max(*value);
                }
            }
            pen += glyph.advance_width;
        }
        mask
    }
}

fn fit(font: &fontdue::Font, text: &str, height_px: f32, width_max: usize) -> Vec<char> {
    let advance = |c: char| font.metrics(c, height_px).advance_width;
    let mut chars = vec![];
    let mut width = 0.0;
    for c in text.chars().filter(|c| !c.is_control()) {
        width += advance(c);
        if width > width_max as f32 {
            let ellipsis = advance('…');
            while width + ellipsis > width_max as f32 {
                let Some(last) = chars.pop() else { break };
                width -= advance(last);
            }
            chars.push('…');
            break;
        }
        chars.push(c);
    }
    chars
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_name_is_cut_to_its_width_and_missing_font_is_no_error() {
        let writer = Writer::load(Path::new("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"));
        let mask = writer.line(&"Anna Änderson ".repeat(50), 24.0, 200);
        assert!(mask.width <= 200 && mask.coverage.len() == mask.width * mask.height);
        assert!(mask.coverage.iter().any(|c| *c > 200));
        assert_eq!(Writer::load(Path::new("/nowhere.ttf")).line("x", 24.0, 200).width, 0);
    }
}
