//! What participants are sent.

use std::collections::{BTreeSet, HashSet};

use livekit_protocol as proto;
use livekit_protocol::leave_request::Action;
use livekit_protocol::signal_response::Message;
use livekit_protocol::{DisconnectReason, VideoQuality};
use plane::{Data, Expected, Limit, Order, local_ice};

use super::super::Authority;
use crate::room::member::{Agreed, Audience, Change, Downlink, Member, MissingSections, Offer, TrackSetting, Wanted};
use crate::room::sections::MediaTrack;
use crate::room::state::State;
use crate::signalling::livekit::info;
use crate::signalling::sdp::{RemoteDescription, Setup};

impl Authority {
    /// Somebody's tracks changed: whoever watches is sent what there is now.
    pub(in super::super) fn stage_changed(&self, state: &mut State, room: &str) {
        self.reassign_sections(state, room);
        let tracks = state.offered(room);
        for sid in state.rooms.get(room).map(|room| room.members.clone()).unwrap_or_default() {
            self.resubscribe_to(state, &sid, &tracks);
        }
    }

    /// Works out what one participant is to be sent, and offers it.
    pub(super) fn resubscribe(&self, state: &mut State, sid: &str) {
        let Some(member) = state.members.get(sid) else { return };
        let tracks = state.offered(&member.room);
        self.resubscribe_to(state, sid, &tracks);
    }

    fn resubscribe_to(&self, state: &mut State, sid: &str, tracks: &[Offered]) {
        let Some(member) = state.members.get(sid) else { return };
        let wanted = if member.permission.can_subscribe { wanted_by(member, tracks) } else { Vec::new() };
        // A connection for both ways comes with the client's offer.
        if member.links.down().is_none() && !member.links.is_single() {
            if !member.permission.can_subscribe {
                return;
            }
            let link = self.new_link(state, sid);
            if let Some(member) = state.members.get_mut(sid) {
                *member.links.down_mut() = link;
            }
        }
        let Some(member) = state.members.get_mut(sid) else { return };
        let changes = member.downlink.want(wanted);
        member.tell_left_out();
        let room = member.room.clone();
        self.carry_out(state, sid, changes);
        state.qualities_stale(&room);
        self.renegotiate(state, sid);
    }

    fn carry_out(&self, state: &State, sid: &str, changes: Vec<Change>) {
        let Some(peer) = state.members.get(sid).and_then(|member| Some(member.links.down()?.peer)) else { return };
        for change in changes {
            self.plane.order(match change {
                Change::Set(section, new) => Order::SetSection { peer, section, new },
                Change::Attach(section, source) => Order::Attach { peer, section, source },
            });
        }
    }

    /// Sends the offer that is due, or asks for one.
    fn renegotiate(&self, state: &mut State, sid: &str) {
        let Some(member) = state.members.get_mut(sid) else { return };
        let (Some(link), Some(_)) = (member.links.down_mut(), &member.signal) else { return };
        let message = match &mut member.downlink {
            Downlink::Offering(downlink) => {
                let Some(Offer { id, sections, mid_to_track_id }) = downlink.poll_offer() else { return };
                let sdp = self.describe(link, member.local, sections, Setup::ActPass);
                Message::Offer(proto::SessionDescription { r#type: "offer".to_owned(), sdp, id, mid_to_track_id })
            }
            Downlink::Answering(downlink) => {
                let Some(MissingSections { audio, video }) = downlink.poll_missing() else { return };
                let missing = proto::MediaSectionsRequirement { num_audios: audio, num_videos: video };
                Message::MediaSectionsRequirement(missing)
            }
        };
        member.tell(message);
    }

    /// The client answers our offer.
    pub(super) fn subscriber_answer(&self, state: &mut State, sid: &str, id: u32, answer: &RemoteDescription) {
        let Some(member) = state.members.get_mut(sid) else { return };
        let Downlink::Offering(downlink) = &mut member.downlink else { return };
        let Some(link) = member.links.down_mut() else { return };
        let role = *link.role.get_or_insert(answer.setup.our_role());
        if !answer.setup.keeps(role) {
            tracing::debug!(sid, ?role, "an answer would turn the DTLS roles round");
            return self.dismiss(state, sid, DisconnectReason::StateMismatch, Action::Reconnect);
        }
        if link.remote_ufrag.replace(answer.ice.ufrag.clone()).is_none() {
            let expected = Expected { fingerprint: answer.fingerprint, role, data: Data::Announce };
            self.plane.order(Order::Expect { peer: link.peer, expected });
        }
        let agreed = downlink.answered(id, answer);
        self.agreed(state, sid, agreed);
    }

    /// Client and server agree on what is sent: it flows, or cannot.
    pub(super) fn agreed(&self, state: &mut State, sid: &str, agreed: Agreed) {
        for (track_sid, codec) in &agreed.refused {
            let Some(member) = state.members.get_mut(sid) else { return };
            member.undecodable.insert((track_sid.clone(), *codec));
            let Some(member) = state.members.get(sid) else { return };
            // It may come in another codec yet.
            if state.comes_otherwise(member, track_sid) {
                continue;
            }
            member.tell(Message::SubscriptionResponse(proto::SubscriptionResponse {
                track_sid: track_sid.clone(),
                err: proto::SubscriptionError::SeCodecUnsupported.into(),
            }));
        }
        self.carry_out(state, sid, agreed.changes);
        for track_sid in &agreed.subscribed {
            self.apply_setting(state, sid, track_sid);
        }
        if agreed.refused.is_empty() {
            self.renegotiate(state, sid);
        } else {
            self.resubscribe(state, sid);
        }
    }

    /// After a resume: ICE begins anew, and the client is told all again. On a connection for both ways it does so by
    /// itself.
    pub(super) fn restart_downlink(&self, state: &mut State, sid: &str) {
        let Some(member) = state.members.get_mut(sid) else { return };
        if let (Downlink::Offering(downlink), Some(link)) = (&mut member.downlink, member.links.down_mut()) {
            link.ice = local_ice(link.peer.serial);
            self.plane.order(Order::RestartIce { peer: link.peer, ice: link.ice.clone() });
            downlink.offer_again();
        }
        self.resubscribe(state, sid);
    }

    /// A picture pauses for want of bandwidth, or goes on.
    pub(in super::super) fn tell_pause(&self, state: &State, sid: &str, section: usize, paused: bool) {
        let Some(member) = state.members.get(sid) else { return };
        let Some(track_sid) = member.downlink.track_at(section).map(str::to_owned) else { return };
        let published = state.published(&member.room).into_iter().find(|track| track.info.sid == track_sid);
        let stream_state = if paused { proto::StreamState::Paused } else { proto::StreamState::Active };
        let told = proto::StreamStateInfo {
            participant_sid: published.map(|track| track.participant_sid).unwrap_or_default(),
            track_sid,
            state: stream_state.into(),
        };
        member.tell(Message::StreamStateUpdate(proto::StreamStateUpdate { stream_states: vec![told] }));
    }

    pub(super) fn update_subscription(&self, state: &mut State, sid: &str, request: &proto::UpdateSubscription) {
        let Some(member) = state.members.get_mut(sid) else { return };
        let grouped = request.participant_tracks.iter().flat_map(|of| &of.track_sids);
        let room = member.room.clone();
        for track in request.track_sids.iter().chain(grouped).collect::<BTreeSet<_>>() {
            state.prune_choices(&room, sid);
            let Some(member) = state.members.get_mut(sid) else { return };
            if member.chosen.len() >= super::requests::CHOICES_MAX && !member.chosen.contains_key(track) {
                break;
            }
            member.chosen.insert(track.clone(), request.subscribe);
            member.undecodable.retain(|(sid, _)| sid != track);
        }
        self.resubscribe(state, sid);
    }

    pub(super) fn update_track_settings(&self, state: &mut State, sid: &str, request: &proto::UpdateTrackSettings) {
        let setting = TrackSetting {
            disabled: request.disabled,
            quality: request.quality(),
            size: (request.width, request.height),
            pictures_per_second: request.fps,
        };
        let Some(room) = state.members.get(sid).map(|member| member.room.clone()) else { return };
        for track in request.track_sids.iter().collect::<BTreeSet<_>>() {
            state.prune_choices(&room, sid);
            let Some(member) = state.members.get_mut(sid) else { return };
            if member.settings.len() >= super::requests::CHOICES_MAX && !member.settings.contains_key(track) {
                return;
            }
            member.settings.insert(track.clone(), setting);
            self.apply_setting(state, sid, track);
        }
    }

    /// The largest picture that a participant has use for of a track, told to the media plane.
    fn apply_setting(&self, state: &mut State, sid: &str, track_sid: &str) {
        let Some(member) = state.members.get(sid) else { return };
        let (Some(link), Some(section)) = (member.links.down(), member.downlink.section_of(track_sid)) else { return };
        let limit = member.settings.get(track_sid).map(|setting| {
            // Tracks that come by WHIP say nothing of their layers.
            let mut tracks = state.performers_of(&member.room).flat_map(|other| &other.uplink.tracks);
            let codec = tracks.find(|track| track.info.sid == track_sid).and_then(|track| track.info.codecs.first());
            let size = size_limit(*setting, codec.map(|codec| codec.layers.as_slice()).unwrap_or_default());
            Limit { size, pictures_per_second: setting.pictures_per_second }
        });
        let limit = limit.unwrap_or_default();
        self.plane.order(Order::LimitLayer { peer: link.peer, section: Some(section), limit });
        let room = member.room.clone();
        state.qualities_stale(&room);
    }
}

/// The smallest quality that fills a setting.
pub(super) fn quality_wanted(setting: TrackSetting, track: &proto::TrackInfo) -> VideoQuality {
    let layers = track.codecs.first().map(|codec| codec.layers.as_slice()).unwrap_or_default();
    match size_limit(setting, layers) {
        Some((0, 0)) => VideoQuality::Off,
        None => VideoQuality::High,
        Some((width, height)) => {
            let covers = |layer: &&proto::VideoLayer| layer.width >= width && layer.height >= height;
            let least =
                layers.iter().filter(covers).min_by_key(|layer| u64::from(layer.width) * u64::from(layer.height));
            least.map_or(VideoQuality::High, proto::VideoLayer::quality)
        }
    }
}

/// What a setting means in pixels.
fn size_limit(setting: TrackSetting, layers: &[proto::VideoLayer]) -> Option<(u32, u32)> {
    if setting.disabled || setting.quality == VideoQuality::Off {
        return Some((0, 0));
    }
    if setting.size.0 > 0 && setting.size.1 > 0 {
        return Some(setting.size);
    }
    if setting.quality == VideoQuality::High {
        return None;
    }
    let layer = layers.iter().find(|layer| layer.quality() == setting.quality);
    match (layer, setting.quality) {
        (Some(layer), _) => Some((layer.width, layer.height)),
        // The smallest.
        (None, VideoQuality::Low) => Some((1, 1)),
        (None, _) => None,
    }
}

/// A track that participants may subscribe to.
struct Offered {
    wanted: Wanted,
    backups: Vec<MediaTrack>,
    identity: String,
    audience: Option<Audience>,
}

impl State {
    /// Forgets what a participant chose for tracks that are published no more, once it is as much as may be remembered.
    fn prune_choices(&mut self, room: &str, sid: &str) {
        let full = |member: &&Member| {
            let most = member.chosen.len().max(member.settings.len()).max(member.undecodable.len());
            most >= super::requests::CHOICES_MAX
        };
        if self.members.get(sid).filter(full).is_none() {
            return;
        }
        let published: HashSet<String> = self.published(room).into_iter().map(|track| track.info.sid).collect();
        let Some(member) = self.members.get_mut(sid) else { return };
        member.chosen.retain(|track, _| published.contains(track));
        member.settings.retain(|track, _| published.contains(track));
        member.undecodable.retain(|(track, _)| published.contains(track));
    }

    /// Whether a track is published in a codec that the participant has not refused, or can be.
    fn comes_otherwise(&self, member: &Member, track_sid: &str) -> bool {
        let mut tracks = self.performers_of(&member.room).flat_map(|other| &other.uplink.tracks);
        let track = tracks.find(|track| track.info.sid == track_sid);
        let decodes = |codec| !member.undecodable.contains(&(track_sid.to_owned(), codec));
        track.is_some_and(|track| track.backups.iter().any(|backup| decodes(backup.codec)))
    }

    /// Every track of a room.
    fn offered(&self, room: &str) -> Vec<Offered> {
        let tracks = self.published(room).into_iter().map(|track| Offered {
            wanted: Wanted {
                stream: info::stream(&track.participant_sid, &track.info),
                sid: track.info.sid,
                media: track.media,
            },
            backups: track.backups,
            identity: track.identity.to_owned(),
            audience: track.audience.cloned(),
        });
        tracks.collect()
    }
}

/// The tracks that a participant is to be sent now.
fn wanted_by(member: &Member, tracks: &[Offered]) -> Vec<Wanted> {
    let wanted = tracks.iter().filter_map(|track| {
        let sid = &track.wanted.sid;
        let chosen = member.chosen.get(sid).copied().unwrap_or(member.auto_subscribe);
        let admitted = track.audience.as_ref().is_none_or(|a| a.admits(&member.sid, &member.identity, sid));
        let mut published = std::iter::once(&track.wanted.media).chain(&track.backups);
        let media = published.find(|media| !member.undecodable.contains(&(sid.clone(), media.codec.name())))?;
        let wanted = chosen && admitted && track.identity != member.identity;
        wanted.then(|| Wanted { media: media.clone(), ..track.wanted.clone() })
    });
    wanted.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_limits_by_pixels_else_by_the_layer_of_its_quality() {
        let layer = |quality: VideoQuality, width, height| proto::VideoLayer {
            quality: quality.into(),
            width,
            height,
            ..Default::default()
        };
        let layers = [layer(VideoQuality::Low, 320, 180), layer(VideoQuality::High, 1280, 720)];
        let limit = |disabled, quality, size| {
            size_limit(TrackSetting { disabled, quality, size, pictures_per_second: 0 }, &layers)
        };
        assert_eq!(limit(true, VideoQuality::High, (640, 360)), Some((0, 0)));
        assert_eq!(limit(false, VideoQuality::Low, (640, 360)), Some((640, 360)));
        assert_eq!(limit(false, VideoQuality::Low, (0, 0)), Some((320, 180)));
        assert_eq!(limit(false, VideoQuality::High, (0, 0)), None);
        assert_eq!(limit(false, VideoQuality::Medium, (0, 0)), None);
    }
}
