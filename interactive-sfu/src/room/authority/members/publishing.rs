//! What participants publish.

use livekit_protocol as proto;
use livekit_protocol::DisconnectReason;
use livekit_protocol::leave_request::Action;
use livekit_protocol::signal_response::Message;
use plane::{Data, Expected, Order, TrackId, local_ice};

use super::super::Authority;
use crate::control::{Event, NoticeKind, SessionId};
use crate::ids::random_text;
use crate::room::member::{Downlink, Link, Refused, Track};
use crate::room::session::track;
use crate::room::state::State;
use crate::signalling::livekit::message::Outgoing;
use crate::signalling::livekit::{info, message};
use crate::signalling::sdp::{DtlsRole, LocalDescription, NegotiatedSection, RemoteDescription, Setup};

/// Characters of the random part of a track's sid.
const SID_LEN: usize = 12;

impl Authority {
    pub(super) fn add_track(&self, state: &mut State, sid: &str, request: &proto::AddTrackRequest) {
        let Some(member) = state.members.get_mut(sid) else { return };
        let tracks_max = self.config.tracks_per_participant_max as usize;
        let name = |request: &proto::AddTrackRequest| {
            info::track_sid(request.r#type(), request.source(), &random_text(SID_LEN))
        };
        let announced = member.uplink.announce(request, &member.permission, tracks_max, name);
        member.tell(match announced {
            Ok(info) => {
                Message::TrackPublished(proto::TrackPublishedResponse { cid: request.cid.clone(), track: Some(info) })
            }
            Err(refused) => {
                use proto::request_response::Reason;
                let (reason, why) = match refused {
                    Refused::NotAllowed => (Reason::NotAllowed, "not allowed to publish this"),
                    Refused::TooMany => (Reason::LimitExceeded, "too many tracks"),
                    Refused::Invalid => (Reason::InvalidRequest, "not a track that can be published"),
                    Refused::Unknown => (Reason::NotFound, "no such track"),
                };
                let mut response = message::response(0, reason, why);
                if let Message::RequestResponse(response) = &mut response {
                    response.request = Some(proto::request_response::Request::AddTrack(request.clone()));
                }
                response
            }
        });
    }

    /// The client offers what it publishes.
    pub(super) fn publisher_offer(&self, state: &mut State, sid: &str, id: u32, offer: &RemoteDescription) {
        let Some(member) = state.members.get(sid) else { return };
        if let Some(role) = member.links.up().and_then(|link| link.role).filter(|role| !offer.setup.keeps(*role)) {
            tracing::debug!(sid, ?role, "an offer would turn the DTLS roles round");
            return self.dismiss(state, sid, DisconnectReason::StateMismatch, Action::Reconnect);
        }
        if member.links.up().is_none() {
            let Some(mut link) = self.new_link(state, sid) else { return };
            let role = offer.setup.our_role();
            link.role = Some(role);
            let expected = Expected { fingerprint: offer.fingerprint, role, data: Data::Accept };
            self.plane.order(Order::Expect { peer: link.peer, expected });
            if let Some(member) = state.members.get_mut(sid) {
                *member.links.up_mut() = Some(link);
            }
        }
        let mut next_track = state.next_track;
        let Some(member) = state.members.get_mut(sid) else { return };
        let Some(link) = member.links.up_mut() else { return };
        self.follow_ice(link, &offer.ice.ufrag);
        let peer = link.peer;
        let mut plan = member.uplink.offered(offer, &member.permission);
        for media in &plan.dropped {
            self.plane.order(Order::RemoveTrack { peer, track: media.id });
        }
        let mut changed = !plan.removed.is_empty() || !plan.dropped.is_empty();
        let mut published = Vec::new();
        for (at, added) in plan.added {
            let (Some(offered), Some(section)) = (offer.sections.get(at), plan.sections.get(at)) else { continue };
            next_track += 1;
            let Some((new, media)) = track(offered, section, peer.shard, || TrackId(next_track)) else { continue };
            changed = true;
            published.extend(member.uplink.add(added, section, media));
            self.plane.order(Order::AddTrack { peer, track: Box::new(new) });
        }
        let (agreed, mid_to_track_id) = match &mut member.downlink {
            Downlink::Answering(downlink) => downlink.answer(offer, &mut plan.sections),
            Downlink::Offering(_) => Default::default(),
        };
        let setup = Setup::from(link.role.unwrap_or(DtlsRole::Server));
        let sdp = self.describe(link, member.local, plan.sections, setup);
        member.tell(Message::Answer(proto::SessionDescription {
            r#type: "answer".to_owned(),
            sdp,
            id,
            mid_to_track_id,
        }));
        state.next_track = next_track;
        self.agreed(state, sid, agreed);
        self.withdraw(state, sid, &plan.removed);
        if changed {
            self.announce(state, sid);
            for track in published {
                self.record(state, sid, NoticeKind::TrackPublished, Some(track));
            }
            self.tracks_changed(state, sid);
        }
    }

    /// New credentials of theirs are an ICE restart, and ask for new ones of ours (RFC 8839 §4.4.1.1.1).
    pub(super) fn follow_ice(&self, link: &mut Link, remote_ufrag: &str) {
        if link.remote_ufrag.as_deref().is_some_and(|known| known != remote_ufrag) {
            link.ice = local_ice(link.peer.serial);
            self.plane.order(Order::RestartIce { peer: link.peer, ice: link.ice.clone() });
        }
        link.remote_ufrag = Some(remote_ufrag.to_owned());
    }

    /// Our end of a participant's peer connection.
    pub(super) fn describe(
        &self,
        link: &mut Link,
        local: bool,
        sections: Vec<NegotiatedSection>,
        setup: Setup,
    ) -> String {
        link.session_version += 1;
        let description = LocalDescription {
            setup,
            session_id: link.session_id,
            session_version: link.session_version,
            ice: (&link.ice).into(),
            fingerprint: self.our_end.fingerprint,
            candidates: self.our_end.candidates(link.peer.shard, local).to_vec(),
            sections,
        };
        description.to_sdp()
    }

    /// Tells everybody how loud somebody is now.
    pub(in super::super) fn tell_loudness(&self, state: &State, room: &str, sid: String, step: u8) {
        let speaker = proto::SpeakerInfo { sid, level: info::loudness_level(step), active: step > 0 };
        let news = Outgoing::from(Message::SpeakersChanged(proto::SpeakersChanged { speakers: vec![speaker] }));
        state.members_of(room).for_each(|member| member.tell(news.clone()));
    }

    /// Tracks that are published no more: the media plane forgets them.
    pub(super) fn withdraw(&self, state: &State, sid: &str, tracks: &[Track]) {
        let Some(up) = state.members.get(sid).and_then(|member| member.links.up()) else { return };
        for track in tracks {
            for media in track.published() {
                self.plane.order(Order::RemoveTrack { peer: up.peer, track: media.id });
            }
            self.record(state, sid, NoticeKind::TrackUnpublished, Some(track.info.clone()));
        }
    }

    /// Whether a track is muted, as its participant or the server says.
    pub(super) fn mute(&self, state: &mut State, sid: &str, track: &str, muted: bool) {
        let changed = state.members.get_mut(sid).and_then(|member| member.uplink.mute(track, muted));
        if changed == Some(true) {
            self.announce(state, sid);
        }
    }

    /// Somebody's published tracks are others than before.
    pub(super) fn tracks_changed(&self, state: &mut State, sid: &str) {
        self.refresh_stage(state, sid);
        let Some(room) = state.members.get(sid).map(|member| member.room.clone()) else { return };
        self.stage_changed(state, &room);
    }

    /// Tells the rest of the server when somebody comes on stage or leaves it. Returns whether somebody did: whose
    /// sections follow is the caller's to see to.
    pub(super) fn refresh_stage(&self, state: &mut State, sid: &str) -> bool {
        let Some(member) = state.members.get_mut(sid) else { return false };
        let speaker = member.speaker();
        let now = speaker.is_some();
        let before = std::mem::replace(&mut member.on_stage, now);
        let (room, identity) = (member.room.clone(), member.identity.clone());
        state.performs(sid);
        match speaker {
            // Nobody listening is fine.
            Some(speaker) if !before => {
                drop(self.events.send(Event::SpeakerJoined { room, speaker }));
            }
            None if before => self.left_stage(&room, &identity, sid.into()),
            _ => {}
        }
        now != before
    }

    pub(in super::super) fn left_stage(&self, room: &str, identity: &str, session: SessionId) {
        drop(self.events.send(Event::SpeakerLeft { room: room.to_owned(), identity: identity.to_owned(), session }));
    }
}
