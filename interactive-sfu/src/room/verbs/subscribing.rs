//! Subscriptions: the tracks that participants are sent.

use std::sync::Arc;

use access::Identity;
use livekit_protocol as proto;
use livekit_protocol::signal_response::Message;
use plane::{Data, Expected, Order};

use super::leaving::Departure;
use super::publishing::describe;
use crate::room::machine::Room;
use crate::room::participant::livekit::{Agreed, Audience, Change, Downlink, LiveKit, MissingSections, Offer, Wanted};
use crate::room::participant::{Participant, ParticipantKey, Who};
use crate::room::sections::MediaTrack;
use crate::signalling::livekit::info;
use crate::signalling::sdp::{RemoteDescription, Setup};

/// A track that participants may subscribe to.
pub(in crate::room) struct Offered {
    pub(super) wanted: Wanted,
    backups: Vec<MediaTrack>,
    identity: Identity,
    audience: Option<Audience>,
}

impl Room {
    /// Works out what everybody is to be sent, and offers it.
    pub(super) fn resubscribe_all(&mut self) {
        let keys: Vec<ParticipantKey> = self.roster.all_livekit().map(|(who, _)| who.key).collect();
        keys.into_iter().for_each(|key| self.resubscribe(key));
    }

    /// Works out what one participant is to be sent, and offers it.
    pub(super) fn resubscribe(&mut self, key: ParticipantKey) {
        let tracks = self.offered();
        let Some((who, livekit)) = self.roster.livekit(key) else { return };
        let wanted = if livekit.permission.can_subscribe { wanted_by(who, livekit, &tracks) } else { Vec::new() };
        // A connection for both ways comes with the client's offer.
        if livekit.links.down().is_none() && !livekit.links.is_single() {
            if !livekit.permission.can_subscribe {
                return;
            }
            let link = self.new_link(key);
            if let Some((_, livekit)) = self.roster.livekit_mut(key) {
                *livekit.links.down_mut() = Some(link);
            }
        }
        let Some((_, livekit)) = self.roster.livekit_mut(key) else { return };
        let changes = livekit.downlink.want(wanted);
        for track_sid in livekit.newly_left_out() {
            let err = proto::SubscriptionError::SeUnknown.into();
            let told = proto::SubscriptionResponse { track_sid, err };
            self.out.tell(livekit.connection, Message::SubscriptionResponse(told));
        }
        self.carry_out(key, changes);
        self.qualities_stale = true;
        self.renegotiate(key);
    }

    fn carry_out(&mut self, key: ParticipantKey, changes: Vec<Change>) {
        let down = self.roster.livekit(key).and_then(|(_, livekit)| livekit.links.down());
        let Some(peer) = down.map(|link| link.peer) else { return };
        for change in changes {
            let order = match change {
                Change::Set(section, new) => Order::SetSection { peer, section, new },
                Change::Attach(section, source) => Order::Attach { peer, section, source },
            };
            self.out.order(order);
        }
    }

    /// Sends the offer that is due, or asks for one.
    fn renegotiate(&mut self, key: ParticipantKey) {
        let Some((who, livekit)) = self.roster.livekit_mut(key) else { return };
        let (Some(link), Some(connection)) = (livekit.links.down_mut(), livekit.connection) else { return };
        let message = match &mut livekit.downlink {
            Downlink::Offering(downlink) => {
                let Some(Offer { id, sections, mid_to_track_id }) = downlink.poll_offer() else { return };
                let sdp = describe(&self.ground.our_end, link, who.local, sections, Setup::ActPass);
                Message::Offer(proto::SessionDescription { r#type: "offer".to_owned(), sdp, id, mid_to_track_id })
            }
            Downlink::Answering(downlink) => {
                let Some(MissingSections { audio, video }) = downlink.poll_missing() else { return };
                let missing = proto::MediaSectionsRequirement { num_audios: audio, num_videos: video };
                Message::MediaSectionsRequirement(missing)
            }
        };
        self.out.tell(Some(connection), message);
    }

    /// The client answers our offer.
    pub(super) fn subscriber_answer(&mut self, key: ParticipantKey, id: u32, answer: &RemoteDescription) {
        let Some((_, livekit)) = self.roster.livekit_mut(key) else { return };
        let Downlink::Offering(downlink) = &mut livekit.downlink else { return };
        let Some(link) = livekit.links.down_mut() else { return };
        let role = *link.role.get_or_insert(answer.setup.our_role());
        if !answer.setup.keeps(role) {
            tracing::debug!(?key, ?role, "an answer would turn the DTLS roles round");
            return self.leave(key, Departure::Misunderstood);
        }
        let known = link.remote_ufrag.replace(answer.ice.ufrag.clone());
        if known.is_none() {
            let expected = Expected { fingerprint: answer.fingerprint, role, data: Data::Announce };
            self.out.order(Order::Expect { peer: link.peer, expected });
        }
        if known.is_none_or(|known| known != answer.ice.ufrag) {
            self.out.order(Order::RemoteIce { peer: link.peer, ice: (&answer.ice).into() });
        }
        let agreed = downlink.answered(id, answer);
        self.agreed(key, agreed);
    }

    /// Client and server agree on what is sent: it flows, or cannot.
    pub(super) fn agreed(&mut self, key: ParticipantKey, agreed: Agreed) {
        for (track_sid, codec) in &agreed.refused {
            let Some((_, livekit)) = self.roster.livekit_mut(key) else { return };
            livekit.undecodable.insert((track_sid.clone(), *codec));
            let Some((_, livekit)) = self.roster.livekit(key) else { return };
            // It may come in another codec yet.
            if self.comes_otherwise(livekit, track_sid) {
                continue;
            }
            let told = proto::SubscriptionResponse {
                track_sid: track_sid.clone(),
                err: proto::SubscriptionError::SeCodecUnsupported.into(),
            };
            self.out.tell(livekit.connection, Message::SubscriptionResponse(told));
        }
        self.carry_out(key, agreed.changes);
        for track_sid in &agreed.subscribed {
            self.apply_setting(key, track_sid);
        }
        if agreed.refused.is_empty() {
            self.renegotiate(key);
        } else {
            self.resubscribe(key);
        }
    }

    /// After a resume ICE begins anew, and the client is told all again. On a connection for both ways it does so by
    /// itself.
    pub(super) fn restart_downlink(&mut self, key: ParticipantKey) {
        let link = self.roster.livekit(key).and_then(|(_, livekit)| livekit.links.down());
        let Some(serial) = link.map(|link| link.peer.serial) else { return self.resubscribe(key) };
        let ice = self.local_ice(serial);
        let Some((_, livekit)) = self.roster.livekit_mut(key) else { return };
        if let (Downlink::Offering(downlink), Some(link)) = (&mut livekit.downlink, livekit.links.down_mut()) {
            link.ice = ice.clone();
            downlink.offer_again();
            self.out.order(Order::RestartIce { peer: link.peer, ice });
        }
        self.resubscribe(key);
    }

    /// A picture pauses for want of bandwidth, or goes on.
    pub(super) fn tell_pause(&mut self, key: ParticipantKey, section: usize, paused: bool) {
        let Some((_, livekit)) = self.roster.livekit(key) else { return };
        let Some(track_sid) = livekit.downlink.track_at(section).map(str::to_owned) else { return };
        let connection = livekit.connection;
        let publishes = |one: &&Participant| one.tracks().iter().any(|track| track.info.sid == track_sid);
        let participant_sid = self.performers().find(publishes).map(|one| one.who.sid.clone()).unwrap_or_default();
        let state = if paused { proto::StreamState::Paused } else { proto::StreamState::Active };
        let told = proto::StreamStateInfo { participant_sid, track_sid, state: state.into() };
        let update = proto::StreamStateUpdate { stream_states: vec![told] };
        self.out.tell(connection, Message::StreamStateUpdate(update));
    }

    /// Whether a track is published in a codec that the participant has not refused, or can be.
    fn comes_otherwise(&self, livekit: &LiveKit, track_sid: &str) -> bool {
        let mut tracks = self.performers().filter_map(Participant::livekit).flat_map(|one| &one.uplink.tracks);
        let track = tracks.find(|track| track.info.sid == track_sid);
        let decodes = |codec| !livekit.undecodable.contains(&(track_sid.to_owned(), codec));
        track.is_some_and(|track| track.backups.iter().any(|backup| decodes(backup.codec)))
    }

    /// Every track of the room.
    pub(super) fn offered(&mut self) -> Arc<[Offered]> {
        if let Some(offered) = &self.offered {
            return offered.clone();
        }
        let tracks = self.performers().flat_map(|one| {
            let tracks = one.tracks().into_iter().map(|track| Offered {
                wanted: Wanted {
                    stream: info::stream(&one.who.sid, &track.info),
                    sid: track.info.sid,
                    media: track.media.clone(),
                },
                backups: track.backups.into_iter().cloned().collect(),
                identity: one.who.identity.clone(),
                audience: track.audience.cloned(),
            });
            tracks.collect::<Vec<_>>()
        });
        let offered: Arc<[Offered]> = tracks.collect();
        self.offered = Some(offered.clone());
        offered
    }
}

/// The tracks that a participant is to be sent now.
fn wanted_by(who: &Who, livekit: &LiveKit, tracks: &[Offered]) -> Vec<Wanted> {
    let wanted = tracks.iter().filter_map(|track| {
        let sid = &track.wanted.sid;
        let chosen = livekit.chosen.get(sid).copied().unwrap_or(livekit.auto_subscribe);
        let admitted = track.audience.as_ref().is_none_or(|audience| audience.admits(&who.sid, &who.identity, sid));
        let mut published = std::iter::once(&track.wanted.media).chain(&track.backups);
        let media = published.find(|media| !livekit.undecodable.contains(&(sid.clone(), media.codec.name())))?;
        let wanted = chosen && admitted && track.identity != who.identity;
        wanted.then(|| Wanted { media: media.clone(), ..track.wanted.clone() })
    });
    wanted.collect()
}
