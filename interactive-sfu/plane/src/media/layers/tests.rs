use super::*;

fn layers() -> [LayerInfo; 3] {
    let layers = [(320, 180, 150_000), (640, 360, 500_000), (1280, 720, 1_700_000)];
    std::array::from_fn(|source| {
        let (width, height, bits_per_second) = layers[source];
        let variant = Variant::whole(source);
        LayerInfo { width, height, bits_per_second, live: true, variant, ..LayerInfo::default() }
    })
}

#[test]
fn the_smallest_layer_that_fills_the_tile_is_chosen() {
    let table = [
        (None, Some(2)),
        (Some((320, 180)), Some(0)),
        (Some((321, 180)), Some(1)),
        (Some((640, 360)), Some(1)),
        (Some((4000, 4000)), Some(2)),
        (Some((0, 0)), None),
    ];
    for (size, expected) in table {
        let limit = Limit { size, ..Limit::default() };
        assert_eq!(LayerChoice::default().choose(&layers(), limit, None, false, Instant::now()), expected, "{limit:?}");
    }
}

#[test]
fn a_layer_that_does_not_arrive_is_not_chosen() {
    let mut layers = layers();
    layers[2].live = false;
    assert_eq!(LayerChoice::default().choose(&layers, Limit::default(), None, false, Instant::now()), Some(1));
    layers.iter_mut().for_each(|l| l.live = false);
    assert_eq!(LayerChoice::default().choose(&layers, Limit::default(), None, false, Instant::now()), None);
}

#[test]
fn down_at_once_up_with_room_and_patience() {
    let (mut choice, t, layers) = (LayerChoice::default(), Instant::now(), layers());
    let mut at = |ms: u64, kbps: u64| {
        choice.choose(&layers, Limit::default(), Some(kbps * 1000), false, t + Duration::from_millis(ms))
    };
    assert_eq!(at(0, 2500), Some(2));
    assert_eq!(at(100, 1600), Some(2), "within tolerance");
    assert_eq!(at(200, 1000), Some(1));
    assert_eq!(at(300, 5000), Some(1), "too soon");
    assert_eq!(at(5200, 1800), Some(1), "no room to spare");
    assert_eq!(at(5300, 2000), Some(2));
    assert_eq!(at(5400, 10), Some(0), "the smallest is sent whatever happens");
}

#[test]
fn a_picture_that_may_pause_does_and_comes_back_with_patience() {
    let (mut choice, t, layers) = (LayerChoice::default(), Instant::now(), layers());
    let mut at = |ms: u64, kbps: u64| {
        choice.choose(&layers, Limit::default(), Some(kbps * 1000), true, t + Duration::from_millis(ms))
    };
    assert_eq!(at(0, 200), Some(0));
    assert_eq!(at(100, 140), Some(0), "within tolerance");
    assert_eq!(at(200, 100), None);
    assert_eq!(at(300, 500), None, "too soon");
    assert_eq!(at(5300, 160), None, "no room to spare");
    assert_eq!(at(5400, 200), Some(0));
}

#[test]
fn a_picture_that_paused_is_tried_again_whatever_the_estimate_says() {
    let (mut choice, t, layers) = (LayerChoice::default(), Instant::now(), layers());
    let mut at = |ms: u64, kbps: u64| {
        choice.choose(&layers, Limit::default(), Some(kbps * 1000), true, t + Duration::from_millis(ms))
    };
    assert_eq!((at(0, 200), at(100, 50)), (Some(0), None));
    assert_eq!((at(10_000, 50), at(10_100, 50), at(14_000, 50)), (None, Some(0), Some(0)));
    assert_eq!(at(14_200, 50), None, "it did not bear it");
    assert_eq!((at(24_100, 50), at(24_300, 50)), (None, Some(0)));
    assert_eq!(at(30_000, 200), Some(0), "it did");
}

#[test]
fn rates_wanted_end_with_the_layer_that_fills_the_tile() {
    let within = |size| wanted_rates(&layers(), Limit { size, ..Limit::default() });
    assert_eq!(within(None), [150_000, 500_000, 1_700_000]);
    assert_eq!(within(Some((400, 200))), [150_000, 500_000]);
    assert!(within(Some((0, 0))).is_empty());
}

#[test]
fn a_probe_aims_at_the_next_larger_layer() {
    let mut choice = LayerChoice::default();
    choice.choose(&layers(), Limit::default(), Some(200_000), false, Instant::now());
    assert_eq!(choice.next_up(&layers(), Limit::default()), Some(500_000));
    assert_eq!(choice.next_up(&layers(), Limit { size: Some((320, 180)), ..Limit::default() }), None);
}

/// Two pictures of three temporal layers each.
fn temporal() -> Vec<LayerInfo> {
    let of = |source: usize, width, height, kbps: u32| {
        [(0, 7, 40), (1, 15, 65), (2, 30, 100)].map(|(temporal, pictures_per_second, percent)| LayerInfo {
            width,
            height,
            bits_per_second: kbps * 10 * percent,
            pictures_per_second,
            live: true,
            variant: Variant { temporal, ..Variant::whole(source) },
        })
    };
    [of(0, 320, 180, 150), of(1, 1280, 720, 1_700)].concat()
}

#[test]
fn pictures_come_as_often_as_is_asked_for_and_the_smallest_seldom_before_it_pauses() {
    let layers = temporal();
    let chosen = |size, pictures_per_second, kbps: u64| {
        let limit = Limit { size, pictures_per_second };
        LayerChoice::default().choose(&layers, limit, Some(kbps * 1000), true, Instant::now())
    };
    assert_eq!(chosen(None, 0, 5_000), Some(5), "all of the largest");
    assert_eq!(chosen(None, 15, 5_000), Some(4));
    assert_eq!(chosen(None, 10, 5_000), Some(4), "rather more than asked for than less");
    assert_eq!(chosen(None, 60, 5_000), Some(5));
    assert_eq!(chosen(Some((100, 100)), 0, 5_000), Some(2));
    assert_eq!(chosen(None, 0, 1_200), Some(2), "smaller and smooth, not larger and seldom");
    assert_eq!((chosen(None, 0, 100), chosen(None, 0, 70), chosen(None, 0, 50)), (Some(1), Some(0), None));
}
