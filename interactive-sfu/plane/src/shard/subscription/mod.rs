//! One section of a viewer: what it carries, how its packets are numbered, sent, and sent again.

mod resend;
mod switch;

use std::sync::Arc;
use std::time::{Duration, Instant};

use codec_headers::{VideoCodec, red, vp8};
use resend::Allowance;

use super::head::{Fields, Head, Link, Stamp};
use super::layer::FanoutLayer;
use super::net::Net;
use crate::media::layers::{LayerChoice, LayerInfo, Limit};
use crate::media::packet::Packet;
use crate::media::report::{ClockMapping, middle};
use crate::media::rewrite::{FirstNumbers, Numbers, Rewriter};
use crate::media::rtcp::{SenderReport, Writer};
use crate::order::{NewSection, Source};
use crate::transport::srtp::OVERHEAD_MAX;

/// One section.
pub(crate) struct Subscription {
    pub source: Option<Box<Source>>,
    pub video: bool,
    pub ssrc: u32,
    pub rtx_ssrc: u32,
    cname: String,
    mid: Option<(u8, String)>,
    send_time_extension: Option<u8>,
    descriptor_extension: Option<u8>,
    head: Head,
    rtx_head: Head,
    rtx_index: u64,
    rewriter: Rewriter,
    /// The most that its receiver has use for.
    pub limit: Limit,
    pausable: bool,
    /// As it was told last.
    paused: bool,
    pub choice: LayerChoice,
    pub target: Option<usize>,
    /// Since when more pictures a second are wanted than are sent.
    more_since: Option<Instant>,
    /// When what is sent now began.
    switched_at: Option<Instant>,
    /// When the newest packet went out, by its arrival.
    last_arrival: Option<Instant>,
    /// Which layer's clock the timestamps follow, since the last switch.
    clock: Option<ClockMapping>,
    reported: bool,
    /// The last sender report, as reception reports name it, and when it was sent.
    last_report: Option<(u32, Instant)>,
    /// The highest number that its receiver has reported.
    reported_highest: Option<u32>,
    packets: u32,
    octets: u32,
    allowance: Allowance,
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
            head: Head::new(section.ssrc, named, None, false),
            rtx_head: Head::new(section.rtx_ssrc, named, section.abs_send_time_extension, false),
            mid,
            send_time_extension: section.abs_send_time_extension,
            descriptor_extension: section.dependency_descriptor_extension,
            rtx_index: u64::from(first_sequence()),
            rewriter: Rewriter::new(FirstNumbers { sequence: first_sequence(), timestamp: rand::random() }),
            limit: Limit::default(),
            pausable: section.pausable,
            paused: false,
            choice: LayerChoice::default(),
            target: None,
            more_since: None,
            switched_at: None,
            last_arrival: None,
            clock: None,
            reported: false,
            last_report: None,
            reported_highest: None,
            packets: 0,
            octets: 0,
            allowance: Allowance::default(),
        }
    }

    /// From now on it carries this.
    pub(crate) fn attach(&mut self, source: Option<Box<Source>>) {
        self.rewriter.leave_source();
        self.choice.reset();
        (self.target, self.clock, self.reported, self.paused) = (None, None, false, false);
        // Without RTX a packet is sent again under its own number, and must then be the same to the bit: no sending
        // time in it.
        let stamped = source.as_ref().is_some_and(|s| s.rtx_payload_type.is_some());
        let mid = self.mid.as_ref().map(|(id, mid)| (*id, mid.as_str()));
        let described = source.as_ref().is_some_and(|source| source.video == Some(VideoCodec::Av1));
        self.head = Head::new(self.ssrc, mid, self.send_time_extension.filter(|_| stamped), described);
        self.rtx_head = Head::new(self.rtx_ssrc, mid, self.send_time_extension, described);
        self.source = source;
    }

    /// Decides anew which layer to send. `true`: a keyframe of [`target`](Self::target) is awaited.
    pub(crate) fn choose(
        &mut self,
        infos: &[LayerInfo],
        layers: &[FanoutLayer],
        budget_bits_per_second: Option<u64>,
        now: Instant,
    ) -> bool {
        if !self.video {
            self.target = Some(0);
            return false;
        }
        self.target = self.choice.choose(infos, self.limit, budget_bits_per_second, self.pausable, now);
        if self.target.is_none() {
            // The first packet after the pause is a keyframe, numbered right after the last packet before it.
            self.rewriter.leave_source();
        }
        self.needs_keyframe(layers, now)
    }

    /// Whether its picture pauses for want of bandwidth, if that changed.
    pub(crate) fn pause_changed(&mut self, infos: &[LayerInfo]) -> Option<bool> {
        let wanted = self.video && !self.limit.is_none() && infos.iter().any(|layer| layer.live);
        let paused = self.pausable && wanted && self.target.is_none();
        (std::mem::replace(&mut self.paused, paused) != paused).then_some(paused)
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
            if self.target == Some(layer) && self.may_enter(layer, packet, layers) {
                self.switch(layer, packet, layers);
            } else if current.is_none()
                || (self.target.is_none() && self.video)
                || (current == Some(layer) && self.goes_on_with_target(packet, layers))
            {
                return false;
            }
        }
        // A number that carries nothing: who misses it asks for it, and is told.
        if packet.payload.is_empty() {
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

    /// The fields of a packet's head, sent under its own number or, as a retransmission, under another.
    fn fields<'p>(&self, packet: &'p Packet, numbers: &Numbers, payload_type: u8, sequence: u16) -> Fields<'p> {
        let described = || Some((self.descriptor_extension?, packet.descriptor.as_deref()?, numbers.frame?));
        let (marker, timestamp) = (packet.marker, numbers.timestamp);
        Fields { marker, payload_type, sequence, timestamp, described: described() }
    }

    fn send(&self, packet: &Packet, numbers: &Numbers, link: &Link<'_>, net: &mut Net, stamp: &Stamp) -> bool {
        let Some(source) = &self.source else { return false };
        let head = &self.head;
        let (payload_type, payload) = source.content(packet);
        let slot = net.slot(link.path);
        let fields = self.fields(packet, numbers, payload_type, numbers.index as u16);
        let Some(start) = head.write(slot, &fields, stamp, payload.len() + OVERHEAD_MAX) else { return false };
        let len = start + payload.len();
        slot[start..len].copy_from_slice(payload);
        if source.red_payload_type == Some(payload_type) {
            red::set_payload_types(&mut slot[start..len], source.payload_type);
        }
        renumber(&mut slot[start..len], packet, numbers);
        let Some(len) = link.sealer.seal_rtp(slot, start, len, numbers.index) else { return false };
        net.commit(link.path, len);
        true
    }

    /// Of payload, sent so far; wraps.
    pub(crate) fn octets(&self) -> u32 {
        self.octets
    }

    /// Whether its receiver has not been told yet what its timestamps mean.
    pub(crate) fn awaits_report(&self) -> bool {
        !self.reported && self.rewriter.last_timestamp().is_some()
    }

    /// The sender report of what is being sent, true for this instant. `None`: nothing is, or the publisher has not
    /// reported.
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
        self.last_report = Some((middle(ntp), now));
        Some(out)
    }

    /// How many packets a reception report covers, by the highest number in it.
    pub(crate) fn covered(&mut self, highest: u32) -> u32 {
        self.reported_highest.replace(highest).map_or(0, |before| highest.wrapping_sub(before))
    }

    /// How long the way to its receiver and back takes, by a reception report (RFC 3550 §6.4.1).
    pub(crate) fn round_trip(&self, last_sr: u32, delay_since_last_sr: u32, now: Instant) -> Option<Duration> {
        let (_, sent) = self.last_report.filter(|(report, _)| *report == last_sr)?;
        let held = Duration::from_micros(u64::from(delay_since_last_sr) * 1_000_000 / 65_536);
        now.saturating_duration_since(sent).checked_sub(held)
    }

    /// The layer's clock became known after the switch to it.
    pub(crate) fn learn_clock(&mut self, layers: &[FanoutLayer], source: usize, clock: ClockMapping) {
        let here = self.rewriter.layer().and_then(|layer| layers.get(layer));
        if here.is_some_and(|layer| layer.variant.source == source) {
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
