use proptest::prelude::*;

use super::*;
use crate::testing::{AUDIO, V0, aac, asc, avc, frame, spec};

const V1: RenditionId = RenditionId(1);

struct Rig {
    programme: Programme,
    /// By rendition: (position, is a gap, map, discontinuity).
    cuts: [Vec<(crate::object::Position, bool, Option<u32>, bool)>; 3],
    /// By rendition: the media of each of these cuts, and of the one after it.
    sources: [Vec<(Source, Source)>; 3],
}

impl Rig {
    fn new() -> Self {
        let mut rig =
            Self { programme: Programme::new(spec(), 3), cuts: Default::default(), sources: Default::default() };
        for (rendition, config) in [(V0, avc(1)), (V1, avc(2)), (AUDIO, asc())] {
            rig.push(Delivery::Codec { rendition, config });
        }
        rig
    }

    fn push(&mut self, delivery: Delivery) {
        let mut out = vec![];
        self.programme.push(delivery, &mut out);
        for output in out {
            if let Output::Cut { rendition, source, next, discontinuity, cut } = output {
                self.cuts[rendition.0].push((cut.position, cut.media.is_none(), source.map, discontinuity));
                self.sources[rendition.0].push((source, next));
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

/// By segment of a rendition: `l`ent, `o`wn, `g`ap in it.
fn sources(rig: &Rig, rendition: RenditionId) -> String {
    let parts = rig.cuts[rendition.0].iter().zip(&rig.sources[rendition.0]);
    let mut letters = std::collections::BTreeMap::new();
    for ((at, gap, ..), (source, _)) in parts {
        let letter = if *gap {
            'g'
        } else if source.lent {
            'l'
        } else {
            'o'
        };
        let known = letters.entry(at.msn).or_insert(letter);
        assert!(*known == letter || *known == 'g' || letter == 'g', "segment {} is of both", at.msn);
        *known = if letter == 'g' { 'g' } else { *known };
    }
    letters.into_values().collect()
}

#[test]
fn a_rung_at_rest_is_lent_the_lowest_rungs_parts_until_the_segment_in_which_it_wakes() {
    let mut rig = Rig::new();
    rig.play(0..179, |_| true);
    rig.push(Delivery::Rest { rendition: V0, from: 180 * 3_000 });
    rig.play(179..180, |_| true);
    rig.play(180..359, |id| id != V0);
    rig.push(Delivery::Wake { rendition: V0, from: 360 * 3_000 });
    rig.play(359..360, |id| id != V0);
    rig.play(360..600, |_| true);
    assert_eq!(sources(&rig, V0), "ooollloooo");
    assert_eq!(sources(&rig, V1), "oooooooooo");
    let positions = |id: RenditionId| rig.cuts[id.0].iter().map(|(at, ..)| *at).collect::<Vec<_>>();
    assert_eq!(positions(V0), positions(V1), "rungs stay aligned");
    assert!(rig.cuts.iter().flatten().all(|(_, gap, _, discontinuity)| !gap && !discontinuity));
    // The rest is known with the last part of each segment.
    let all = &rig.sources[0];
    assert!(all.windows(2).all(|pair| pair[0].1 == pair[1].0), "{all:?}");
}

#[test]
fn a_rung_that_wakes_before_the_lowest_has_lent_the_last_part_loses_no_picture() {
    let mut rig = Rig::new();
    rig.play(0..60, |_| true);
    rig.push(Delivery::Rest { rendition: V0, from: 60 * 3_000 });
    rig.play(60..119, |id| id != V0);
    rig.push(Delivery::Wake { rendition: V0, from: 120 * 3_000 });
    // Its encoder is quicker than the lowest rung's.
    (120..127).for_each(|number| rig.push(Delivery::Unit(frame(V0, number))));
    rig.play(119..127, |id| id != V0);
    rig.play(127..240, |_| true);
    assert_eq!((sources(&rig, V0), sources(&rig, V1)), ("oloo".into(), "oooo".into()));
    assert_eq!(rig.cuts[0].len(), rig.cuts[1].len());
}

#[test]
fn a_rung_that_rests_is_not_awaited() {
    let mut rig = Rig::new();
    rig.play(0..119, |_| true);
    rig.push(Delivery::Rest { rendition: V0, from: 120 * 3_000 });
    rig.play(119..120, |_| true);
    rig.play(120..126, |id| id != V0);
    assert_eq!(rig.cuts[0].len(), rig.cuts[1].len());
}

#[test]
fn last_parts_of_a_rung_that_come_after_its_rest_began_are_missing_and_no_more() {
    let mut rig = Rig::new();
    rig.play(0..115, |_| true);
    rig.push(Delivery::Rest { rendition: V0, from: 120 * 3_000 });
    rig.play(115..180, |id| id != V0);
    (115..120).for_each(|number| rig.push(Delivery::Unit(frame(V0, number))));
    rig.play(180..240, |id| id != V0);
    assert_eq!(sources(&rig, V0), "ooll", "its last part is as long as its frames reach");
}

#[test]
fn rest_and_wake_that_come_late_begin_with_the_next_segment() {
    let mut rig = Rig::new();
    rig.play(0..150, |_| true);
    rig.push(Delivery::Rest { rendition: V0, from: 120 * 3_000 });
    rig.play(150..290, |id| id != V0);
    rig.push(Delivery::Wake { rendition: V0, from: 240 * 3_000 });
    rig.play(290..420, |_| true);
    assert_eq!(sources(&rig, V0), "ooglloo");
}

#[test]
fn a_rung_whose_rest_is_taken_back_and_that_gives_no_media_becomes_gaps() {
    let mut rig = Rig::new();
    rig.play(0..90, |_| true);
    rig.push(Delivery::Rest { rendition: V0, from: 120 * 3_000 });
    rig.push(Delivery::Wake { rendition: V0, from: 120 * 3_000 });
    rig.play(90..240, |id| id != V0);
    assert_eq!(sources(&rig, V0), "oggg");
    assert!(rig.cuts[0].len() >= 39, "its playlist advances: {}", rig.cuts[0].len());
}

#[test]
fn the_lowest_rung_and_sound_never_rest() {
    let mut rig = Rig::new();
    rig.play(0..60, |_| true);
    for rendition in [V1, AUDIO, RenditionId(9)] {
        rig.push(Delivery::Rest { rendition, from: 60 * 3_000 });
    }
    rig.play(60..180, |_| true);
    assert!(rig.sources.iter().flatten().all(|(source, _)| !source.lent));
}

#[test]
fn gaps_of_the_lowest_rung_are_gaps_of_those_it_lends_to() {
    let mut rig = Rig::new();
    rig.play(0..60, |_| true);
    rig.push(Delivery::Rest { rendition: V0, from: 60 * 3_000 });
    rig.play(60..120, |id| id != V0);
    rig.play(120..180, |id| id == AUDIO);
    rig.play(180..240, |id| id != V0);
    assert_eq!((sources(&rig, V0), sources(&rig, V1)), ("olgl".into(), "oogo".into()));
    assert_eq!(rig.cuts[0].len(), rig.cuts[1].len());
}

#[test]
fn a_woken_rung_that_gives_no_media_becomes_gaps() {
    let mut rig = Rig::new();
    rig.play(0..60, |_| true);
    rig.push(Delivery::Rest { rendition: V0, from: 60 * 3_000 });
    rig.play(60..119, |id| id != V0);
    rig.push(Delivery::Wake { rendition: V0, from: 120 * 3_000 });
    rig.play(119..240, |id| id != V0);
    assert_eq!(sources(&rig, V0), "olgg");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn rungs_stay_aligned_however_they_rest_and_however_late_their_encoders_are(
        mut rests in prop::collection::vec(any::<bool>(), 8),
        late in 0_u64..12,
        lowest_late in 0_u64..12,
    ) {
        rests[0] = false;
        let rests_in = |segment: u64| rests[(segment as usize).min(7)];
        let mut rig = Rig::new();
        for now in 0..8 * 60 {
            let (from, segment) = ((now + 1) * 3_000, (now + 1) / 60);
            match (now % 60, rests_in(now / 60), rests_in(segment)) {
                (59, false, true) => rig.push(Delivery::Rest { rendition: V0, from }),
                (59, true, false) => rig.push(Delivery::Wake { rendition: V0, from }),
                _ => {}
            }
            if let Some(number) = now.checked_sub(late).filter(|number| !rests_in(number / 60)) {
                rig.push(Delivery::Unit(frame(V0, number)));
            }
            let lowest = now.checked_sub(lowest_late);
            lowest.into_iter().for_each(|number| rig.push(Delivery::Unit(frame(V1, number))));
            rig.play(now..now + 1, |id| id == AUDIO);
        }
        let parts = rig.cuts[0].iter().zip(&rig.sources[0]);
        for (index, ((at, gap, ..), (source, _))) in parts.enumerate() {
            prop_assert_eq!(at.msn * 10 + u64::from(at.part), index as u64);
            prop_assert_eq!(source.lent, rests_in(at.msn), "{:?}", at);
            // Nobody watches the last pictures before a rest.
            prop_assert!(!gap || !source.lent && rests_in(at.msn + 1), "a gap at {:?}", at);
        }
        prop_assert!(rig.gaps(V1).is_empty());
        prop_assert!(rig.cuts[0].len() >= 74, "{}", rig.cuts[0].len());
    }
}
