//! Rungs that rest, and come back.

use std::sync::Arc;
use std::time::Duration;

use packager::delivery::RenditionId;

use crate::{Camera, Unreachable, config, live};

#[test]
fn rung_rests_for_whole_segments_and_comes_back_with_a_keyframe() {
    gstreamer::init().unwrap();
    let (broadcast, spec, recorder) = live(&config(), Arc::new(Unreachable::default()));
    let _anna = Camera::start(&broadcast, "anna", 90);
    let pass = |ms| std::thread::sleep(Duration::from_millis(ms));
    let (top, lowest, sound) = (RenditionId(0), RenditionId(1), RenditionId(2));
    pass(1_500);
    [top, lowest, sound].into_iter().for_each(|rendition| broadcast.rest(rendition, true));
    pass(2_500);
    assert_eq!(broadcast.status().rungs_resting, 1);
    broadcast.rest(top, false);
    pass(2_500);
    assert_eq!(broadcast.status().rungs_resting, 0);
    assert!(broadcast.stop_blocking());
    recorder.join().unwrap().check_rest(top, lowest, &spec);
}
