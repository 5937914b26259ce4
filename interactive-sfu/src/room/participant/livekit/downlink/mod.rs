//! Tracks for a participant, and how its client learns of them.
//!
//! On a connection of its own the server offers ([`Offering`]); on the one that the client publishes on too, the client
//! does, and tracks are put on sections of its offers ([`Answering`]). Pure.

mod answering;
mod offering;
#[cfg(test)]
mod tests;

pub(crate) use answering::{Answering, MissingSections};
pub(crate) use offering::{Offer, Offering};

use crate::room::sections::MediaTrack;
use crate::signalling::sdp::CodecName;
use plane::{NewSection, Source, TrackId};

/// A track that the participant is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The track's sid.
    pub sid: String,
    /// The media stream that it is played in sync with.
    pub stream: String,
    pub media: MediaTrack,
}

impl Wanted {
    /// The CNAME, which all tracks of one participant share, because they share a clock.
    fn cname(&self) -> &str {
        self.stream.split('|').next().unwrap_or_default()
    }

    /// Whether it is still wanted, as the same media.
    fn is_among(&self, wanted: &[Self]) -> bool {
        wanted.iter().any(|other| other.sid == self.sid && other.media == self.media)
    }

    fn is_video(&self) -> bool {
        self.media.video().is_some()
    }
}

/// A change for the media plane.
#[derive(Debug)]
pub(crate) enum Change {
    /// A new section, or one that takes another's place.
    Set(usize, Box<NewSection>),
    /// The section carries this track, or none.
    Attach(usize, Option<Box<Source>>),
}

/// The effect of an agreement with the client.
#[derive(Debug, Default)]
pub(crate) struct Agreed {
    pub changes: Vec<Change>,
    /// Tracks that flow from now on.
    pub subscribed: Vec<String>,
    /// Tracks that the client cannot decode, with the codec they were in.
    pub refused: Vec<(String, CodecName)>,
}

/// A participant's tracks, by the side that offers.
#[derive(Debug)]
pub(crate) enum Downlink {
    Offering(Offering),
    Answering(Answering),
}

impl Downlink {
    /// A participant who is sent no tracks yet. Sections' SSRCs begin at `first_ssrc`.
    pub(crate) fn new(single: bool, first_ssrc: u32) -> Self {
        if single { Self::Answering(Answering::new(first_ssrc)) } else { Self::Offering(Offering::new(first_ssrc)) }
    }

    /// The participant is to be sent these tracks, and no others.
    pub(crate) fn want(&mut self, wanted: Vec<Wanted>) -> Vec<Change> {
        match self {
            Self::Offering(offering) => offering.want(wanted),
            Self::Answering(answering) => answering.want(wanted),
        }
    }

    /// Tracks that are wanted, and stay out because the client has as many sections as it may be asked for.
    pub(crate) fn left_out(&self) -> Vec<&str> {
        match self {
            Self::Offering(offering) => offering.left_out().collect(),
            Self::Answering(answering) => answering.left_out().collect(),
        }
    }

    /// The track on a section.
    pub(crate) fn track_at(&self, section: usize) -> Option<&str> {
        match self {
            Self::Offering(offering) => offering.track_at(section),
            Self::Answering(answering) => answering.track_at(section),
        }
    }

    /// The media that a track is sent as, or is going to be.
    pub(crate) fn media_of(&self, sid: &str) -> Option<TrackId> {
        let wanted = match self {
            Self::Offering(offering) => offering.wanted(sid),
            Self::Answering(answering) => answering.wanted(sid),
        };
        Some(wanted?.media.id)
    }

    /// The section of a track.
    pub(crate) fn section_of(&self, sid: &str) -> Option<usize> {
        match self {
            Self::Offering(offering) => offering.section_of(sid),
            Self::Answering(answering) => answering.section_of(sid),
        }
    }
}
