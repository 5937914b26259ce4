//! Counters of a shard since it last handed them over.

use crate::dropped::Dropped;
use crate::metrics;
use crate::transport::udp::Sent;

/// Plain numbers, handed over a few times a second.
#[derive(Default)]
pub(super) struct Counters {
    pub received_packets: u64,
    pub received_bytes: u64,
    pub forwarded: u64,
    pub retransmitted: u64,
    pub keyframes_asked: u64,
    pub keyframes_sent: u64,
    pub nacked: u64,
    /// As few as there are reasons.
    dropped: Vec<(Dropped, u64)>,
}

impl Counters {
    pub(super) fn drop_one(&mut self, reason: Dropped) {
        self.drop_many(reason, 1);
    }

    pub(super) fn drop_many(&mut self, reason: Dropped, count: u64) {
        if count == 0 {
            return;
        }
        match self.dropped.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, sum)) => *sum += count,
            None => self.dropped.push((reason, count)),
        }
    }

    #[cfg(test)]
    pub(super) fn dropped(&self, reason: Dropped) -> u64 {
        self.dropped.iter().filter(|(known, _)| *known == reason).map(|(_, count)| count).sum()
    }

    /// Adds everything to the metrics, and begins anew.
    pub(super) fn hand_over(&mut self, sent: Sent) {
        let counted = std::mem::take(self);
        metrics::received(counted.received_packets, counted.received_bytes);
        metrics::forwarded(counted.forwarded + counted.retransmitted, counted.retransmitted);
        metrics::keyframes(counted.keyframes_asked, counted.keyframes_sent);
        metrics::nacks(counted.nacked);
        metrics::sent(sent.datagrams, sent.bytes, sent.calls);
        for (reason, count) in counted.dropped {
            metrics::dropped(reason, count);
        }
        if sent.refused > 0 {
            metrics::dropped(Dropped::SendRefused, sent.refused);
        }
    }
}
