//! The places of the speakers in the picture. Pure: sizes in, rectangles out.
//!
//! Every rectangle has even position and sides (I420 halves chroma both ways), lies inside the canvas and overlaps no
//! other.

/// A rectangle of pixels, all four numbers even.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rect {
    /// From the left, pixels.
    pub x: u32,
    /// From the top, pixels.
    pub y: u32,
    /// Width, pixels.
    pub width: u32,
    /// Height, pixels.
    pub height: u32,
}

/// The arrangement of the tiles, with the speaker who matters already looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrangement {
    /// All speakers have the same size.
    Grid,
    /// The speaker with this index is big, the next four stand in a column beside.
    Featured(usize),
    /// The speaker with this index fills the canvas. Without such a speaker the canvas has no tile.
    Alone(Option<usize>),
}

/// More tiles than this are too small to be worth encoding.
pub const TILES_MAX: usize = 25;
/// Tiles beside the big one.
const BESIDE_MAX: usize = 4;

fn even(value: u32) -> u32 {
    value & !1
}

/// One tile (or none) for each of `speakers`, in their order, on a 16:9-ish `canvas` of (width, height) pixels.
pub fn tiles(arrangement: Arrangement, canvas: (u32, u32), speakers: usize) -> Vec<Option<Rect>> {
    let whole = Rect { x: 0, y: 0, width: even(canvas.0), height: even(canvas.1) };
    match arrangement {
        Arrangement::Alone(who) => (0..speakers).map(|i| (Some(i) == who).then_some(whole)).collect(),
        Arrangement::Grid => grid(whole, speakers),
        Arrangement::Featured(_) if speakers <= 1 => vec![Some(whole); speakers],
        Arrangement::Featured(big) => featured(whole, speakers, big.min(speakers - 1)),
    }
}

fn grid(canvas: Rect, speakers: usize) -> Vec<Option<Rect>> {
    let shown = speakers.min(TILES_MAX) as u32;
    if shown == 0 {
        return vec![None; speakers];
    }
    let columns = (1..=shown).find(|c| c * c >= shown).unwrap_or(shown);
    let rows = shown.div_ceil(columns);
    let side = columns.max(rows);
    // Tiles keep the canvas's shape; what is left over frames them.
    let (width, height) = (even(canvas.width / side), even(canvas.height / side));
    let top = even((canvas.height - height * rows) / 2);
    let place = |index: u32| {
        let (row, column) = (index / columns, index % columns);
        let in_row = if row + 1 == rows { shown - row * columns } else { columns };
        let left = even((canvas.width - width * in_row) / 2);
        Rect { x: left + column * width, y: top + row * height, width, height }
    };
    (0..speakers as u32).map(|index| (index < shown).then(|| place(index))).collect()
}

fn featured(canvas: Rect, speakers: usize, big: usize) -> Vec<Option<Rect>> {
    let (small_width, small_height) = (even(canvas.width / 4), even(canvas.height / 4));
    let (width, height) = (even(canvas.width - small_width), even(canvas.height * 3 / 4));
    let beside = (speakers - 1).min(BESIDE_MAX) as u32;
    let top = even((canvas.height - beside * small_height) / 2);
    let mut next = 0;
    (0..speakers)
        .map(|index| {
            if index == big {
                return Some(Rect { x: 0, y: even((canvas.height - height) / 2), width, height });
            }
            let row = next;
            next += 1;
            (row < beside).then_some(Rect {
                x: width,
                y: top + row * small_height,
                width: small_width,
                height: small_height,
            })
        })
        .collect()
}

/// The biggest rectangle of the `picture`'s shape inside `tile`, centred.
pub fn fit(picture: (u32, u32), tile: Rect) -> Rect {
    let (w, h) = (u64::from(picture.0.max(1)), u64::from(picture.1.max(1)));
    let (tile_w, tile_h) = (u64::from(tile.width), u64::from(tile.height));
    let (width, height) = if tile_w * h <= tile_h * w { (tile_w, tile_w * h / w) } else { (tile_h * w / h, tile_h) };
    // 854 × 480 is 16:9 to within a pixel: what misses the tile by two pixels fills it.
    let snap = |got: u64, full: u64| if full - got <= 2 { full } else { got };
    let width = even(snap(width, tile_w) as u32).max(2);
    let height = even(snap(height, tile_h) as u32).max(2);
    Rect { x: tile.x + even((tile.width - width) / 2), y: tile.y + even((tile.height - height) / 2), width, height }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn overlap(a: Rect, b: Rect) -> bool {
        a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height
    }

    fn arrangement() -> impl Strategy<Value = Arrangement> {
        prop_oneof![
            Just(Arrangement::Grid),
            (0usize..40).prop_map(Arrangement::Featured),
            proptest::option::of(0usize..40).prop_map(Arrangement::Alone)
        ]
    }

    proptest! {
        #[test]
        fn tiles_have_even_sides_lie_inside_and_do_not_overlap(kind in arrangement(), w in 64u32..2000, h in 64u32..1200, n in 0usize..40) {
            let tiles = tiles(kind, (w, h), n);
            prop_assert_eq!(tiles.len(), n);
            let shown: Vec<_> = tiles.into_iter().flatten().collect();
            for (i, a) in shown.iter().enumerate() {
                prop_assert!([a.x, a.y, a.width, a.height].iter().all(|v| v % 2 == 0));
                prop_assert!(a.width > 0 && a.height > 0 && a.x + a.width <= w && a.y + a.height <= h);
                prop_assert!(shown[i + 1..].iter().all(|b| !overlap(*a, *b)));
            }
        }

        #[test]
        fn a_fitted_picture_keeps_its_shape(pw in 16u32..4000, ph in 16u32..4000, tw in 32u32..1000, th in 32u32..1000) {
            let tile = Rect { x: 10, y: 20, width: tw * 2, height: th * 2 };
            let got = fit((pw, ph), tile);
            prop_assert!(got.x >= tile.x && got.y >= tile.y);
            prop_assert!(got.x + got.width <= tile.x + tile.width && got.y + got.height <= tile.y + tile.height);
            // Each side is off by less than four pixels (evenness and the snap), whichever side leads.
            let by_width = (f64::from(got.width) * f64::from(ph) / f64::from(pw) - f64::from(got.height)).abs();
            let by_height = (f64::from(got.height) * f64::from(pw) / f64::from(ph) - f64::from(got.width)).abs();
            prop_assert!(by_width < 4.0 || by_height < 4.0, "{got:?}");
        }
    }

    #[test]
    fn a_lone_speaker_fills_the_canvas_and_two_need_no_odd_scaling() {
        let whole = Rect { x: 0, y: 0, width: 1280, height: 720 };
        for kind in [Arrangement::Grid, Arrangement::Featured(0), Arrangement::Alone(Some(0))] {
            assert_eq!(tiles(kind, (1280, 720), 1), [Some(whole)]);
        }
        let two = tiles(Arrangement::Grid, (1280, 720), 2);
        assert_eq!(two[1], Some(Rect { x: 640, y: 180, width: 640, height: 360 }));
    }

    #[test]
    fn picture_of_almost_sixteen_to_nine_fills_its_tile() {
        let tile = Rect { x: 0, y: 0, width: 1280, height: 720 };
        assert_eq!(fit((854, 480), tile), tile);
        assert_eq!(fit((480, 480), tile), Rect { x: 280, y: 0, width: 720, height: 720 });
    }
}
