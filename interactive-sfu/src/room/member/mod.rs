//! A participant who speaks LiveKit's protocol: one signal connection, and one peer connection or two.
//!
//! What they publish is `uplink`'s, what they are sent is `downlink`'s; here is who they are and what they asked for.
//! Pure. Driven by the authority.

mod asked;
mod downlink;
mod links;
mod uplink;

use std::cell::Cell;
use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use livekit_protocol as proto;
use livekit_protocol::signal_response::Message;
use plane::Quality;
use tokio::sync::mpsc;

pub(crate) use asked::rank;
pub(crate) use downlink::{Agreed, Change, Downlink, MissingSections, Offer, Wanted};
pub(crate) use links::{Link, Links};
pub(crate) use uplink::{Backup, Refused, Track, Uplink};

use crate::control::{SessionId, Speaker};
use crate::room::sections::OnStage;
use crate::signalling::livekit::info;
use crate::signalling::livekit::message::Outgoing;
use crate::signalling::sdp::CodecName;

/// The way to the client.
pub(crate) struct Signal {
    pub outbox: mpsc::Sender<Outgoing>,
    /// Which of its connections: an old one's end is not the new one's.
    pub connection: u32,
    /// A message was lost on it: what the client knows is not what is, so it is to be cut off, and may resume.
    pub lags: Cell<bool>,
}

/// What the client wants of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TrackSetting {
    pub disabled: bool,
    pub quality: proto::VideoQuality,
    /// 0 × 0: by quality.
    pub size: (u32, u32),
    /// 0: as many as there are.
    pub pictures_per_second: u32,
}

/// Whom a participant lets subscribe.
#[derive(Clone, Debug, Default)]
pub(crate) struct Audience {
    /// `None`: everybody.
    pub only: Option<Vec<proto::TrackPermission>>,
}

impl Audience {
    /// Whether that participant may subscribe to that track.
    pub(crate) fn admits(&self, sid: &str, identity: &str, track_sid: &str) -> bool {
        let Some(only) = &self.only else { return true };
        only.iter().any(|permission| {
            let theirs = if permission.participant_identity.is_empty() {
                permission.participant_sid == sid
            } else {
                permission.participant_identity == identity
            };
            theirs && (permission.all_tracks || permission.track_sids.iter().any(|sid| sid == track_sid))
        })
    }
}

/// See the module.
pub(crate) struct Member {
    pub sid: String,
    pub room: String,
    pub identity: String,
    pub name: String,
    pub metadata: String,
    pub attributes: HashMap<String, String>,
    pub permission: proto::ParticipantPermission,
    /// Class and operator, as their token has them.
    pub standing: access::Standing,
    /// The others are told of them. Never the hidden.
    pub listed: bool,
    /// It asked from this machine.
    pub local: bool,
    pub since: SystemTime,
    /// They are sent every track, unless they say otherwise.
    pub auto_subscribe: bool,
    pub state: proto::participant_info::State,
    /// Of what is told of them; never falls.
    pub version: u32,
    pub signal: Option<Signal>,
    /// Since when there is no signal connection.
    pub lost_at: Option<Instant>,
    pub links: Links,
    pub uplink: Uplink,
    pub downlink: Downlink,
    pub audience: Audience,
    /// Subscribed and unsubscribed by name.
    pub chosen: HashMap<String, bool>,
    pub settings: HashMap<String, TrackSetting>,
    /// Whether they have been on stage.
    pub on_stage: bool,
    /// When their token is to be renewed.
    pub refresh_at: Instant,
    /// How loud they are, 0 to 8.
    pub loudness: u8,
    /// Reliable messages that wait for their channel.
    pub waiting: VecDeque<Bytes>,
    pub waiting_bytes: usize,
    pub data_open: bool,
    /// The last reliable message that came of them.
    pub last_sequence: u32,
    /// Tracks that stay unsubscribed because the client has as many as it may have; it has been told.
    pub left_out: HashSet<String>,
    /// Tracks that the client cannot decode in this codec: they are not offered so again.
    pub undecodable: HashSet<(String, CodecName)>,
}

impl Member {
    /// Not shown to others.
    pub(crate) fn hidden(&self) -> bool {
        self.permission.hidden
    }

    /// What is told of them. `state` Disconnected: they are gone.
    pub(crate) fn info(&self) -> proto::ParticipantInfo {
        let (joined_at, joined_at_ms) = info::unix_time(self.since);
        proto::ParticipantInfo {
            sid: self.sid.clone(),
            identity: self.identity.clone(),
            state: self.state.into(),
            tracks: self.uplink.tracks.iter().map(|track| track.info.clone()).collect(),
            metadata: self.metadata.clone(),
            joined_at,
            joined_at_ms,
            name: self.name.clone(),
            version: self.version,
            permission: Some(self.permission.clone()),
            is_publisher: !self.uplink.tracks.is_empty(),
            attributes: self.attributes.clone(),
            ..proto::ParticipantInfo::default()
        }
    }

    /// Puts a message on its way, if there is one.
    pub(crate) fn tell(&self, message: impl Into<Outgoing>) {
        if let Some(signal) = self.signal.as_ref().filter(|signal| !signal.lags.get())
            && signal.outbox.try_send(message.into()).is_err()
        {
            signal.lags.set(true);
        }
    }

    /// Tells the client of tracks that it is not sent because it has as many as it may have: of each once, until it
    /// finds a place.
    pub(crate) fn tell_left_out(&mut self) {
        let left_out: HashSet<String> = self.downlink.left_out().into_iter().map(str::to_owned).collect();
        for track_sid in left_out.difference(&self.left_out).cloned() {
            let err = proto::SubscriptionError::SeUnknown.into();
            self.tell(Message::SubscriptionResponse(proto::SubscriptionResponse { track_sid, err }));
        }
        self.left_out = left_out;
    }

    /// How good their paths are, the worse of the two.
    pub(crate) fn quality(&self) -> proto::ConnectionQualityInfo {
        let worst = self.links.iter().map(|link| link.quality).min().unwrap_or_default();
        let (quality, score) = match worst {
            Quality::Poor => (proto::ConnectionQuality::Poor, 2.0),
            Quality::Good => (proto::ConnectionQuality::Good, 3.5),
            Quality::Excellent => (proto::ConnectionQuality::Excellent, 4.5),
        };
        proto::ConnectionQualityInfo { participant_sid: self.sid.clone(), quality: quality.into(), score }
    }

    /// Whom the stage has, if their media can flow: camera before screen, for whoever takes one picture of each
    /// speaker.
    pub(crate) fn as_speaker(&self) -> Option<OnStage> {
        if !self.links.up().is_some_and(|link| link.connected) || self.hidden() {
            return None;
        }
        use proto::TrackSource::{Camera, Microphone};
        let of = |video: bool, first: proto::TrackSource| {
            let mut tracks: Vec<&Track> =
                self.uplink.tracks.iter().filter(|track| track.media.video().is_some() == video).collect();
            tracks.sort_by_key(|track| track.info.source() != first);
            tracks.first().map(|track| track.media.clone())
        };
        let (audio, video) = (of(false, Microphone), of(true, Camera));
        if audio.is_none() && video.is_none() {
            return None;
        }
        Some(OnStage { identity: self.identity.clone(), audio, video })
    }

    /// As the rest of the server knows speakers.
    pub(crate) fn speaker(&self) -> Option<Speaker> {
        let OnStage { identity, audio, video } = self.as_speaker()?;
        Some(Speaker {
            identity,
            name: self.name.clone(),
            session: SessionId::from(self.sid.as_str()),
            audio: audio.is_some(),
            video: video.is_some(),
        })
    }
}
