//! One layer's numbers, whichever SSRC they come under.
//!
//! A publisher whose encoder restarts goes on under a new SSRC, and its numbers begin anywhere. Subscribers know the
//! layer as one stream, so [`Splice`] continues sequence number, timestamp, VP8's picture ids and AV1's frame number
//! where the last SSRC left them: no sequence number of the layer is given to two packets. Numbers of the first SSRC
//! stay as they are. No I/O and no clock. Driven by the publisher's track.

use std::time::{Duration, Instant};

/// A longer silence between two SSRCs moves the timestamp no further.
const SILENCE_MAX: Duration = Duration::from_secs(3600);

/// The numbers of one packet. Those that a codec does not have are 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Numbers {
    /// 48 bits.
    pub sequence: u64,
    pub timestamp: u32,
    /// VP8's, 15 bits.
    pub picture_id: u16,
    /// VP8's.
    pub tl0: u8,
    /// AV1's, from the dependency descriptor.
    pub frame: u16,
}

/// Continues one layer's numbers across its SSRCs.
#[derive(Debug, Default)]
pub(crate) struct Splice {
    /// The first numbers of the current SSRC.
    theirs: Numbers,
    /// The layer's numbers in place of those.
    ours: Numbers,
    /// The newest packet of the layer, by our numbers, and when it came.
    newest: Option<(Numbers, Instant)>,
    /// The next packet is the first of a new SSRC.
    begins: bool,
}

impl Splice {
    /// The layer goes on under another SSRC.
    pub(crate) fn source_changed(&mut self) {
        self.begins = self.newest.is_some();
    }

    /// Whether the layer waits for the first packet of a new SSRC.
    pub(crate) fn begins(&self) -> bool {
        self.begins
    }

    /// The layer's numbers for a packet of the current SSRC. `None`: the packet is older than the first one of its
    /// SSRC.
    pub(crate) fn apply(&mut self, packet: Numbers, clock_hz: u32, now: Instant) -> Option<Numbers> {
        if std::mem::take(&mut self.begins)
            && let Some((last, at)) = self.newest
        {
            let elapsed = now.saturating_duration_since(at).min(SILENCE_MAX);
            let ticks = (elapsed.as_micros() * u128::from(clock_hz) / 1_000_000) as u32;
            self.theirs = packet;
            self.ours = Numbers {
                sequence: last.sequence + 1,
                timestamp: last.timestamp.wrapping_add(ticks.max(1)),
                picture_id: last.picture_id.wrapping_add(1),
                tl0: last.tl0.wrapping_add(1),
                frame: last.frame.wrapping_add(1),
            };
        }
        let (theirs, ours) = (&self.theirs, &self.ours);
        let numbers = Numbers {
            sequence: ours.sequence + packet.sequence.checked_sub(theirs.sequence)?,
            timestamp: self.timestamp(packet.timestamp),
            picture_id: packet.picture_id.wrapping_sub(theirs.picture_id).wrapping_add(ours.picture_id) & 0x7fff,
            tl0: packet.tl0.wrapping_sub(theirs.tl0).wrapping_add(ours.tl0),
            frame: packet.frame.wrapping_sub(theirs.frame).wrapping_add(ours.frame),
        };
        if self.newest.is_none_or(|(newest, _)| numbers.sequence > newest.sequence) {
            self.newest = Some((numbers, now));
        }
        Some(numbers)
    }

    /// The layer's timestamp for one of the current SSRC.
    pub(crate) fn timestamp(&self, theirs: u32) -> u32 {
        theirs.wrapping_sub(self.theirs.timestamp).wrapping_add(self.ours.timestamp)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn packet(sequence: u64, timestamp: u32, picture_id: u16) -> Numbers {
        Numbers { sequence, timestamp, picture_id, tl0: picture_id as u8, frame: picture_id }
    }

    #[test]
    fn numbers_of_the_first_ssrc_stay_and_the_next_continues_them() {
        let (mut splice, t) = (Splice::default(), Instant::now());
        assert_eq!(splice.apply(packet(500, 9_000, 7), 90_000, t), Some(packet(500, 9_000, 7)));
        splice.source_changed();
        let later = t + Duration::from_millis(100);
        let first = splice.apply(packet(40_000, 77, 30_000), 90_000, later).unwrap();
        assert_eq!((first.sequence, first.timestamp, first.picture_id, first.tl0, first.frame), (501, 18_000, 8, 8, 8));
        let second = splice.apply(packet(40_002, 3_077, 30_001), 90_000, later).unwrap();
        assert_eq!((second.sequence, second.timestamp, second.picture_id), (503, 21_000, 9));
        assert_eq!(splice.apply(packet(39_999, 1, 1), 90_000, later), None, "older than its SSRC's first");
        assert_eq!(splice.timestamp(77), 18_000, "what a sender report says is moved as the packets are");
    }

    #[test]
    fn ssrc_that_sent_nothing_leaves_nothing_to_continue() {
        let mut splice = Splice::default();
        splice.source_changed();
        assert_eq!(splice.apply(packet(9, 9, 9), 48_000, Instant::now()), Some(packet(9, 9, 9)));
    }

    proptest! {
        /// Any SSRCs with any numbers, in any order: no two packets of a layer get one sequence number.
        #[test]
        fn no_sequence_number_is_given_twice(
            sources in prop::collection::vec((0u64..70_000, prop::collection::vec(0u64..200, 1..60)), 1..8)
        ) {
            let (mut splice, mut given, now) = (Splice::default(), HashSet::new(), Instant::now());
            for (first, offsets) in sources {
                splice.source_changed();
                // The peer's SRTP window lets each number of an SSRC through once.
                let own: Vec<u64> = offsets.into_iter().collect::<HashSet<_>>().into_iter().collect();
                for offset in own {
                    if let Some(numbers) = splice.apply(packet(first + offset, 0, 0), 90_000, now) {
                        prop_assert!(given.insert(numbers.sequence), "{} twice", numbers.sequence);
                    }
                }
            }
        }
    }
}
