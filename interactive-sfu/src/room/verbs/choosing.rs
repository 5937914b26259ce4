//! The choices of LiveKit's clients: the tracks that they subscribe to by name, and the pictures they have use for.
//!
//! A client's choices are bounded: [`CHOICES_MAX`] of each kind, of tracks that are published first.

use std::collections::{BTreeSet, HashSet};

use livekit_protocol as proto;
use plane::{Limit, Order};

use super::requests::CHOICES_MAX;
use crate::room::machine::Room;
use crate::room::participant::livekit::TrackSetting;
use crate::room::participant::{Participant, ParticipantKey};

impl Room {
    /// A client subscribes to tracks, or ends that.
    pub(super) fn update_subscription(&mut self, key: ParticipantKey, request: &proto::UpdateSubscription) {
        let grouped = request.participant_tracks.iter().flat_map(|of| &of.track_sids);
        for track in request.track_sids.iter().chain(grouped).collect::<BTreeSet<_>>() {
            self.prune_choices(key);
            let Some((_, livekit)) = self.roster.livekit_mut(key) else { return };
            if livekit.chosen.len() >= CHOICES_MAX && !livekit.chosen.contains_key(track) {
                break;
            }
            livekit.chosen.insert(track.clone(), request.subscribe);
            livekit.undecodable.retain(|(sid, _)| sid != track);
        }
        self.resubscribe(key);
    }

    /// A client says which pictures of tracks it has use for.
    pub(super) fn update_track_settings(&mut self, key: ParticipantKey, request: &proto::UpdateTrackSettings) {
        let setting = TrackSetting::from(request);
        for track in request.track_sids.iter().collect::<BTreeSet<_>>() {
            self.prune_choices(key);
            let Some((_, livekit)) = self.roster.livekit_mut(key) else { return };
            if livekit.settings.len() >= CHOICES_MAX && !livekit.settings.contains_key(track) {
                return;
            }
            livekit.settings.insert(track.clone(), setting);
            self.apply_setting(key, track);
        }
        let Some((_, livekit)) = self.roster.livekit(key) else { return };
        let idle = !livekit.settings.is_empty() && livekit.settings.values().all(|setting| setting.disabled);
        self.note_idle(key, idle);
    }

    /// Tells the media plane the largest picture that a participant has use for of a track.
    pub(super) fn apply_setting(&mut self, key: ParticipantKey, track_sid: &str) {
        let Some((_, livekit)) = self.roster.livekit(key) else { return };
        let (Some(link), Some(section)) = (livekit.links.down(), livekit.downlink.section_of(track_sid)) else {
            return;
        };
        let (peer, setting) = (link.peer, livekit.settings.get(track_sid).copied());
        let limit = setting.map(|setting| {
            // Tracks that come by WHIP say nothing of their layers.
            let mut tracks = self.performers().filter_map(Participant::livekit).flat_map(|one| &one.uplink.tracks);
            let codec = tracks.find(|track| track.info.sid == track_sid).and_then(|track| track.info.codecs.first());
            let size = setting.size_max(codec.map(|codec| codec.layers.as_slice()).unwrap_or_default());
            Limit { size, pictures_per_second: setting.pictures_per_second }
        });
        self.out.order(Order::LimitLayer { peer, section: Some(section), limit: limit.unwrap_or_default() });
        self.qualities_stale = true;
    }

    /// Forgets what a participant chose for tracks that are published no more, once it is as much as may be remembered.
    fn prune_choices(&mut self, key: ParticipantKey) {
        let Some((_, livekit)) = self.roster.livekit(key) else { return };
        if livekit.chosen.len().max(livekit.settings.len()).max(livekit.undecodable.len()) < CHOICES_MAX {
            return;
        }
        let offered = self.offered();
        let published: HashSet<&str> = offered.iter().map(|track| track.wanted.sid.as_str()).collect();
        let Some((_, livekit)) = self.roster.livekit_mut(key) else { return };
        livekit.chosen.retain(|track, _| published.contains(track.as_str()));
        livekit.settings.retain(|track, _| published.contains(track.as_str()));
        livekit.undecodable.retain(|(track, _)| published.contains(track.as_str()));
    }
}
