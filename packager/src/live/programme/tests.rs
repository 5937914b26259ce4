use super::*;
use crate::testing::{AUDIO, V0, aac, asc, avc, frame, spec};

const V1: RenditionId = RenditionId(1);

struct Rig {
    programme: Programme,
    /// By rendition: (position, is a gap, map, discontinuity).
    cuts: [Vec<(crate::object::Position, bool, Option<u32>, bool)>; 3],
}

impl Rig {
    fn new() -> Self {
        let mut rig = Self { programme: Programme::new(spec(), 3), cuts: Default::default() };
        for (rendition, config) in [(V0, avc(1)), (V1, avc(2)), (AUDIO, asc())] {
            rig.push(Delivery::Codec { rendition, config });
        }
        rig
    }

    fn push(&mut self, delivery: Delivery) {
        let mut out = vec![];
        self.programme.push(delivery, &mut out);
        for output in out {
            if let Output::Cut { rendition, map, discontinuity, cut } = output {
                self.cuts[rendition.0].push((cut.position, cut.media.is_none(), map, discontinuity));
            }
        }
    }

    /// Video frames in real-time order, with the audio that belongs to each.
    fn play(&mut self, frames: std::ops::Range<u64>, with: impl Fn(RenditionId) -> bool) {
        for number in frames {
            for rendition in [V0, V1].into_iter().filter(|id| with(*id)) {
                self.push(Delivery::Unit(frame(rendition, number)));
            }
            let (from, to) = ((number * 1_600).div_ceil(1_024), ((number + 1) * 1_600).div_ceil(1_024));
            (from..to).filter(|_| with(AUDIO)).for_each(|number| self.push(Delivery::Unit(aac(number))));
        }
    }

    fn gaps(&self, rendition: RenditionId) -> Vec<u64> {
        let gaps = self.cuts[rendition.0].iter().filter(|(_, gap, ..)| *gap);
        gaps.map(|(at, ..)| at.msn * 10 + u64::from(at.part)).collect()
    }
}

#[test]
fn renditions_stay_in_step() {
    let mut rig = Rig::new();
    rig.play(0..600, |_| true);
    let counts = rig.cuts.each_ref().map(Vec::len);
    assert_eq!(counts[..2], [100, 100]);
    assert!(counts[2].abs_diff(100) <= 1, "{counts:?}");
    assert!([V0, V1, AUDIO].iter().all(|id| rig.gaps(*id).is_empty()));
}

#[test]
fn a_shed_rung_becomes_gaps_and_comes_back_at_a_keyframe() {
    let mut rig = Rig::new();
    rig.play(0..100, |_| true);
    rig.play(100..300, |id| id != V0);
    assert!(rig.cuts[0].len() >= 49, "its playlist advances with its siblings': {}", rig.cuts[0].len());
    rig.play(300..600, |_| true);
    assert_eq!(rig.gaps(V0), (17..50).collect::<Vec<_>>(), "part 16 had its frames; 300 is a keyframe");
    assert!(rig.gaps(V1).is_empty() && rig.gaps(AUDIO).is_empty());
    assert_eq!(rig.cuts[0].len(), 100);
}

#[test]
fn a_rung_that_never_came_is_all_gaps() {
    let mut rig = Rig::new();
    rig.play(0..120, |id| id != V1);
    assert!(rig.gaps(V1).len() >= 19);
    assert_eq!(rig.gaps(V1).len(), rig.cuts[1].len());
}

#[test]
fn new_configuration_starts_a_segment_with_discontinuity_in_all_renditions() {
    let mut rig = Rig::new();
    rig.play(0..120, |_| true);
    rig.push(Delivery::Codec { rendition: V0, config: avc(9) });
    rig.push(Delivery::Codec { rendition: V1, config: avc(2) }); // no change
    rig.play(120..240, |_| true);
    for (rendition, map) in [(V0, Some(1)), (V1, Some(0)), (AUDIO, Some(0))] {
        for (at, _, used, discontinuity) in &rig.cuts[rendition.0] {
            assert_eq!(*used, if at.msn < 2 { Some(0) } else { map }, "{rendition:?} {at:?}");
            assert_eq!(*discontinuity, at.msn == 2, "{rendition:?} {at:?}");
        }
        assert!(rig.gaps(rendition).is_empty());
    }
}

#[test]
fn a_configuration_in_mid_segment_waits_for_the_next() {
    let mut rig = Rig::new();
    rig.play(0..90, |_| true);
    rig.push(Delivery::Codec { rendition: V0, config: avc(9) });
    rig.play(90..240, |_| true);
    assert_eq!(rig.gaps(V0), (15..20).collect::<Vec<_>>());
    let first = rig.cuts[0].iter().find(|(_, _, map, _)| *map == Some(1)).unwrap();
    assert_eq!((first.0.msn, first.1, first.3), (2, false, true));
}

#[test]
fn audio_before_the_first_picture_is_not_lost() {
    let mut rig = Rig::new();
    (0..30).for_each(|number| rig.push(Delivery::Unit(aac(number))));
    assert!(rig.cuts[2].is_empty());
    rig.push(Delivery::Unit(frame(V0, 0)));
    assert!(rig.cuts[2].len() == 3 && rig.gaps(AUDIO).is_empty());
}

#[test]
fn unknown_renditions_and_early_units_are_ignored() {
    let mut programme = Programme::new(spec(), 3);
    let mut out = vec![];
    programme.push(Delivery::Unit(frame(RenditionId(99), 0)), &mut out);
    programme.push(Delivery::Codec { rendition: RenditionId(99), config: asc() }, &mut out);
    programme.push(Delivery::Unit(frame(V0, 0)), &mut out);
    assert!(matches!(out[..], [Output::Dropped(V0, Dropped::AwaitingKeyframe)]));
    programme.push(Delivery::End, &mut out);
}
