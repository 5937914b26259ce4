//! A participant by LiveKit's protocol: one signal connection, and one peer connection or two.
//!
//! `uplink` has what the participant publishes, `downlink` what it is sent; here is what its client asked for. Pure.

mod asked;
mod downlink;
mod links;
mod setting;
mod uplink;

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Instant;

use bytes::Bytes;
use livekit_protocol as proto;
use plane::Quality;

pub(crate) use asked::rank;
pub(crate) use downlink::{Agreed, Change, Downlink, MissingSections, Offer, Wanted};
pub(crate) use links::{Link, Links};
pub(crate) use setting::TrackSetting;
pub(crate) use uplink::{Backup, Refused, Track, Uplink};

use super::{PublishedTrack, Who};
use crate::signalling::livekit::info;
use crate::signalling::sdp::CodecName;

/// Bytes of reliable messages that may wait for a channel. Further ones are dropped.
pub(crate) const WAITING_BYTES_MAX: usize = 512 * 1024;

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

/// The LiveKit side of a participant.
pub(crate) struct LiveKit {
    pub metadata: String,
    pub attributes: HashMap<String, String>,
    pub permission: proto::ParticipantPermission,
    /// Class and operator, as the token has them.
    pub standing: access::Standing,
    /// The participant is sent every track, unless it says otherwise.
    pub auto_subscribe: bool,
    pub state: proto::participant_info::State,
    /// The signal connection: an old one's end is not the new one's.
    pub connection: Option<u32>,
    /// Since when there is no signal connection.
    pub lost_at: Option<Instant>,
    pub links: Links,
    pub uplink: Uplink,
    pub downlink: Downlink,
    pub audience: Audience,
    /// Tracks that the client subscribed to or unsubscribed from by name.
    pub chosen: HashMap<String, bool>,
    pub settings: HashMap<String, TrackSetting>,
    /// When the token is to be renewed.
    pub refresh_at: Instant,
    /// The others have been told how good the participant's path is.
    pub quality_told: bool,
    /// Reliable messages that wait for their channel.
    pub waiting: VecDeque<Bytes>,
    pub waiting_bytes: usize,
    pub data_open: bool,
    /// The number of the last reliable message that the client sent.
    pub last_sequence: u32,
    /// Tracks that stay unsubscribed because the client has as many as it may have; it has been told.
    pub left_out: HashSet<String>,
    /// Tracks that the client cannot decode in this codec: they are not offered so again.
    pub undecodable: HashSet<(String, CodecName)>,
}

impl LiveKit {
    /// The participant as others are told of it. `state` Disconnected: it is gone.
    pub(crate) fn info(&self, who: &Who) -> proto::ParticipantInfo {
        let (joined_at, joined_at_ms) = info::unix_time(who.since);
        proto::ParticipantInfo {
            sid: who.sid.clone(),
            identity: who.identity.to_string(),
            state: self.state.into(),
            tracks: self.uplink.tracks.iter().map(|track| track.info.clone()).collect(),
            metadata: self.metadata.clone(),
            joined_at,
            joined_at_ms,
            name: who.name.clone(),
            version: who.version,
            permission: Some(self.permission.clone()),
            is_publisher: !self.uplink.tracks.is_empty(),
            attributes: self.attributes.clone(),
            ..proto::ParticipantInfo::default()
        }
    }

    /// Published tracks.
    pub(crate) fn tracks(&self) -> Vec<PublishedTrack<'_>> {
        let tracks = self.uplink.tracks.iter().map(|track| PublishedTrack {
            info: track.info.clone(),
            media: &track.media,
            backups: track.published().skip(1).collect(),
            audience: Some(&self.audience),
        });
        tracks.collect()
    }

    /// Tracks that the client is not sent because it has as many as it may have, and has not been told of: each is told
    /// of once, until it finds a place.
    pub(crate) fn newly_left_out(&mut self) -> Vec<String> {
        let left_out: HashSet<String> = self.downlink.left_out().into_iter().map(str::to_owned).collect();
        let news = left_out.difference(&self.left_out).cloned().collect();
        self.left_out = left_out;
        news
    }

    /// The quality of the worse of the two peer connections.
    pub(crate) fn quality(&self, who: &Who) -> proto::ConnectionQualityInfo {
        let worst = self.links.iter().map(|link| link.quality).min().unwrap_or_default();
        let (quality, score) = match worst {
            Quality::Poor => (proto::ConnectionQuality::Poor, 2.0),
            Quality::Good => (proto::ConnectionQuality::Good, 3.5),
            Quality::Excellent => (proto::ConnectionQuality::Excellent, 4.5),
        };
        proto::ConnectionQualityInfo { participant_sid: who.sid.clone(), quality: quality.into(), score }
    }
}
