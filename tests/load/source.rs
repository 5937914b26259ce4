//! What one subscriber got of each track, by the RTP headers.

use crate::first_frame::FirstFrame;

/// What one subscriber saw of its picture's sequence numbers (RFC 3550 §A.3).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sequence {
    pub received: u64,
    first: u64,
    pub highest: u64,
}

impl Sequence {
    pub(crate) fn count(&mut self, sequence: u16) {
        if self.received == 0 {
            (self.first, self.highest) = (u64::from(sequence), u64::from(sequence));
        }
        self.received += 1;
        let ahead = sequence.wrapping_sub(self.highest as u16) as i16;
        self.highest += ahead.max(0) as u64;
    }

    /// Packets there must have been.
    pub(crate) fn numbered(&self) -> u64 {
        self.highest - self.first + 1
    }
}

/// One track that a subscriber gets.
pub(crate) struct Source {
    pub ssrc: u32,
    pub sequence: Sequence,
    pub first: FirstFrame,
}

impl Source {
    /// The track of this SSRC; a new one, if there is to be one more.
    pub(crate) fn of(sources: &mut Vec<Self>, tracks: usize, ssrc: u32) -> Option<&mut Self> {
        if let Some(known) = sources.iter().position(|source| source.ssrc == ssrc) {
            return sources.get_mut(known);
        }
        if sources.len() == tracks {
            return None;
        }
        sources.push(Self { ssrc, sequence: Sequence::default(), first: FirstFrame::default() });
        sources.last_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_packets_are_seen_by_number_across_a_wrap_and_reordering_is_no_loss() {
        let mut sequence = Sequence::default();
        for number in [65533, 65535, 65534, 0, 4] {
            sequence.count(number);
        }
        assert_eq!((sequence.received, sequence.numbered()), (5, 8));
    }
}
