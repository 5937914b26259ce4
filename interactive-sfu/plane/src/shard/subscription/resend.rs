//! Sending again: what a viewer missed, and, to see what its path carries, what it did not.

use std::time::Instant;

use super::{Subscription, renumber};
use crate::media::packet::Packet;
use crate::media::rewrite::Numbers;
use crate::shard::head::{Link, Stamp};
use crate::shard::layer::FanoutLayer;
use crate::shard::net::Net;
use crate::transport::srtp::OVERHEAD_MAX;

/// Retransmissions a second to one section, and how many at once: a receiver that asks for more has a path that carries
/// less.
const PER_SECOND: f64 = 400.0;
const BURST: f64 = 200.0;

/// How many retransmissions may go out now.
pub(super) struct Allowance {
    left: f64,
    at: Option<Instant>,
}

impl Default for Allowance {
    fn default() -> Self {
        Self { left: BURST, at: None }
    }
}

impl Allowance {
    fn allows(&mut self, now: Instant) -> bool {
        let elapsed = self.at.replace(now).map_or(0.0, |at| now.saturating_duration_since(at).as_secs_f64());
        self.left = (self.left + elapsed * PER_SECOND).min(BURST);
        self.left >= 1.0
    }

    fn take(&mut self) {
        self.left -= 1.0;
    }
}

impl Subscription {
    /// Answers a NACK of `sequence`. `true`: it was sent again.
    pub(crate) fn resend(
        &mut self,
        sequence: u16,
        layers: &[FanoutLayer],
        link: &Link<'_>,
        net: &mut Net,
        stamp: &Stamp,
    ) -> bool {
        if !self.allowance.allows(stamp.now) {
            return false;
        }
        let Some((layer, source_sequence, index)) = self.rewriter.source_of(sequence) else { return false };
        let Some(packet) = layers.get(layer).and_then(|l| l.ring.get(source_sequence)) else { return false };
        let Some(numbers) = self.rewriter.again(index, packet) else { return false };
        self.allowance.take();
        match self.source.as_ref().and_then(|s| s.rtx_payload_type) {
            // The same bytes under the same number: no nonce is used for two contents.
            None if packet.payload.is_empty() => false,
            None => self.send(packet, &numbers, link, net, stamp),
            Some(payload_type) => self.send_rtx(packet, &numbers, payload_type, link, net, stamp),
        }
    }

    /// RFC 4588 §4: the original number in front of the payload, in a stream of its own.
    fn send_rtx(
        &mut self,
        packet: &Packet,
        numbers: &Numbers,
        payload_type: u8,
        link: &Link<'_>,
        net: &mut Net,
        stamp: &Stamp,
    ) -> bool {
        let fields = self.fields(packet, numbers, payload_type, self.rtx_index as u16);
        let slot = net.slot(link.path);
        let spare = 2 + packet.payload.len() + OVERHEAD_MAX;
        let Some(head) = self.rtx_head.write(slot, &fields, stamp, spare) else { return false };
        let (start, len) = (head + 2, head + 2 + packet.payload.len());
        slot[head..start].copy_from_slice(&(numbers.index as u16).to_be_bytes());
        slot[start..len].copy_from_slice(&packet.payload);
        renumber(&mut slot[start..len], packet, numbers);
        let index = self.rtx_index;
        self.rtx_index += 1;
        let Some(len) = link.sealer.seal_rtp(slot, head, len, index) else { return false };
        net.commit(link.path, len);
        true
    }

    /// Sends the newest packets again, as RTX, until `bytes` are sent: traffic that shows whether the path carries
    /// more. Returns the packets sent.
    pub(crate) fn probe(
        &mut self,
        bytes: usize,
        layers: &[FanoutLayer],
        link: &Link<'_>,
        net: &mut Net,
        stamp: &Stamp,
    ) -> u64 {
        let Some(payload_type) = self.source.as_ref().and_then(|s| s.rtx_payload_type) else { return 0 };
        let Some(mut sequence) = self.rewriter.highest_sequence() else { return 0 };
        let (mut left, mut sent) = (bytes as isize, 0);
        for _ in 0..64 {
            if left <= 0 {
                break;
            }
            let Some((layer, source, index)) = self.rewriter.source_of(sequence) else { break };
            if let Some(packet) = layers.get(layer).and_then(|l| l.ring.get(source)).filter(|p| !p.payload.is_empty())
                && let Some(numbers) = self.rewriter.again(index, packet)
                && self.send_rtx(packet, &numbers, payload_type, link, net, stamp)
            {
                left -= packet.payload.len() as isize;
                sent += 1;
            }
            sequence = sequence.wrapping_sub(1);
        }
        sent
    }
}
