//! What shards and the DTLS thread tell, and whom it concerns.

use livekit_protocol::TrackSource;
use plane::{Channel, Order, PeerId, Report, TrackId};

use super::Authority;
use crate::metrics;
use crate::room::participants::participant_sid;
use crate::room::session::Kind;
use crate::room::state::{Owner, State};

impl Authority {
    /// Who speaks is seen before others, wherever not everything fits.
    fn prefer(&self, picture: TrackId, speaks: bool) {
        self.plane.order(Order::Prefer { track: picture, preferred: speaks });
    }

    /// What a shard says.
    pub(crate) fn report(&self, report: Report) {
        let mut state = self.lock();
        let state = &mut *state;
        let owner = |state: &State, peer: PeerId| state.by_serial.get(&peer.serial).cloned();
        match report {
            Report::Connected { peer } => {
                metrics::joined();
                match owner(state, peer) {
                    Some(Owner::Session(id)) => self.connected(state, &id),
                    Some(Owner::Member(sid)) => self.member_connected(state, &sid, peer),
                    None => {}
                }
            }
            Report::Loudness { peer, step } => match owner(state, peer) {
                Some(Owner::Session(id)) => {
                    if let Some(session) = state.sessions.get(&id).filter(|session| !session.hidden) {
                        if let Kind::Publish { speaker, .. } = &session.kind {
                            speaker.video.iter().for_each(|video| self.prefer(video.id, step > 0));
                        }
                        self.tell_loudness(state, &session.room, participant_sid(session), step);
                    }
                }
                Some(Owner::Member(sid)) => {
                    if let Some(member) = state.members.get_mut(&sid) {
                        member.loudness = step;
                        let cameras = member.uplink.tracks.iter().filter(|t| t.info.source() == TrackSource::Camera);
                        cameras.for_each(|camera| self.prefer(camera.media.id, step > 0));
                        let room = member.room.clone();
                        self.tell_loudness(state, &room, sid, step);
                    }
                }
                None => {}
            },
            Report::Paused { peer, section, paused } => {
                if let Some(Owner::Member(sid)) = owner(state, peer) {
                    self.tell_pause(state, &sid, section, paused);
                }
            }
            Report::Quality { peer, quality } => {
                if let Some(Owner::Member(sid)) = owner(state, peer) {
                    self.path_changed(state, &sid, peer, quality);
                }
            }
            Report::Refused { peer, track, why } => match owner(state, peer) {
                Some(Owner::Member(sid)) => self.refuse_pictures(state, &sid, track, why),
                Some(Owner::Session(id)) => {
                    // WHIP has no words for it.
                    let speaker = state.sessions.get(&id).map(|session| session.identity.as_str());
                    tracing::warn!(speaker, why, "a speaker's picture is not forwarded");
                }
                None => {}
            },
            Report::DataOpened { peer, channel: Channel::Reliable } => {
                if let Some(Owner::Member(sid)) = owner(state, peer) {
                    self.data_opened(state, &sid, peer);
                }
            }
            Report::DataOpened { channel: Channel::Lossy, .. } => {}
            Report::Data { peer, channel, message } => {
                if let Some(Owner::Member(sid)) = owner(state, peer) {
                    self.message(state, &sid, channel, message);
                }
            }
            Report::Gone { peer, why } => {
                metrics::left(why);
                if let Some(n) = state.peers.get_mut(usize::from(peer.shard)) {
                    *n = n.saturating_sub(1);
                }
                match state.by_serial.remove(&peer.serial) {
                    Some(Owner::Session(id)) => self.forget(state, &id),
                    Some(Owner::Member(sid)) => self.member_lost(state, &sid, peer),
                    None => {}
                }
            }
        }
    }
}
