//! The packets of one published layer, shared by all who watch it: what a fan-out sends, and what answers a NACK.

use std::sync::Arc;

use super::packet::Packet;

/// Packets remembered: 3.4 s at 300 packets a second.
const SLOTS: usize = 1024;

/// The last packets of a layer, by sequence number.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    slots: Vec<Option<Arc<Packet>>>,
}

impl Ring {
    /// Overwrites what stood there 1024 packets ago.
    pub(crate) fn insert(&mut self, packet: &Arc<Packet>) {
        if self.slots.is_empty() {
            self.slots.resize(SLOTS, None);
        }
        let slot = &mut self.slots[slot(packet.sequence)];
        // A late packet does not push out a newer one.
        if slot.as_ref().is_none_or(|old| old.sequence < packet.sequence) {
            *slot = Some(packet.clone());
        }
    }

    pub(crate) fn get(&self, sequence: u64) -> Option<&Arc<Packet>> {
        self.slots.get(slot(sequence))?.as_ref().filter(|p| p.sequence == sequence)
    }
}

fn slot(sequence: u64) -> usize {
    sequence as usize % SLOTS
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::media::packet::LayerPosition;

    fn packet(sequence: u64) -> Arc<Packet> {
        Arc::new(Packet {
            sequence,
            timestamp: 0,
            marker: false,
            keyframe: false,
            place: LayerPosition::default(),
            vp8: None,
            red_primary: 0,
            descriptor: None,
            payload: Arc::new([]),
            arrived: Instant::now(),
        })
    }

    #[test]
    fn ring_keeps_the_last_1024_packets_and_no_others() {
        let mut ring = Ring::default();
        assert!(ring.get(5).is_none());
        for sequence in 65_000..67_000 {
            ring.insert(&packet(sequence));
        }
        ring.insert(&packet(65_100));
        for (sequence, there) in
            [(66_999, true), (66_999 - 1023, true), (66_999 - 1024, false), (65_100, false), (67_000, false)]
        {
            assert_eq!(ring.get(sequence).is_some(), there, "{sequence}");
        }
    }
}
