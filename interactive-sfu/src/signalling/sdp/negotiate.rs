//! Negotiation: the sections of an offer that we serve, and how.

use super::codec::{CodecName, OfferedCodec};
use super::feedback::Feedback;
use super::remote::RemoteDescription;
use super::section::RemoteSection;
use super::types::{Direction, Extension, SectionKind, SendStream};
use super::{SdpError, unacceptable};

/// The policy for a publisher's offer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PublishPolicy {
    /// Accepted codecs; among them the publisher's order decides.
    pub codecs: Vec<CodecName>,
    /// Accepted header extensions. Without [`Extension::VideoOrientation`] a browser turns its pictures upright itself,
    /// which is what receivers need whenever the forwarder does not pass that extension on.
    pub extensions: Vec<Extension>,
    /// The feedback that we send.
    pub feedback: Feedback,
    /// Simulcast layers; an offer's further ones are not accepted.
    pub layers_max: usize,
    /// Accept data channels.
    pub data: bool,
    /// Accept redundant audio (RFC 2198).
    pub red: bool,
}

impl Default for PublishPolicy {
    fn default() -> Self {
        use Extension::{
            AbsSendTime, AudioLevel, DependencyDescriptor, Mid, RepairedRtpStreamId, RtpStreamId, TransportCc,
        };
        Self {
            codecs: vec![CodecName::Opus, CodecName::Vp8, CodecName::H264, CodecName::Vp9, CodecName::Av1],
            extensions: vec![
                Mid,
                RtpStreamId,
                RepairedRtpStreamId,
                AbsSendTime,
                AudioLevel,
                DependencyDescriptor,
                TransportCc,
            ],
            feedback: Feedback { nack: true, pli: true, fir: true, remb: true, transport_cc: true },
            layers_max: 3,
            data: false,
            red: false,
        }
    }
}

/// The policy for a subscriber's offer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SubscribePolicy {
    /// The codecs that a source may have, now or later.
    pub codecs: Vec<CodecName>,
    /// The header extensions that we write.
    pub extensions: Vec<Extension>,
    /// The feedback that we understand.
    pub feedback: Feedback,
    /// Send redundant audio (RFC 2198) as it is published.
    pub red: bool,
}

impl Default for SubscribePolicy {
    fn default() -> Self {
        let PublishPolicy { codecs, feedback, .. } = PublishPolicy::default();
        Self {
            codecs,
            extensions: vec![
                Extension::Mid,
                Extension::AbsSendTime,
                Extension::DependencyDescriptor,
                Extension::TransportCc,
            ],
            feedback,
            red: false,
        }
    }
}

/// One section as agreed: the same place in the answer as in the offer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NegotiatedSection {
    /// The offer's MID.
    pub mid: String,
    /// The offer's kind.
    pub kind: SectionKind,
    /// The direction as we see it: `RecvOnly`, `SendOnly` or `Inactive`.
    pub direction: Direction,
    /// The codecs. Publish: exactly one. Subscribe: all that both know, in the subscriber's order. Their `feedback` is
    /// the agreed one.
    pub codecs: Vec<OfferedCodec>,
    /// The header extensions of this section's packets, with the offer's ids.
    pub extensions: Vec<(u8, Extension)>,
    /// Packets may have long extensions among short ones (RFC 8285 §6).
    pub extmap_allow_mixed: bool,
    /// The simulcast layers that we receive, in the offer's order; publish only.
    pub rids: Vec<String>,
    /// The stream that we send; subscribe only. The caller fills it in before it writes the answer.
    pub send: Option<SendStream>,
    /// The section carries data channels.
    pub data: bool,
    /// The section is answered with port 0, outside the BUNDLE group.
    pub rejected: bool,
    /// `<media>` of the offer's `m=` line.
    pub media: String,
    /// `<proto>` of the offer's `m=` line.
    pub proto: String,
    /// `<fmt>`s of the offer's `m=` line, which an inactive or rejected section repeats.
    pub formats: Vec<String>,
}

impl NegotiatedSection {
    /// The id of an extension that was agreed.
    pub fn extension_id(&self, extension: Extension) -> Option<u8> {
        self.extensions.iter().find(|(_, e)| *e == extension).map(|(id, _)| *id)
    }

    /// A section without media: inactive, or port 0 where we could never serve it.
    fn idle(offered: &RemoteSection) -> Self {
        let serves = matches!(offered.kind, SectionKind::Audio | SectionKind::Video);
        Self {
            mid: offered.mid.clone(),
            kind: offered.kind,
            direction: Direction::Inactive,
            codecs: Vec::new(),
            extensions: Vec::new(),
            extmap_allow_mixed: false,
            rids: Vec::new(),
            send: None,
            data: false,
            rejected: offered.rejected || !serves,
            media: offered.media.clone(),
            proto: offered.proto.clone(),
            formats: offered.formats.clone(),
        }
    }

    /// An inactive section still lists the codecs and extensions it would have, so that it can be revived.
    fn of(offered: &RemoteSection, allowed: &[CodecName], extensions: &[Extension], ours: (Feedback, bool)) -> Self {
        let (ours, red) = ours;
        let mut section = Self::idle(offered);
        if section.rejected {
            return section;
        }
        section.codecs = offered.codecs.iter().filter(|c| fits(c, offered.kind, allowed)).cloned().collect();
        for codec in &mut section.codecs {
            codec.feedback = codec.feedback.agree(ours);
            codec.red_payload_type = codec.red_payload_type.filter(|_| red);
        }
        let transport_cc = section.codecs.iter().any(|c| c.feedback.transport_cc);
        section.extmap_allow_mixed = offered.extmap_allow_mixed;
        let wanted = |e: Extension| match e {
            Extension::TransportCc if !transport_cc => false,
            Extension::DependencyDescriptor if !offered.extmap_allow_mixed => false,
            _ => extensions.contains(&e),
        };
        section.extensions = offered.extensions.iter().copied().filter(|(_, e)| wanted(*e)).collect();
        section
    }
}

fn fits(codec: &OfferedCodec, kind: SectionKind, allowed: &[CodecName]) -> bool {
    let name = codec.codec.name();
    let audio = name == CodecName::Opus;
    // Interleaved H.264 (mode 2) reorders NAL units, which no receiver here undoes.
    let interleaved = matches!(codec.codec, super::Codec::H264 { packetization_mode: 2, .. });
    allowed.contains(&name) && audio == (kind == SectionKind::Audio) && !interleaved
}

/// WHIP (RFC 9725 §4.2): we receive one audio and one video at most, each with one codec; the rest is inactive.
/// An offer of which nothing can be received is refused whole.
pub fn negotiate_publish(
    offer: &RemoteDescription,
    policy: &PublishPolicy,
) -> Result<Vec<NegotiatedSection>, SdpError> {
    let mut taken: Vec<SectionKind> = Vec::new();
    let sections = negotiate_uplink(offer, policy, |offered| {
        let first = !taken.contains(&offered.kind);
        taken.push(offered.kind);
        if first { Take::First } else { Take::No }
    });
    if taken.is_empty() { unacceptable("the offer sends nothing in a codec of this server") } else { Ok(sections) }
}

/// The decision whether a section is received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Take {
    /// The section is not received.
    No,
    /// The section is received in the first codec that it offers.
    First,
    /// The section is received in this codec if it offers that, else in the first.
    Codec(CodecName),
}

/// LiveKit's uplink: each section that sends in a codec of ours and that `takes` wants is received, with one codec; the
/// rest is inactive. An offer may have no such section yet.
pub fn negotiate_uplink(
    offer: &RemoteDescription,
    policy: &PublishPolicy,
    mut takes: impl FnMut(&RemoteSection) -> Take,
) -> Vec<NegotiatedSection> {
    let sections = offer.sections.iter().map(|offered| {
        let mut section =
            NegotiatedSection::of(offered, &policy.codecs, &policy.extensions, (policy.feedback, policy.red));
        if policy.data && offered.data && !offered.rejected {
            (section.data, section.rejected) = (true, false);
            return section;
        }
        let sends = offered.direction.sends() && !section.codecs.is_empty();
        let take = if sends { takes(offered) } else { Take::No };
        if let Take::Codec(name) = take
            && let Some(at) = section.codecs.iter().position(|codec| codec.codec.name() == name)
        {
            section.codecs.swap(0, at);
        }
        section.codecs.truncate(1);
        if take != Take::No {
            section.direction = Direction::RecvOnly;
            // RIDs without their header extension could not be told apart.
            if section.extension_id(Extension::RtpStreamId).is_some() {
                section.rids = offered.rids.iter().take(policy.layers_max).cloned().collect();
            }
        }
        section
    });
    sections.collect()
}

/// One section that we may send on: `SendOnly`, with every codec both know, if it receives in one.
pub fn negotiate_downlink(offered: &RemoteSection, policy: &SubscribePolicy) -> NegotiatedSection {
    let mut section = NegotiatedSection::of(offered, &policy.codecs, &policy.extensions, (policy.feedback, policy.red));
    if offered.direction.receives() && !section.codecs.is_empty() {
        section.direction = Direction::SendOnly;
    }
    section
}

/// WHEP: we send on every audio and video section that receives, with every codec both know, so that the source
/// may change its codec. An offer that can receive nothing is refused whole.
pub fn negotiate_subscribe(
    offer: &RemoteDescription,
    policy: &SubscribePolicy,
) -> Result<Vec<NegotiatedSection>, SdpError> {
    let sections: Vec<_> = offer.sections.iter().map(|offered| negotiate_downlink(offered, policy)).collect();
    if sections.iter().any(|s| s.direction == Direction::SendOnly) {
        Ok(sections)
    } else {
        unacceptable("the offer receives nothing in a codec of this server")
    }
}
