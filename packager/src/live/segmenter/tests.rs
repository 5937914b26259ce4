use mp4_atom::{Any, DecodeMaybe as _};
use proptest::prelude::*;

use super::*;
use crate::testing::{AUDIO, V0, aac, frame, spec};

fn segmenter(audio: bool) -> Segmenter {
    let spec = spec();
    let rendition = &spec.renditions[if audio { AUDIO.0 } else { V0.0 }];
    Segmenter::new(&spec, rendition, Grid::new(&spec, 0))
}

/// (tfdt, Σ sample durations) of a part.
fn times(cut: &Cut) -> Option<(u64, u64)> {
    let mut rest = &cut.media.as_ref()?.bytes[..];
    while let Some(any) = Any::decode_maybe(&mut rest).unwrap() {
        if let Any::Moof(moof) = any {
            let sum = moof.traf[0].trun[0].samples.iter().map(|sample| u64::from(sample.duration.unwrap())).sum();
            return Some((moof.traf[0].tfdt.as_ref().unwrap().base_media_decode_time, sum));
        }
    }
    None
}

fn assert_continuous(cuts: &[Cut], part_target: u64) {
    for cut in cuts {
        assert!(cut.duration > 0 && cut.duration <= part_target, "{:?} lasts {}", cut.position, cut.duration);
        if let Some(times) = times(cut) {
            assert_eq!(times, (cut.start, cut.duration), "{:?}", cut.position);
        }
    }
    for pair in cuts.windows(2) {
        assert_eq!(pair[0].start + pair[0].duration, pair[1].start, "behind {:?}", pair[0].position);
        assert!(pair[0].position < pair[1].position);
    }
}

#[test]
fn a_part_leaves_with_its_last_frame() {
    let (mut segmenter, mut cuts) = (segmenter(false), vec![]);
    for number in 0..60 {
        segmenter.push(frame(V0, number), &mut cuts).unwrap();
        assert_eq!(cuts.len() as u64, (number + 1) / 6, "after frame {number}");
    }
    assert_continuous(&cuts, 18_000);
    let independent: Vec<_> = cuts.iter().map(|cut| cut.media.as_ref().unwrap().independent).collect();
    assert!(independent[0] && !independent[1..].contains(&true));
}

#[test]
fn audio_parts_keep_to_the_video_grid_within_half_a_frame() {
    let (mut segmenter, mut cuts) = (segmenter(true), vec![]);
    for number in 0..2_000 {
        segmenter.push(aac(number), &mut cuts).unwrap();
    }
    assert_continuous(&cuts, 10_240);
    for (at, cut) in (0u64..).zip(&cuts) {
        assert!(cut.start.abs_diff(at * 9_600) <= 512, "{:?} starts {}", cut.position, cut.start);
        assert!(cut.duration * 100 >= 10_240 * 85 && cut.duration.is_multiple_of(1_024));
    }
}

#[test]
fn missing_frame_delays_its_part_and_leaves_no_hole() {
    let (mut segmenter, mut cuts) = (segmenter(false), vec![]);
    for number in (0..60).filter(|number| ![3, 11, 17, 18].contains(number)) {
        segmenter.push(frame(V0, number), &mut cuts).unwrap();
    }
    assert_eq!(cuts.len(), 10);
    assert!(cuts.iter().all(|cut| cut.media.is_some()));
    assert_continuous(&cuts, 18_000);
}

#[test]
fn lone_missing_part_takes_the_first_frame_of_the_next() {
    let (mut segmenter, mut cuts) = (segmenter(false), vec![]);
    for number in (0..60).filter(|number| !(12..18).contains(number)) {
        segmenter.push(frame(V0, number), &mut cuts).unwrap();
    }
    assert!(cuts.len() == 10 && cuts.iter().all(|cut| cut.media.is_some()));
    assert_continuous(&cuts, 18_000);
}

#[test]
fn after_a_gap_video_resumes_at_a_keyframe() {
    let (mut segmenter, mut cuts) = (segmenter(false), vec![]);
    for number in (0..180).filter(|number| !(20..70).contains(number)) {
        let verdict = segmenter.push(frame(V0, number), &mut cuts);
        let dropped = (70..120).contains(&number);
        assert_eq!(verdict.err(), dropped.then_some(Dropped::AwaitingKeyframe), "frame {number}");
    }
    let gaps: Vec<_> = (0..).zip(&cuts).filter(|(_, cut)| cut.media.is_none()).map(|(at, _)| at).collect();
    assert_eq!(gaps, (4..20).collect::<Vec<_>>());
    assert_continuous(&cuts, 18_000);
}

#[test]
fn keyframe_off_the_segment_grid_is_tolerated() {
    for off in [-7i64, -1, 1, 2, 7] {
        let (mut segmenter, mut cuts) = (segmenter(false), vec![]);
        for number in 0..120u64 {
            let mut unit = frame(V0, number);
            unit.keyframe = number == 0 || number as i64 == 60 + off;
            segmenter.push(unit, &mut cuts).unwrap();
        }
        assert!(cuts.len() == 20 && cuts.iter().all(|cut| cut.media.is_some()), "{off}");
        assert_continuous(&cuts, 18_000);
    }
}

#[test]
fn unit_with_impossible_values_is_refused() {
    let (mut segmenter, mut cuts) = (segmenter(false), vec![]);
    segmenter.push(frame(V0, 0), &mut cuts).unwrap();
    let with = |change: fn(&mut AccessUnit)| {
        let mut unit = frame(V0, 1);
        change(&mut unit);
        unit
    };
    let refused =
        [with(|u| u.time = 0), with(|u| u.time = u64::MAX), with(|u| u.duration = 0), with(|u| u.time = 1 << 50)];
    for unit in refused {
        assert_eq!(segmenter.push(unit, &mut cuts), Err(Dropped::Malformed));
    }
    assert!(cuts.is_empty());
}

proptest! {
    /// Jitter, losses, pauses, stray keyframes: decode times never leap and no part exceeds its target.
    #[test]
    fn decode_times_are_continuous_for_any_input(
        audio in any::<bool>(),
        steps in prop::collection::vec((0u64..4_000, 0u8..40, 1u32..6_000, any::<bool>()), 1..300),
    ) {
        let (mut segmenter, mut cuts) = (segmenter(audio), vec![]);
        let mut time = 0;
        for (jitter, dice, duration, keyframe) in steps {
            time += jitter + if dice == 0 { 100_000 } else { 1 };
            let mut unit = if audio { aac(0) } else { frame(V0, 0) };
            (unit.time, unit.duration, unit.keyframe) = (time, duration, audio || keyframe);
            let _ = segmenter.push(unit, &mut cuts);
        }
        segmenter.finish(&mut cuts);
        assert_continuous(&cuts, if audio { 10_240 } else { 18_000 });
    }
}
