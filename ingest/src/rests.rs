//! Decides from which segment on a rung rests, or is encoded again.
//!
//! A wish may come at any time and is taken up once a segment, with the last frame before it: so the packager knows
//! what the next segment will be made of while it publishes the last part of this one, and a rung's media begin and end
//! with a segment. Pure: the frame and the wishes come in, the [`Turn`]s come out. Driven by `composer.rs`.

/// A rung that rests, or is encoded again, from a frame on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The rung, counted from the top.
    pub rung: usize,
    /// The first frame for which it holds, which starts a segment.
    pub from: u64,
    /// Whether it rests.
    pub rests: bool,
}

/// The rungs that rest.
#[derive(Debug)]
pub struct Rests {
    segment_frames: u64,
    resting: Vec<bool>,
    /// The segment for which the wishes were taken up last.
    decided: Option<u64>,
}

impl Rests {
    /// A ladder of `rungs` rungs, of which none rests.
    pub fn new(rungs: usize, segment_frames: u32) -> Self {
        Self { segment_frames: u64::from(segment_frames), resting: vec![false; rungs], decided: None }
    }

    /// Whether a rung rests in the segment that was decided on last.
    pub fn rests(&self, rung: usize) -> bool {
        self.resting.get(rung).copied().unwrap_or_default()
    }

    /// How many rungs rest.
    pub fn count(&self) -> usize {
        self.resting.iter().filter(|rests| **rests).count()
    }

    /// Before frame `frame` is encoded: takes up the wishes, if the next frame starts a segment, or this one does and
    /// the one before was left out. The lowest rung never rests. One that rests goes on resting while it is among the
    /// `shed` rungs at the top that would be shed: its viewers have lent media, where a shed rung has gaps.
    pub fn step(&mut self, frame: u64, shed: usize, wished: impl Fn(usize) -> bool) -> Vec<Turn> {
        let segment = (frame + 1) / self.segment_frames;
        if self.decided.replace(segment) == Some(segment) {
            return vec![];
        }
        let from = segment * self.segment_frames;
        let highs = self.resting.len().saturating_sub(1);
        let turn = |(rung, resting): (usize, &mut bool)| {
            let rests = wished(rung) || *resting && rung < shed;
            (std::mem::replace(resting, rests) != rests).then_some(Turn { rung, from, rests })
        };
        self.resting.iter_mut().take(highs).enumerate().filter_map(turn).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyframes::{Gate, Step};

    #[test]
    fn wishes_are_taken_up_with_the_last_frame_of_a_segment() {
        let mut rests = Rests::new(3, 4);
        let mut turns = vec![];
        for frame in 0..16 {
            // The lowest rung is wished to rest too.
            turns.extend(
                rests.step(frame, 0, |rung| (2..9).contains(&frame) && rung != 1).into_iter().map(|t| (frame, t)),
            );
        }
        let turn = |from, rests| Turn { rung: 0, from, rests };
        assert_eq!(turns, [(3, turn(4, true)), (11, turn(12, false))]);
    }

    #[test]
    fn wishes_are_taken_up_at_the_start_of_a_segment_whose_last_frame_before_was_left_out() {
        let mut rests = Rests::new(2, 4);
        for frame in [0, 1, 2] {
            assert_eq!(rests.step(frame, 0, |_| false), []);
        }
        assert_eq!(rests.step(4, 0, |_| true), [Turn { rung: 0, from: 4, rests: true }]);
        assert_eq!(rests.step(5, 0, |_| false), []);
        assert!(rests.rests(0) && !rests.rests(1) && rests.count() == 1);
    }

    #[test]
    fn rung_at_rest_does_not_wake_while_it_would_be_shed_and_shedding_lets_no_rung_rest() {
        let mut rests = Rests::new(3, 4);
        let turns: Vec<_> = (0..24)
            .flat_map(|frame| {
                let shed = if (8..18).contains(&frame) { 2 } else { 0 };
                rests.step(frame, shed, |rung| rung == 0 && frame < 8)
            })
            .collect();
        let turn = |from, rests| Turn { rung: 0, from, rests };
        assert_eq!(turns, [turn(0, true), turn(20, false)]);
    }

    #[test]
    fn a_rung_encodes_whole_segments_between_its_rests() {
        let (mut rests, mut gate) = (Rests::new(2, 4), Gate::new(4));
        let steps: String = (0..20)
            .map(|frame| {
                rests.step(frame, 0, |_| (2..10).contains(&frame));
                match gate.step(frame, !rests.rests(0), true) {
                    Step::EncodeKeyframe => 'K',
                    Step::Encode => 'e',
                    Step::Skip => '.',
                }
            })
            .collect();
        assert_eq!(steps, "Keee........KeeeKeee");
    }
}
