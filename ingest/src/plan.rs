//! The canvas before the speakers' pictures are drawn (background, name cards, the slate), and the places of pictures
//! and captions on it. A plan is made anew only when the stage changes, so that a tick draws little.

use std::sync::Arc;

use crate::canvas::{Colour, Planes};
use crate::layout::{Rect, fit, tiles};
use crate::stage::{SpeakerLane, View};
use crate::text::{Mask, Writer};

const BACKGROUND: Colour = [24, 130, 126];
const CARD: Colour = [52, 134, 122];

/// A drawing for one state of the stage.
pub(crate) struct Plan {
    pub(crate) view: View,
    /// Seats whose picture stands still or never came.
    pub(crate) cards: Vec<bool>,
    /// In the order of the view's seats.
    pub(crate) tiles: Vec<Option<Tile>>,
    /// The canvas under the pictures, in the layout of a canvas buffer.
    pub(crate) plate: Vec<u8>,
}

/// One speaker's place in the picture.
pub(crate) struct Tile {
    pub(crate) rect: Rect,
    caption: Mask,
}

impl Plan {
    /// `planes` is the plate to draw on.
    pub(crate) fn new(view: View, cards: Vec<bool>, canvas: (u32, u32), room: &str, writer: &Writer) -> Self {
        let places = tiles(view.arrangement, canvas, view.seats.len());
        let tiles = places.iter().zip(&view.seats).zip(&cards).map(|((place, seat), card)| {
            let rect = (*place)?;
            let caption = if view.captions && !card { caption(writer, seat, rect) } else { Mask::default() };
            Some(Tile { rect, caption })
        });
        let tiles: Vec<_> = tiles.collect();
        for (seat, place) in view.seats.iter().zip(&places) {
            seat.want(place.map_or((0, 0), |rect| (rect.width, rect.height)));
        }
        let plate = plate(&view, &tiles, &cards, canvas, room, writer);
        Self { view, cards, tiles, plate }
    }

    /// Writes the captions over the pictures.
    pub(crate) fn caption(&self, planes: &mut Planes<'_>) {
        for (tile, card) in self.tiles.iter().zip(&self.cards) {
            let Some(tile) = tile.as_ref().filter(|tile| !card && tile.caption.width > 0) else { continue };
            let (width, height) = (tile.caption.width as u32, tile.caption.height as u32);
            let bar_height = (height + 9) & !1;
            let y = tile.rect.y + tile.rect.height - bar_height;
            planes.dim(Rect { x: tile.rect.x, y, width: ((width + 21) & !1).min(tile.rect.width), height: bar_height });
            planes.write(&tile.caption, tile.rect.x + 10, y + 4, tile.rect);
        }
    }

    /// Whether any caption is written.
    pub(crate) fn has_captions(&self) -> bool {
        self.tiles.iter().flatten().any(|tile| tile.caption.width > 0)
    }

    /// The place of a picture of this size in a tile.
    pub(crate) fn place(&self, index: usize, picture: (u32, u32)) -> Option<Rect> {
        self.tiles.get(index)?.as_ref().map(|tile| fit(picture, tile.rect))
    }
}

fn caption(writer: &Writer, seat: &Arc<SpeakerLane>, rect: Rect) -> Mask {
    let height_px = (rect.height as f32 / 20.0).clamp(14.0, 32.0);
    if rect.height < 80 {
        return Mask::default();
    }
    writer.line(&seat.speaker.name, height_px, rect.width.saturating_sub(24) as usize)
}

fn plate(
    view: &View,
    tiles: &[Option<Tile>],
    cards: &[bool],
    (width, height): (u32, u32),
    room: &str,
    writer: &Writer,
) -> Vec<u8> {
    let Some(info) = crate::canvas::i420(width, height, 30) else { return vec![] };
    let mut plate = vec![0; info.size()];
    let (offset, stride) = (info.offset(), info.stride());
    let (y, chroma) = plate.split_at_mut(offset[1]);
    let (u, v) = chroma.split_at_mut(offset[2] - offset[1]);
    let mut planes = Planes { planes: [y, u, v], strides: [0, 1, 2].map(|n| stride[n].unsigned_abs() as usize) };
    let whole = Rect { x: 0, y: 0, width, height };
    planes.fill(whole, BACKGROUND);
    let mut shown = false;
    for ((tile, seat), card) in tiles.iter().zip(&view.seats).zip(cards) {
        let Some(tile) = tile else { continue };
        shown = true;
        if *card {
            let inner = shrink(tile.rect);
            planes.fill(inner, CARD);
            let size = (inner.height as f32 / 9.0).clamp(14.0, 64.0);
            centred(&mut planes, writer, &seat.speaker.name, size, inner, 0);
        }
    }
    if !shown {
        let size = height as f32 / 15.0;
        centred(&mut planes, writer, room, size, whole, -(size as i32));
        centred(&mut planes, writer, "The stage is empty. We will be right back.", size * 0.6, whole, size as i32 / 2);
    }
    plate
}

fn shrink(rect: Rect) -> Rect {
    let margin = if rect.width > 64 && rect.height > 64 { 4 } else { 0 };
    Rect { x: rect.x + margin, y: rect.y + margin, width: rect.width - 2 * margin, height: rect.height - 2 * margin }
}

fn centred(planes: &mut Planes<'_>, writer: &Writer, text: &str, height_px: f32, rect: Rect, down: i32) {
    let mask = writer.line(text, height_px, rect.width.saturating_sub(16) as usize);
    let x = rect.x + rect.width.saturating_sub(mask.width as u32) / 2;
    let y = rect.y + rect.height.saturating_sub(mask.height as u32) / 2;
    planes.write(&mask, x, y.saturating_add_signed(down), rect);
}
