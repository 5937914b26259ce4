//! When a newcomer has something to show: its first packet, and its first whole keyframe.
//!
//! A keyframe is whole when its first packet and all up to its marker have come, one after the other: on loopback
//! nothing overtakes.

use rig::vp8;

/// What one track still has to bring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FirstFrame {
    /// The sequence number that goes on with the keyframe under way.
    next: Option<u16>,
    /// It has been whole.
    pub done: bool,
}

impl FirstFrame {
    /// A decrypted packet of sound, of which each is whole; whether it is the first.
    pub(crate) fn add_sound(&mut self) -> bool {
        !std::mem::replace(&mut self.done, true)
    }

    /// A decrypted packet of the track; whether it completes the first keyframe.
    pub(crate) fn add(&mut self, packet: &[u8]) -> bool {
        let [_, marker, high, low, ..] = *packet else { return false };
        let sequence = u16::from_be_bytes([high, low]);
        let goes_on = vp8::begins_keyframe(packet) || self.next == Some(sequence);
        let complete = !self.done && goes_on && marker & 0x80 != 0;
        self.next = (goes_on && !complete).then(|| sequence.wrapping_add(1));
        self.done |= complete;
        complete
    }
}

#[cfg(test)]
mod tests {
    use rig::vp8::Vp8Stream;

    use super::*;

    #[test]
    fn only_a_keyframe_with_all_its_packets_counts_and_only_the_first() {
        let (mut stream, mut packet, mut first) = (Vp8Stream::new(7, 96, 100), vec![], FirstFrame::default());
        // Of each frame: whether it is a keyframe, and which of its three packets come.
        let frames = [(false, [1, 1, 1]), (true, [0, 1, 1]), (true, [1, 0, 1]), (true, [1, 1, 1]), (true, [1, 1, 1])];
        let whole: Vec<usize> = (0..)
            .zip(frames)
            .filter(|(_, (keyframe, come))| {
                stream.next_frame(3000);
                (0..3).fold(false, |whole, i| {
                    stream.packet(&mut packet, i == 0, i == 2, *keyframe, 0);
                    (come[i] == 1 && first.add(&packet)) || whole
                })
            })
            .map(|(n, _)| n)
            .collect();
        assert_eq!((whole, first.done), (vec![3], true));
    }
}
