//! One peer that publishes: which packet belongs to which layer, what is missing, and what to tell it.

mod receive;
mod route;

use std::time::Instant;

use route::Route;

use super::track::Track;
use crate::config::Config;
use crate::ids::TrackId;
use crate::media::estimate::UplinkEstimate;
use crate::media::loss::Loss;
use crate::media::loudness::Loudness;
use crate::media::police::Police;
use crate::media::report::{ClockMapping, middle};
use crate::media::rtcp::{ReportBlock, Writer};
use crate::order::NewTrack;

/// How we appear in our feedback.
const OUR_SSRC: u32 = 1;

/// A peer that publishes.
pub(crate) struct Publisher {
    pub tracks: Vec<Track>,
    routes: Vec<Route>,
    estimate: UplinkEstimate,
    pub loudness: Loudness,
    bits_per_second_max: u32,
    losses: Loss,
    police: Police,
}

impl Publisher {
    pub(crate) fn new(tracks: Vec<NewTrack>, config: &Config) -> Self {
        let tracks = tracks.into_iter().map(|negotiated| Track::new(negotiated, config));
        let bits_per_second_max = config.publish_bits_per_second_max;
        Self {
            tracks: tracks.collect(),
            routes: Vec::new(),
            estimate: UplinkEstimate::new(bits_per_second_max),
            loudness: Loudness::default(),
            bits_per_second_max,
            losses: Loss::default(),
            police: Police::new(bits_per_second_max),
        }
    }

    /// It publishes one more.
    pub(crate) fn add(&mut self, track: NewTrack, config: &Config) {
        self.tracks.push(Track::new(track, config));
    }

    /// It publishes one less.
    pub(crate) fn remove(&mut self, id: TrackId) {
        let Some(gone) = self.tracks.iter().position(|t| t.negotiated.id == id) else { return };
        self.tracks.remove(gone);
        self.routes.retain(|route| route.track != gone);
        for route in self.routes.iter_mut().filter(|route| route.track > gone) {
            route.track -= 1;
        }
    }

    pub(crate) fn track(&mut self, id: TrackId) -> Option<&mut Track> {
        self.tracks.iter_mut().find(|t| t.negotiated.id == id)
    }

    /// A sender report. Returns its track and layer, and the mapping.
    pub(crate) fn sender_report(
        &mut self,
        ssrc: u32,
        ntp: u64,
        rtp: u32,
        now: Instant,
    ) -> Option<(usize, usize, ClockMapping)> {
        let route = self.routes.iter().find(|r| r.ssrc == ssrc && !r.rtx)?;
        let layer = self.tracks.get_mut(route.track)?.layers.get_mut(route.layer)?;
        if layer.splice.begins() {
            return None;
        }
        let mapping = ClockMapping { ntp, rtp: layer.splice.timestamp(rtp), at: now };
        layer.clock = Some(mapping);
        Some((route.track, route.layer, mapping))
    }

    /// Somebody needs a keyframe of this layer.
    pub(crate) fn want_keyframe(&mut self, id: TrackId, layer: usize) {
        if let Some(layer) = self.track(id).and_then(|t| t.layers.get_mut(layer)) {
            layer.keyframes.request();
        }
    }

    /// Writes requests for missing packets and keyframes that are due. Returns how many of each.
    pub(crate) fn ask(&mut self, now: Instant, out: &mut Writer) -> (u64, u64) {
        let (mut nacked, mut keyframes) = (0, 0);
        for track in &mut self.tracks {
            for layer in &mut track.layers {
                let Some(ssrc) = layer.ssrc else { continue };
                let missing = if track.negotiated.nack { layer.reception.nacks(now) } else { Vec::new() };
                let keyframe = track.negotiated.video.is_some() && layer.keyframes.poll(now);
                if missing.is_empty() && !keyframe {
                    continue;
                }
                if out.0.is_empty() {
                    out.receiver_report(OUR_SSRC, &[]);
                }
                if !missing.is_empty() {
                    nacked += missing.len() as u64;
                    out.nack(OUR_SSRC, ssrc, &missing);
                }
                if keyframe {
                    keyframes += 1;
                    out.pli(OUR_SSRC, ssrc);
                }
            }
        }
        (nacked, keyframes)
    }

    /// Once a second: receiver report and REMB. Returns what was lost of all that it sends, of 256, if that can be
    /// told.
    pub(crate) fn report(&mut self, now: Instant, out: &mut Writer) -> Option<u8> {
        let (mut blocks, mut ssrcs, mut received) = (Vec::<ReportBlock>::new(), Vec::new(), 0u64);
        for track in &mut self.tracks {
            track.rank_layers();
            for layer in &mut track.layers {
                layer.reception.meter(now);
                track.infos_changed |= layer.update(now);
                received += u64::from(layer.reception.bits_per_second());
                let Some(ssrc) = layer.ssrc else { continue };
                ssrcs.push(ssrc);
                let Some(mut block) = layer.reception.report(ssrc) else { continue };
                self.losses.reported(block.fraction_lost, layer.reception.reported());
                if let Some(clock) = layer.clock {
                    let since = now.saturating_duration_since(clock.at);
                    block.last_sr = middle(clock.ntp);
                    block.delay_since_last_sr = (since.as_micros() * 65_536 / 1_000_000) as u32;
                }
                blocks.push(block);
            }
        }
        if ssrcs.is_empty() {
            return None;
        }
        let received = u32::try_from(received).unwrap_or(u32::MAX);
        let lost = self.losses.second();
        let estimate = self.estimate.update(received, lost, now).min(self.bits_per_second_max);
        out.receiver_report(OUR_SSRC, &blocks);
        out.remb(OUR_SSRC, estimate.into(), &ssrcs);
        lost
    }
}
