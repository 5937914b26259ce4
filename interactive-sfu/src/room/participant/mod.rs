//! A participant: somebody in a room, by whichever protocol.
//!
//! Identity, visibility, presence on stage and loudness are the same for everybody. WHIP and WHEP, and LiveKit's
//! protocol, differ in [`Protocol`]: each verb here has one `match` on it. Pure.

pub(crate) mod livekit;
pub(crate) mod whip_whep;

use std::time::SystemTime;

use access::{Identity, RoomName};
use livekit_protocol as proto;
use plane::PeerId;

use crate::control::{RoomEvent, SessionId, Speaker};
use crate::room::sections::{MediaTrack, OnStage};
use livekit::{Audience, LiveKit};
use whip_whep::WhipWhep;

/// A participant's number in its room. A later participant has a larger one; none is used twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ParticipantKey(pub u32);

/// A participant's identity card.
#[derive(Debug)]
pub(crate) struct Who {
    pub key: ParticipantKey,
    /// Names the stay: `PA_…`.
    pub sid: String,
    pub identity: Identity,
    pub name: String,
    /// Not shown to others.
    pub hidden: bool,
    /// The request came from this machine.
    pub local: bool,
    pub since: SystemTime,
    /// The version of what others are told; never falls.
    pub version: u32,
}

/// Somebody in a room.
pub(crate) struct Participant {
    pub who: Who,
    /// The others are told of the participant. Never the hidden.
    pub listed: bool,
    /// Media can flow, and others are sent it. Never the hidden.
    pub on_stage: bool,
    /// 0 (silent) to 8.
    pub loudness: u8,
    /// Since when the participant watches nothing of what it could.
    pub idle_since: Option<SystemTime>,
    pub protocol: Protocol,
}

/// How a participant came.
pub(crate) enum Protocol {
    WhipWhep(Box<WhipWhep>),
    LiveKit(Box<LiveKit>),
}

/// A track that a participant publishes.
pub(crate) struct PublishedTrack<'a> {
    pub info: proto::TrackInfo,
    pub media: &'a MediaTrack,
    /// The same picture in other codecs.
    pub backups: Vec<&'a MediaTrack>,
    /// Whoever may subscribe. `None`: anybody.
    pub audience: Option<&'a Audience>,
}

impl PublishedTrack<'_> {
    /// Whether receivers need a key that the server does not have.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.info.encryption() != proto::encryption::Type::None
    }

    /// Whether a participant may be sent the track.
    pub(crate) fn admits(&self, viewer: &Who) -> bool {
        self.audience.is_none_or(|audience| audience.admits(&viewer.sid, &viewer.identity, &self.info.sid))
    }
}

impl Participant {
    pub(crate) fn key(&self) -> ParticipantKey {
        self.who.key
    }

    /// The LiveKit side; `None` for WHIP and WHEP.
    pub(crate) fn livekit(&self) -> Option<&LiveKit> {
        match &self.protocol {
            Protocol::LiveKit(livekit) => Some(livekit),
            Protocol::WhipWhep(_) => None,
        }
    }

    /// The WHIP or WHEP side; `None` for LiveKit.
    pub(crate) fn whip_whep(&self) -> Option<&WhipWhep> {
        match &self.protocol {
            Protocol::WhipWhep(session) => Some(session),
            Protocol::LiveKit(_) => None,
        }
    }

    /// The signal connection, if there is one.
    pub(crate) fn connection(&self) -> Option<u32> {
        self.livekit()?.connection
    }

    /// The participant as others are told of it.
    pub(crate) fn info(&self) -> proto::ParticipantInfo {
        match &self.protocol {
            Protocol::WhipWhep(session) => whip_whep::info(&[(&self.who, session, self.on_stage)]),
            Protocol::LiveKit(livekit) => livekit.info(&self.who),
        }
    }

    /// Tracks that others may be sent.
    pub(crate) fn tracks(&self) -> Vec<PublishedTrack<'_>> {
        match &self.protocol {
            Protocol::WhipWhep(session) if self.on_stage => session.tracks(),
            Protocol::WhipWhep(_) => Vec::new(),
            Protocol::LiveKit(_) if self.who.hidden => Vec::new(),
            Protocol::LiveKit(livekit) => livekit.tracks(),
        }
    }

    /// Whether the participant publishes something, or is on stage.
    pub(crate) fn performs(&self) -> bool {
        let publishes = self.livekit().is_some_and(|livekit| !livekit.uplink.tracks.is_empty());
        self.on_stage || publishes
    }

    /// The participant as the stage has it: one sound and one picture that everybody can decode, a camera before a
    /// screen. `None`: its media cannot flow, or nobody may see it.
    pub(crate) fn as_speaker(&self, viewer: Option<&Who>) -> Option<OnStage> {
        use proto::TrackSource::{Camera, Microphone};
        let connected = match &self.protocol {
            Protocol::WhipWhep(session) => session.connected,
            Protocol::LiveKit(livekit) => livekit.links.up().is_some_and(|link| link.connected),
        };
        if !connected || self.who.hidden {
            return None;
        }
        let tracks = match &self.protocol {
            Protocol::WhipWhep(session) => session.tracks(),
            Protocol::LiveKit(livekit) => livekit.tracks(),
        };
        let of = |video: bool, first: proto::TrackSource| {
            let fits = |track: &&PublishedTrack<'_>| {
                let admitted = viewer.is_none_or(|viewer| track.admits(viewer));
                track.media.video().is_some() == video && !track.is_encrypted() && admitted
            };
            let found = tracks.iter().filter(fits).min_by_key(|track| track.info.source() != first);
            found.map(|track| track.media.clone())
        };
        let (audio, video) = (of(false, Microphone), of(true, Camera));
        (audio.is_some() || video.is_some()).then(|| OnStage { identity: self.who.identity.clone(), audio, video })
    }

    /// The participant as the rest of the server knows speakers.
    pub(crate) fn speaker(&self) -> Option<Speaker> {
        let OnStage { identity, audio, video } = self.as_speaker(None)?;
        Some(Speaker {
            identity,
            name: self.who.name.clone(),
            session: self.session(),
            audio: audio.is_some(),
            video: video.is_some(),
        })
    }

    /// The session by which the rest of the server knows this stay.
    pub(crate) fn session(&self) -> SessionId {
        match &self.protocol {
            Protocol::WhipWhep(session) => session.id.clone(),
            Protocol::LiveKit(_) => SessionId::from(self.who.sid.as_str()),
        }
    }

    /// The event of the participant's leaving the stage.
    pub(crate) fn left_stage(&self, room: &RoomName) -> RoomEvent {
        RoomEvent::SpeakerLeft { room: room.clone(), identity: self.who.identity.clone(), session: self.session() }
    }

    /// The broadcast's own viewer: no participant in the eyes of anybody.
    pub(crate) fn is_ours(&self) -> bool {
        self.who.local && self.who.hidden && self.whip_whep().is_some_and(|session| !session.publishes())
    }

    /// Peer connections that media threads have.
    pub(crate) fn peers(&self) -> Vec<PeerId> {
        match &self.protocol {
            Protocol::WhipWhep(session) => session.peer.into_iter().collect(),
            Protocol::LiveKit(livekit) => livekit.links.iter().map(|link| link.peer).collect(),
        }
    }

    /// A media thread has given a peer connection up: there is nothing to be ordered of it.
    pub(crate) fn lose(&mut self, peer: PeerId) {
        match &mut self.protocol {
            Protocol::WhipWhep(session) => drop(session.peer.take_if(|own| *own == peer)),
            Protocol::LiveKit(livekit) => livekit.links.lose(peer),
        }
    }

    /// Whether a peer connection of the participant has been up.
    pub(crate) fn has_joined(&self) -> bool {
        match &self.protocol {
            Protocol::WhipWhep(session) => session.connected,
            Protocol::LiveKit(livekit) => livekit.state == proto::participant_info::State::Active,
        }
    }
}
