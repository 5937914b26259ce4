//! One section of a viewer: what it carries, how its packets are numbered, sent, and sent again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::fanout::FanoutLayer;
use super::head::{Head, Link, Stamp};
use super::inbox::{NewSection, Source};
use super::net::Net;
use crate::media::codec::vp8;
use crate::media::layers::{LayerChoice, LayerInfo, SizeLimit};
use crate::media::report::ClockMapping;
use crate::media::rewrite::{Numbers, Origin, Rewriter};
use crate::media::ring::Packet;
use crate::media::rtcp::{SenderReport, Writer};
use crate::transport::srtp::OVERHEAD_MAX;

/// Retransmissions a second to one section, and how many at once: a receiver that asks for more has a path that carries less.
const RESENDS_PER_SECOND: f64 = 400.0;
const RESENDS_BURST: f64 = 200.0;
/// A jump of timestamps at a switch that two layers of one picture do not have.
const JUMP_MAX: Duration = Duration::from_secs(10);

/// One section.
pub(crate) struct Subscription {
    pub source: Option<Box<Source>>,
    pub video: bool,
    pub ssrc: u32,
    pub rtx_ssrc: u32,
    cname: String,
    mid: Option<(u8, String)>,
    send_time_extension: Option<u8>,
    head: Head,
    rtx_head: Head,
    rtx_index: u64,
    rewriter: Rewriter,
    pub choice: LayerChoice,
    pub target: Option<usize>,
    /// When the newest packet went out, by its arrival.
    last_arrival: Option<Instant>,
    /// Which layer's clock the timestamps follow, since the last switch.
    clock: Option<ClockMapping>,
    reported: bool,
    packets: u32,
    octets: u32,
    resends: f64,
    resends_at: Option<Instant>,
}

/// A number in 1024..32767, as the numbering wants it.
fn first_sequence() -> u16 {
    rand::random_range(1024..32_768)
}

impl Subscription {
    pub(crate) fn new(section: NewSection) -> Self {
        let mid = section.mid_extension.map(|id| (id, section.mid));
        let named = mid.as_ref().map(|(id, mid)| (*id, mid.as_str()));
        Self {
            source: None,
            video: section.video,
            ssrc: section.ssrc,
            rtx_ssrc: section.rtx_ssrc,
            cname: section.cname,
            head: Head::new(section.ssrc, named, None),
            rtx_head: Head::new(section.rtx_ssrc, named, section.abs_send_time_extension),
            mid,
            send_time_extension: section.abs_send_time_extension,
            rtx_index: u64::from(first_sequence()),
            rewriter: Rewriter::new(Origin { sequence: first_sequence(), timestamp: rand::random() }),
            choice: LayerChoice::default(),
            target: None,
            last_arrival: None,
            clock: None,
            reported: false,
            packets: 0,
            octets: 0,
            resends: RESENDS_BURST,
            resends_at: None,
        }
    }

    /// From now on it carries this.
    pub(crate) fn attach(&mut self, source: Option<Box<Source>>) {
        self.rewriter.leave_source();
        self.choice.reset();
        (self.target, self.clock, self.reported) = (None, None, false);
        // Without RTX a packet is sent again under its own number, and must then be the same to the bit: no sending time in it.
        let stamped = source.as_ref().is_some_and(|s| s.rtx_payload_type.is_some());
        let mid = self.mid.as_ref().map(|(id, mid)| (*id, mid.as_str()));
        self.head = Head::new(self.ssrc, mid, self.send_time_extension.filter(|_| stamped));
        self.source = source;
    }

    /// Decides anew which layer to send. `true`: a keyframe of [`target`](Self::target) is awaited.
    pub(crate) fn choose(
        &mut self,
        infos: &[LayerInfo],
        limit: SizeLimit,
        budget_bits_per_second: Option<u64>,
        now: Instant,
    ) -> bool {
        if !self.video {
            self.target = Some(0);
            return false;
        }
        self.target = self.choice.choose(infos, limit, budget_bits_per_second, now);
        if self.target.is_none() {
            // What follows the pause begins with a keyframe, and right after the last packet before it.
            self.rewriter.leave_source();
        }
        self.awaits_keyframe()
    }

    pub(crate) fn awaits_keyframe(&self) -> bool {
        self.video && self.target.is_some() && self.rewriter.layer() != self.target
    }

    /// Sends a packet that came, if it is of the layer that this subscriber gets.
    #[inline]
    pub(crate) fn forward(
        &mut self,
        layer: usize,
        packet: &Arc<Packet>,
        layers: &[FanoutLayer],
        link: &Link<'_>,
        net: &mut Net,
        stamp: &Stamp,
    ) -> bool {
        let current = self.rewriter.layer();
        if current != Some(layer) || self.target != Some(layer) {
            if self.target == Some(layer) && (packet.keyframe || !self.video) {
                self.switch(layer, packet, layers);
            } else if current.is_none() || (self.target.is_none() && self.video) {
                return false;
            }
        }
        if packet.payload.is_empty() {
            self.rewriter.skip(layer, packet.sequence);
            return false;
        }
        let Some(numbers) = self.rewriter.rewrite(layer, packet) else { return false };
        self.last_arrival = Some(packet.arrived);
        if !self.send(packet, &numbers, link, net, stamp) {
            return false;
        }
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(packet.payload.len() as u32);
        true
    }

    /// The stream goes on with `layer`, beginning with `packet`, at the timestamp that this instant has.
    fn switch(&mut self, layer: usize, packet: &Packet, layers: &[FanoutLayer]) {
        let clock_hz = self.source.as_ref().map_or(90_000, |s| s.clock_hz);
        let next = layers.get(layer).and_then(|l| l.clock);
        let timestamp = self.rewriter.last_timestamp().map(|last| {
            let elapsed = self.last_arrival.map_or(Duration::ZERO, |at| packet.arrived.saturating_duration_since(at));
            let guessed = ((elapsed.as_micros() * u128::from(clock_hz) / 1_000_000) as u32).max(clock_hz / 1000);
            let known = self.clock.zip(next).zip(self.rewriter.timestamp_offset()).map(|((old, new), offset)| {
                let then = old.translate(&new, packet.timestamp, clock_hz).wrapping_add(offset);
                then.wrapping_sub(last)
            });
            let jump_max = clock_hz * JUMP_MAX.as_secs() as u32;
            let ahead = known.filter(|ahead| (1..jump_max).contains(ahead)).unwrap_or(guessed);
            last.wrapping_add(ahead)
        });
        self.rewriter.switch(layer, packet, timestamp);
        self.clock = next;
    }

    fn send(&self, packet: &Packet, numbers: &Numbers, link: &Link<'_>, net: &mut Net, stamp: &Stamp) -> bool {
        let Some(source) = &self.source else { return false };
        let (head, payload) = (&self.head, &packet.payload);
        let len = head.len + payload.len();
        let slot = net.slot(link.path);
        if slot.len() < len + OVERHEAD_MAX {
            return false;
        }
        head.write(slot, packet.marker, source.payload_type, numbers.index as u16, numbers.timestamp, stamp);
        slot[head.len..len].copy_from_slice(payload);
        renumber(&mut slot[head.len..len], packet, numbers);
        let Some(len) = link.sealer.seal_rtp(slot, head.len, len, numbers.index) else { return false };
        net.commit(link.path, len);
        true
    }

    /// Answers a NACK of `sequence`. `true`: it was sent again.
    pub(crate) fn resend(
        &mut self,
        sequence: u16,
        layers: &[FanoutLayer],
        link: &Link<'_>,
        net: &mut Net,
        stamp: &Stamp,
    ) -> bool {
        let elapsed =
            self.resends_at.replace(stamp.now).map_or(Duration::ZERO, |at| stamp.now.saturating_duration_since(at));
        self.resends = (self.resends + elapsed.as_secs_f64() * RESENDS_PER_SECOND).min(RESENDS_BURST);
        if self.resends < 1.0 {
            return false;
        }
        let Some((layer, source_sequence, index)) = self.rewriter.source_of(sequence) else { return false };
        let Some(packet) =
            layers.get(layer).and_then(|l| l.ring.get(source_sequence)).filter(|p| !p.payload.is_empty())
        else {
            return false;
        };
        let Some(numbers) = self.rewriter.again(index, packet) else { return false };
        self.resends -= 1.0;
        match self.source.as_ref().and_then(|s| s.rtx_payload_type) {
            // The same bytes under the same number: no nonce is used for two contents.
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
        let start = self.rtx_head.len + 2;
        let len = start + packet.payload.len();
        let slot = net.slot(link.path);
        if slot.len() < len + OVERHEAD_MAX {
            return false;
        }
        self.rtx_head.write(slot, packet.marker, payload_type, self.rtx_index as u16, numbers.timestamp, stamp);
        slot[start - 2..start].copy_from_slice(&(numbers.index as u16).to_be_bytes());
        slot[start..len].copy_from_slice(&packet.payload);
        renumber(&mut slot[start..len], packet, numbers);
        let index = self.rtx_index;
        self.rtx_index += 1;
        let Some(len) = link.sealer.seal_rtp(slot, self.rtx_head.len, len, index) else { return false };
        net.commit(link.path, len);
        true
    }

    /// Sends the newest packets again, as RTX, until `bytes` are sent: traffic that shows whether the path carries more. Returns the
    /// packets sent.
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

    /// Whether its receiver has not been told yet what its timestamps mean.
    pub(crate) fn awaits_report(&self) -> bool {
        !self.reported && self.rewriter.last_timestamp().is_some()
    }

    /// The sender report of what is being sent, true for this instant. `None`: nothing is, or the publisher has not reported.
    pub(crate) fn report(&mut self, layers: &[FanoutLayer], now: Instant) -> Option<Writer> {
        let source = self.source.as_ref()?;
        let clock = layers.get(self.rewriter.layer()?)?.clock?;
        self.rewriter.last_timestamp()?;
        let (ntp, rtp) = clock.at(now, source.clock_hz);
        let rtp = rtp.wrapping_add(self.rewriter.timestamp_offset()?);
        let mut out = Writer::default();
        out.sender_report(&SenderReport {
            ssrc: self.ssrc,
            ntp,
            rtp,
            packets: self.packets,
            octets: self.octets,
            cname: &self.cname,
        });
        self.reported = true;
        Some(out)
    }

    /// The layer's clock became known after the switch to it.
    pub(crate) fn learn_clock(&mut self, layer: usize, clock: ClockMapping) {
        if self.rewriter.layer() == Some(layer) {
            self.clock = Some(clock);
        }
    }
}

#[inline]
fn renumber(payload: &mut [u8], packet: &Packet, numbers: &Numbers) {
    if let (Some(descriptor), Some((picture_id, tl0))) = (&packet.vp8, numbers.vp8) {
        vp8::rewrite(payload, descriptor, picture_id, tl0);
    }
}
