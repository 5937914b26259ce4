//! Publications: the tracks that participants offer.

use livekit_protocol as proto;
use livekit_protocol::signal_response::Message;
use plane::{Data, Expected, Order};

use super::leaving::Departure;
use crate::room::address::OurEnd;
use crate::room::machine::Room;
use crate::room::negotiation::track;
use crate::room::participant::ParticipantKey;
use crate::room::participant::livekit::{Downlink, Link, Refused, Track};
use crate::signalling::livekit::{info, message};
use crate::signalling::sdp::{DtlsRole, IceCredentials, LocalDescription, NegotiatedSection, RemoteDescription, Setup};

/// Characters of the random part of a track's sid.
const SID_LEN: usize = 12;

impl Room {
    pub(super) fn add_track(&mut self, key: ParticipantKey, request: &proto::AddTrackRequest) {
        let tracks_max = self.ground.config.tracks_per_participant_max as usize;
        let random = self.random_text(SID_LEN);
        let Some((_, livekit)) = self.roster.livekit_mut(key) else { return };
        let name = |request: &proto::AddTrackRequest| info::track_sid(request.r#type(), request.source(), &random);
        let announced = livekit.uplink.announce(request, &livekit.permission, tracks_max, name);
        let told = match announced {
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
        };
        self.out.tell(livekit.connection, told);
    }

    /// The client offers what it publishes.
    pub(super) fn publisher_offer(&mut self, key: ParticipantKey, id: u32, offer: &RemoteDescription) {
        let Some((_, livekit)) = self.roster.livekit(key) else { return };
        match livekit.links.up().map(|link| link.role) {
            Some(Some(role)) if !offer.setup.keeps(role) => {
                tracing::debug!(?key, ?role, "an offer would turn the DTLS roles round");
                return self.leave(key, Departure::Misunderstood);
            }
            Some(_) => {}
            None => self.open_uplink(key, offer),
        }
        self.follow_ice(key, &offer.ice);
        let Some((who, livekit)) = self.roster.livekit_mut(key) else { return };
        let Some(link) = livekit.links.up_mut() else { return };
        let peer = link.peer;
        let mut plan = livekit.uplink.offered(offer, &livekit.permission);
        for media in &plan.dropped {
            self.out.order(Order::RemoveTrack { peer, track: media.id });
        }
        let mut changed = !plan.removed.is_empty() || !plan.dropped.is_empty();
        let mut published = Vec::new();
        for (index, added) in plan.added {
            let (Some(offered), Some(section)) = (offer.sections.get(index), plan.sections.get(index)) else {
                continue;
            };
            let next_track = || self.ground.node.new_track();
            let Some((new, media)) = track(offered, section, peer.shard, next_track) else { continue };
            changed = true;
            published.extend(livekit.uplink.add(added, section, media));
            self.out.order(Order::AddTrack { peer, track: Box::new(new) });
        }
        let (agreed, mid_to_track_id) = match &mut livekit.downlink {
            Downlink::Answering(downlink) => downlink.answer(offer, &mut plan.sections),
            Downlink::Offering(_) => Default::default(),
        };
        let setup = Setup::from(link.role.unwrap_or(DtlsRole::Server));
        let sdp = describe(&self.ground.our_end, link, who.local, plan.sections, setup);
        let answer = proto::SessionDescription { r#type: "answer".to_owned(), sdp, id, mid_to_track_id };
        self.out.tell(livekit.connection, Message::Answer(answer));
        self.agreed(key, agreed);
        self.withdraw(key, &plan.removed);
        if changed {
            self.announce(key);
            published.into_iter().for_each(|track| self.record_track(key, track, true));
            self.tracks_changed(key);
        }
    }

    /// The connection that a participant publishes on.
    fn open_uplink(&mut self, key: ParticipantKey, offer: &RemoteDescription) {
        let mut link = self.new_link(key);
        let role = offer.setup.our_role();
        link.role = Some(role);
        let expected = Expected { fingerprint: offer.fingerprint, role, data: Data::Accept };
        self.out.order(Order::Expect { peer: link.peer, expected });
        if let Some((_, livekit)) = self.roster.livekit_mut(key) {
            *livekit.links.up_mut() = Some(link);
        }
    }

    /// New credentials of the client's are an ICE restart, and ask for new ones of ours (RFC 8839 §4.4.1.1.1).
    fn follow_ice(&mut self, key: ParticipantKey, remote: &IceCredentials) {
        let up = self.roster.livekit(key).and_then(|(_, livekit)| livekit.links.up());
        let known = up.and_then(|link| Some((link.peer, link.remote_ufrag.as_deref()?)));
        let restarted = known.filter(|(_, known)| *known != remote.ufrag).map(|(peer, _)| peer);
        let ice = restarted.map(|peer| self.local_ice(peer.serial));
        let Some((_, livekit)) = self.roster.livekit_mut(key) else { return };
        let Some(link) = livekit.links.up_mut() else { return };
        if link.remote_ufrag.as_ref() != Some(&remote.ufrag) {
            self.out.order(Order::RemoteIce { peer: link.peer, ice: remote.into() });
        }
        if let Some(ice) = ice {
            link.ice = ice.clone();
            self.out.order(Order::RestartIce { peer: link.peer, ice });
        }
        link.remote_ufrag = Some(remote.ufrag.clone());
    }

    /// Tracks that are published no more: the media plane forgets them.
    pub(super) fn withdraw(&mut self, key: ParticipantKey, tracks: &[Track]) {
        let Some((_, livekit)) = self.roster.livekit(key) else { return };
        let Some(peer) = livekit.links.up().map(|link| link.peer) else { return };
        for track in tracks {
            for media in track.published() {
                self.out.order(Order::RemoveTrack { peer, track: media.id });
            }
            self.record_track(key, track.info.clone(), false);
        }
    }

    /// A track is muted or not, as its participant or the server says. The others are told with the next tick: a
    /// participant who toggles costs no more than one who does not.
    pub(super) fn mute(&mut self, key: ParticipantKey, track_sid: &str, muted: bool) {
        let changed = self.roster.livekit_mut(key).and_then(|(_, livekit)| livekit.uplink.mute(track_sid, muted));
        if changed == Some(true) {
            self.announce_soon(key);
        }
    }

    /// A participant's published tracks are others than before.
    pub(super) fn tracks_changed(&mut self, key: ParticipantKey) {
        self.refresh_stage(key);
        self.stage_changed();
    }
}

/// Our end of a participant's peer connection.
pub(super) fn describe(
    our_end: &OurEnd,
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
        fingerprint: our_end.fingerprint,
        candidates: our_end.candidates(link.peer.shard, local).to_vec(),
        sections,
    };
    description.to_sdp()
}
