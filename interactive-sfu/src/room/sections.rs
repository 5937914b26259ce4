//! The tracks that a viewer's sections carry.
//!
//! A viewer of one participant gets that participant's sound and picture on its first sections. A viewer of the stage
//! gets the speakers in order of their joining, one pair of sections each. A section keeps its speaker as long as there
//! is one: when somebody leaves, only their sections change, and whoever waited takes them. Pure.

use access::Identity;
use codec_headers::VideoCodec;
use plane::{Source, TrackId};

use crate::signalling::sdp::{Codec, NegotiatedSection, OfferedCodec, match_codec};

/// A track on stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MediaTrack {
    pub id: TrackId,
    /// Its publisher's.
    pub shard: u16,
    pub codec: Codec,
    pub clock_hz: u32,
    pub layers: usize,
}

impl MediaTrack {
    pub(crate) fn video(&self) -> Option<VideoCodec> {
        match self.codec {
            Codec::Vp8 => Some(VideoCodec::Vp8),
            Codec::H264 { .. } => Some(VideoCodec::H264),
            Codec::Vp9 { .. } => Some(VideoCodec::Vp9),
            Codec::Av1 { .. } => Some(VideoCodec::Av1),
            Codec::Opus => None,
        }
    }

    /// As `section` takes it; `None`: it has no payload type for this codec.
    pub(crate) fn source_for(&self, section: &NegotiatedSection) -> Option<Source> {
        match_codec(&self.codec, &section.codecs).map(|codec| self.source(codec))
    }

    /// As whoever agreed to `codec` takes it.
    pub(crate) fn source(&self, codec: &OfferedCodec) -> Source {
        Source {
            track: self.id,
            shard: self.shard,
            clock_hz: self.clock_hz,
            video: self.video(),
            sequences: self.layers,
            payload_type: codec.payload_type,
            rtx_payload_type: codec.rtx_payload_type,
            red_payload_type: codec.red_payload_type,
        }
    }
}

/// Somebody on stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OnStage {
    pub identity: Identity,
    pub audio: Option<MediaTrack>,
    pub video: Option<MediaTrack>,
}

/// A section of a viewer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SectionSlot {
    pub video: bool,
    /// Whom it carries, even while they have no such track.
    pub speaker: Option<Identity>,
}

/// Gives each slot its speaker. `stage` is in order of joining; `participant` is whom the viewer asked for, `None`
/// everybody.
pub(crate) fn assign(slots: &mut [SectionSlot], stage: &[OnStage], participant: Option<&Identity>) {
    for video in [false, true] {
        let mut slots: Vec<&mut SectionSlot> = slots.iter_mut().filter(|s| s.video == video).collect();
        if let Some(participant) = participant {
            for (i, slot) in slots.iter_mut().enumerate() {
                slot.speaker = (i == 0).then(|| participant.clone());
            }
            continue;
        }
        for slot in &mut slots {
            slot.speaker = slot.speaker.take().filter(|speaker| stage.iter().any(|s| s.identity == *speaker));
        }
        for speaker in stage {
            if slots.iter().any(|slot| slot.speaker.as_ref() == Some(&speaker.identity)) {
                continue;
            }
            let Some(free) = slots.iter_mut().find(|slot| slot.speaker.is_none()) else { break };
            free.speaker = Some(speaker.identity.clone());
        }
    }
}

/// The track that a slot carries now.
pub(crate) fn track_of<'a>(slot: &SectionSlot, stage: &'a [OnStage]) -> Option<&'a MediaTrack> {
    let speaker = stage.iter().find(|s| Some(&s.identity) == slot.speaker.as_ref())?;
    if slot.video { speaker.video.as_ref() } else { speaker.audio.as_ref() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn speaker(identity: &str) -> OnStage {
        OnStage { identity: identity.parse().unwrap(), audio: None, video: None }
    }

    fn slots(pairs: usize) -> Vec<SectionSlot> {
        (0..2 * pairs).map(|i| SectionSlot { video: i % 2 == 1, speaker: None }).collect()
    }

    fn after(slots: &mut [SectionSlot], stage: &[&str], participant: Option<&str>) -> Vec<String> {
        let stage: Vec<OnStage> = stage.iter().map(|s| speaker(s)).collect();
        assign(slots, &stage, participant.map(|one| one.parse().unwrap()).as_ref());
        assert!(slots.chunks(2).all(|pair| pair[0].speaker == pair[1].speaker), "sound and picture belong together");
        slots.chunks(2).map(|pair| pair[0].speaker.as_deref().unwrap_or_default().to_owned()).collect()
    }

    #[test]
    fn viewer_of_the_stage_keeps_its_speakers() {
        let mut slots = slots(2);
        assert_eq!(after(&mut slots, &["a", "b", "c"], None), ["a", "b"]);
        assert_eq!(after(&mut slots, &["b", "c"], None), ["c", "b"], "the one who waited takes the place of who left");
        assert_eq!(after(&mut slots, &["b", "c", "a"], None), ["c", "b"]);
        assert_eq!(after(&mut slots, &[], None), ["", ""]);
        assert_eq!(after(&mut slots, &["d"], None), ["d", ""]);
    }

    #[test]
    fn viewer_of_one_participant_waits_for_them() {
        let mut slots = slots(2);
        for stage in [&["a", "b"][..], &["a"], &["b", "a"]] {
            assert_eq!(after(&mut slots, stage, Some("b")), ["b", ""]);
        }
    }
}
