//! Decides which frames a rung encodes, and which of them must be keyframes.
//!
//! All rungs see the same frame numbers, so all start their segments with a keyframe of the same picture. No I/O: the
//! frame number and the encoder's state come in, a [`Step`] comes out. Driven by `composer.rs`.

/// The verdict about one frame of a rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Encode it; no keyframe is asked for.
    Encode,
    /// Encode it as a keyframe.
    EncodeKeyframe,
    /// Leave it out: the rung is switched off or its segment is broken.
    Skip,
}

/// One rung's gate.
#[derive(Debug)]
pub struct Gate {
    segment_frames: u64,
    open: bool,
}

impl Gate {
    /// A gate that opens at the first segment start.
    pub fn new(segment_frames: u32) -> Self {
        Self { segment_frames: u64::from(segment_frames), open: false }
    }

    /// `wanted`: the shedding rule keeps this rung; it counts at segment starts only, so that segments end whole.
    /// `room`: the encoder can take a frame now. If not, the rest of the segment is lost, because the frames after a
    /// missing one would refer to it.
    pub fn step(&mut self, frame: u64, wanted: bool, room: bool) -> Step {
        let start = frame.is_multiple_of(self.segment_frames);
        if start {
            self.open = wanted;
        }
        self.open &= room;
        match (self.open, start) {
            (false, _) => Step::Skip,
            (true, true) => Step::EncodeKeyframe,
            (true, false) => Step::Encode,
        }
    }

    /// The encoder failed or lost something: nothing more until the next segment start.
    pub fn close(&mut self) {
        self.open = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(gate: &mut Gate, frames: &[(u64, bool, bool)]) -> String {
        let letter = |step| match step {
            Step::EncodeKeyframe => 'K',
            Step::Encode => 'e',
            Step::Skip => '.',
        };
        frames.iter().map(|&(frame, wanted, room)| letter(gate.step(frame, wanted, room))).collect()
    }

    #[test]
    fn every_segment_starts_with_a_keyframe() {
        let frames: Vec<_> = (0..8).map(|n| (n, true, true)).collect();
        assert_eq!(run(&mut Gate::new(4), &frames), "KeeeKeee");
    }

    #[test]
    fn a_gate_that_starts_late_waits_for_a_segment_start() {
        let frames: Vec<_> = (2..8).map(|n| (n, true, true)).collect();
        assert_eq!(run(&mut Gate::new(4), &frames), "..Keee");
    }

    #[test]
    fn a_full_encoder_loses_the_rest_of_its_segment_only() {
        let frames: Vec<_> = (0..12).map(|n| (n, true, n != 2 && n != 8)).collect();
        assert_eq!(run(&mut Gate::new(4), &frames), "Ke..Keee....");
    }

    #[test]
    fn a_shed_rung_finishes_its_segment_and_returns_with_a_keyframe() {
        let frames: Vec<_> = (0..12).map(|n| (n, !(2..6).contains(&n), true)).collect();
        assert_eq!(run(&mut Gate::new(4), &frames), "Keee....Keee");
    }
}
