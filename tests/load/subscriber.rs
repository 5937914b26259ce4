//! The subscribers: one loop receives for all of them.
//!
//! A plain subscriber looks at RTP headers only. A sampled one decrypts every packet, which proves that it could be shown,
//! and compares the kernel's receive time with the send time in the payload. Each sends a receiver report with REMB once a
//! second, with a keyframe request while it has nothing, and renews its consent every five.

use std::time::{Duration, Instant};

use rig::peer::{DATAGRAM_BYTES_MAX, Peer};
use rig::{Error, Result, rtcp, vp8};

use crate::cli::Options;
use crate::receive::{Batch, Epoll, enable_timestamps, set_receive_buffer};

/// Bytes of a datagram that a plain subscriber reads.
const HEAD_BYTES: usize = 16;
/// Receive buffer of each subscriber, bytes.
const RECEIVE_BUFFER: i32 = 1 << 20;
/// How often the loop attends to reports.
const TURN: Duration = Duration::from_millis(5);
/// Consent is renewed with every so-many-th report.
const CONSENT_EVERY: u64 = 5;

/// What one subscriber saw of its picture's sequence numbers (RFC 3550 §A.3).
#[derive(Clone, Copy, Debug, Default)]
struct Sequence {
    received: u64,
    first: u64,
    highest: u64,
}

impl Sequence {
    fn count(&mut self, sequence: u16) {
        if self.received == 0 {
            (self.first, self.highest) = (u64::from(sequence), u64::from(sequence));
        }
        self.received += 1;
        let ahead = sequence.wrapping_sub(self.highest as u16) as i16;
        self.highest += ahead.max(0) as u64;
    }
}

struct Subscriber {
    peer: Peer,
    sampled: bool,
    ssrc: u32,
    sequence: Sequence,
}

/// What all subscribers together have seen so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// Packets of pictures.
    pub received: u64,
    /// Packets there must have been, by their sequence numbers.
    pub numbered: u64,
    /// Packets of other kinds: retransmissions, padding, sound.
    pub other: u64,
    /// Packets that sampled subscribers decrypted and found whole.
    pub decrypted: u64,
    /// Packets that they could not decrypt, or that were not ours.
    pub bad: u64,
    /// Subscribers that never received anything.
    pub silent: u64,
}

/// All subscribers.
pub(crate) struct Audience {
    subscribers: Vec<Subscriber>,
    epoll: Epoll,
    batch: Batch,
    other: u64,
    decrypted: u64,
    bad: u64,
    reports: u64,
    remb_bits_per_second: u64,
    /// From send call to kernel receipt at sampled subscribers, microseconds, since last cleared.
    pub latency_us: Vec<f64>,
}

impl Audience {
    pub(crate) fn new(peers: Vec<Peer>, options: &Options) -> Result<Self> {
        let epoll = Epoll::new().map_err(Error::io("making an epoll"))?;
        let sample = options.sample.min(options.subscribers) as usize;
        let mut subscribers = Vec::with_capacity(peers.len());
        for (i, peer) in peers.into_iter().enumerate() {
            // From the middle of each stretch: fan-out is serial, and its first and last are not typical.
            let sampled = i % sample == sample / 2;
            set_receive_buffer(&peer.socket, RECEIVE_BUFFER);
            if sampled {
                enable_timestamps(&peer.socket);
            }
            epoll.add(&peer.socket, i).map_err(Error::io("watching a subscriber's socket"))?;
            subscribers.push(Subscriber { peer, sampled, ssrc: 0, sequence: Sequence::default() });
        }
        let remb_bits_per_second = options.remb_kbps * 1000;
        Ok(Self {
            subscribers,
            epoll,
            batch: Batch::new(),
            other: 0,
            decrypted: 0,
            bad: 0,
            reports: 0,
            remb_bits_per_second,
            latency_us: vec![],
        })
    }

    /// The profile that most were given.
    pub(crate) fn profile(&self) -> String {
        self.subscribers.first().map_or(String::new(), |s| format!("{:?}", s.peer.profile))
    }

    /// Receives for `time`.
    pub(crate) fn run(&mut self, time: Duration) {
        let (start, reported) = (Instant::now(), self.reports);
        while start.elapsed() < time {
            let ready: Vec<usize> = self.epoll.wait(TURN).collect();
            for i in ready {
                self.receive(i);
            }
            let due = (start.elapsed().as_secs_f64() * self.subscribers.len() as f64) as u64;
            while self.reports < reported + due {
                self.report();
            }
        }
    }

    fn receive(&mut self, i: usize) {
        let Some(subscriber) = self.subscribers.get_mut(i) else { return };
        let Subscriber { peer, sampled, ssrc, sequence } = subscriber;
        let head = if *sampled { DATAGRAM_BYTES_MAX } else { HEAD_BYTES };
        self.batch.receive(&peer.socket, head, |datagram| {
            let bytes = datagram.bytes;
            if bytes.len() < vp8::RTP_HEADER || bytes[0] >> 6 != 2 || rtcp::is_rtcp(bytes) {
                return;
            }
            if bytes[1] & 0x7f != peer.answer.video_pt {
                self.other += 1;
                return;
            }
            *ssrc = u32::from_be_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
            sequence.count(u16::from_be_bytes([bytes[2], bytes[3]]));
            if !*sampled {
                return;
            }
            match peer.rx.decrypt_rtp(bytes).ok().and_then(|plain| vp8::sent_ns(&plain)) {
                Some(sent) => {
                    self.decrypted += 1;
                    self.latency_us.push(datagram.received_ns.saturating_sub(sent) as f64 / 1000.0);
                }
                None => self.bad += 1,
            }
        });
    }

    fn report(&mut self) {
        let (count, n) = (self.subscribers.len() as u64, self.reports);
        self.reports += 1;
        let Some(subscriber) = self.subscribers.get_mut((n % count) as usize) else { return };
        let (source, highest) = (subscriber.ssrc, subscriber.sequence.highest as u32);
        let mut compound = rtcp::receiver_report_remb(1, source, highest, self.remb_bits_per_second);
        if subscriber.sequence.received == 0 {
            // As a browser does that has nothing to show.
            compound.extend(rtcp::pli(1, subscriber.peer.answer.video_ssrc.unwrap_or(source)));
        }
        let _ = subscriber.peer.send_rtcp(&compound);
        subscriber.peer.session.beat();
        if n / count % CONSENT_EVERY == 0
            && let Ok(check) = subscriber.peer.binding_request()
        {
            let _ = subscriber.peer.socket.send(&check);
        }
    }

    /// What has been seen since the beginning.
    pub(crate) fn seen(&self) -> Seen {
        let mut seen = Seen { other: self.other, decrypted: self.decrypted, bad: self.bad, ..Seen::default() };
        for Subscriber { sequence, .. } in &self.subscribers {
            seen.received += sequence.received;
            seen.numbered += if sequence.received == 0 { 0 } else { sequence.highest - sequence.first + 1 };
            seen.silent += u64::from(sequence.received == 0);
        }
        seen
    }

    /// The sessions, to end them.
    pub(crate) fn into_peers(self) -> impl Iterator<Item = Peer> {
        self.subscribers.into_iter().map(|subscriber| subscriber.peer)
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
        assert_eq!((sequence.received, sequence.highest - sequence.first + 1), (5, 8));
    }
}
