//! Participants' offers, negotiated: the tracks of a publisher, the sections of a viewer. Pure.

use super::sections::{MediaTrack, SectionSlot};
use crate::control::{JoinRequest, SfuError};
use crate::signalling::sdp::{
    Direction, Extension, Msid, NegotiatedSection, PublishPolicy, RemoteDescription, RemoteSection, SdpError,
    SectionKind, SendStream, SubscribePolicy, negotiate_publish, negotiate_subscribe,
};
use plane::{NewSection, NewTrack, TrackId};

/// A section that we send on.
pub(crate) struct Section {
    pub negotiated: NegotiatedSection,
    pub slot: SectionSlot,
    pub attached: Option<TrackId>,
}

impl JoinRequest {
    /// The offer, read: many sections take milliseconds.
    pub(crate) fn description(&self) -> Result<Box<RemoteDescription>, SfuError> {
        Ok(Box::new(RemoteDescription::parse(&self.offer)?))
    }
}

impl From<SdpError> for SfuError {
    fn from(error: SdpError) -> Self {
        match error {
            SdpError::Malformed(why) => Self::MalformedSdp(why),
            SdpError::Unacceptable(why) => Self::UnacceptableOffer(why),
        }
    }
}

/// The policy for a publisher's offer. Receivers estimate for themselves by REMB, which costs a fraction of
/// transport-cc.
pub(crate) fn publish_policy() -> PublishPolicy {
    let mut policy = PublishPolicy::default();
    policy.feedback.transport_cc = false;
    policy.extensions.retain(|e| *e != Extension::TransportCc);
    policy
}

/// The policy for a viewer's offer: the codecs sent, and how receivers estimate.
pub(crate) fn subscribe_policy() -> SubscribePolicy {
    let mut policy = SubscribePolicy::default();
    policy.feedback.transport_cc = false;
    policy.extensions.retain(|e| *e != Extension::TransportCc);
    policy
}

/// The sections of a WHIP publisher's offer that are taken.
pub(crate) fn negotiate_publisher(offer: &RemoteDescription) -> Result<Vec<NegotiatedSection>, SfuError> {
    Ok(negotiate_publish(offer, &publish_policy())?)
}

/// The sections that answer a viewer's offer. SSRCs begin with `first`.
pub(crate) fn negotiate_viewer(offer: &RemoteDescription, first: u32) -> Result<Vec<NegotiatedSection>, SfuError> {
    let mut sections = negotiate_subscribe(offer, &subscribe_policy())?;
    let mut counts = [0usize; 2];
    for (i, section) in (0u32..).zip(sections.iter_mut().filter(|s| s.direction == Direction::SendOnly)) {
        let video = section.kind == SectionKind::Video;
        let count = &mut counts[usize::from(video)];
        *count += 1;
        let stream = format!("speaker-{count}");
        let track = format!("{stream}-{}", if video { "video" } else { "audio" });
        let rtx = section.codecs.iter().any(|c| c.rtx_payload_type.is_some());
        section.send = Some(SendStream {
            ssrc: first + 2 * i,
            rtx_ssrc: rtx.then_some(first + 2 * i + 1),
            cname: stream.clone(),
            msid: Msid { stream, track },
        });
    }
    Ok(sections)
}

/// A publisher's tracks, for its shard and for the stage.
pub(crate) fn tracks(
    offer: &RemoteDescription,
    sections: &[NegotiatedSection],
    shard: u16,
    mut next_id: impl FnMut() -> TrackId,
) -> (Vec<NewTrack>, Vec<MediaTrack>) {
    let received = offer.sections.iter().zip(sections).filter(|(_, s)| s.direction == Direction::RecvOnly);
    received.filter_map(|(offered, section)| track(offered, section, shard, &mut next_id)).unzip()
}

/// One of them; `None`: without a codec it is none.
pub(crate) fn track(
    offered: &RemoteSection,
    section: &NegotiatedSection,
    shard: u16,
    next_id: impl FnOnce() -> TrackId,
) -> Option<(NewTrack, MediaTrack)> {
    let codec = section.codecs.first()?;
    let id = next_id();
    let media =
        MediaTrack { id, shard, codec: codec.codec, clock_hz: codec.clock_rate_hz, layers: section.rids.len().max(1) };
    let track = NewTrack {
        id,
        video: media.video(),
        clock_hz: codec.clock_rate_hz,
        payload_type: codec.payload_type,
        rtx_payload_type: codec.rtx_payload_type,
        red_payload_type: codec.red_payload_type,
        nack: codec.feedback.nack,
        rids: section.rids.clone(),
        ssrcs: offered.ssrcs.clone(),
        fid_groups: offered.fid_groups.clone(),
        mid: section.mid.clone(),
        mid_extension: section.extension_id(Extension::Mid),
        rid_extension: section.extension_id(Extension::RtpStreamId),
        rrid_extension: section.extension_id(Extension::RepairedRtpStreamId),
        abs_send_time_extension: section.extension_id(Extension::AbsSendTime),
        audio_level_extension: section.extension_id(Extension::AudioLevel),
        dependency_descriptor_extension: section.extension_id(Extension::DependencyDescriptor),
    };
    Some((track, media))
}

/// A viewer's sections, for its shard and for its room.
pub(crate) fn sections(negotiated: &[NegotiatedSection]) -> (Vec<NewSection>, Vec<Section>) {
    let pairs = negotiated.iter().filter_map(|section| {
        let send = section.send.as_ref()?;
        let video = section.kind == SectionKind::Video;
        let new = NewSection {
            video,
            ssrc: send.ssrc,
            rtx_ssrc: send.rtx_ssrc.unwrap_or(send.ssrc + 1),
            cname: send.cname.clone(),
            mid: section.mid.clone(),
            mid_extension: section.extension_id(Extension::Mid),
            abs_send_time_extension: section.extension_id(Extension::AbsSendTime),
            dependency_descriptor_extension: section.extension_id(Extension::DependencyDescriptor),
            pausable: false,
        };
        let slot = SectionSlot { video, speaker: None };
        Some((new, Section { negotiated: section.clone(), slot, attached: None }))
    });
    pairs.unzip()
}

/// `<media> <port> <proto> <fmt>` and MID of the section that carries the transport.
pub(crate) fn transport_section(sections: &[NegotiatedSection]) -> (String, String) {
    sections.iter().find(|s| !s.rejected).map_or_else(Default::default, |s| {
        let format = s
            .codecs
            .first()
            .map_or_else(|| s.formats.first().cloned().unwrap_or_default(), |c| c.payload_type.to_string());
        (format!("{} 9 {} {format}", s.media, s.proto), s.mid.clone())
    })
}
