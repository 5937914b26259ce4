//! What shards and the DTLS thread tell, and whom it concerns.

use super::Authority;
use crate::metrics;
use crate::room::participants::participant_sid;
use crate::room::state::{Owner, State};
use crate::shard::Report;
use crate::shard::inbox::PeerId;
use crate::transport::data::Channel;

impl Authority {
    /// What a shard says.
    pub(crate) fn report(&self, report: Report) {
        let mut state = self.lock();
        let state = &mut *state;
        let owner = |state: &State, peer: PeerId| state.by_serial.get(&peer.serial).cloned();
        match report {
            Report::Connected(peer) => {
                metrics::joined();
                match owner(state, peer) {
                    Some(Owner::Session(id)) => self.connected(state, &id),
                    Some(Owner::Member(sid)) => self.member_connected(state, &sid, peer),
                    None => {}
                }
            }
            Report::Loudness(peer, step) => match owner(state, peer) {
                Some(Owner::Session(id)) => {
                    if let Some(session) = state.sessions.get(&id).filter(|session| !session.hidden) {
                        self.tell_loudness(state, &session.room, participant_sid(session), step);
                    }
                }
                Some(Owner::Member(sid)) => {
                    if let Some(member) = state.members.get_mut(&sid) {
                        member.loudness = step;
                        let room = member.room.clone();
                        self.tell_loudness(state, &room, sid, step);
                    }
                }
                None => {}
            },
            Report::Paused(peer, section, paused) => {
                if let Some(Owner::Member(sid)) = owner(state, peer) {
                    self.tell_pause(state, &sid, section, paused);
                }
            }
            Report::Quality(peer, quality) => {
                if let Some(Owner::Member(sid)) = owner(state, peer) {
                    self.path_changed(state, &sid, peer, quality);
                }
            }
            Report::DataOpened(peer, Channel::Reliable) => {
                if let Some(Owner::Member(sid)) = owner(state, peer) {
                    self.data_opened(state, &sid, peer);
                }
            }
            Report::DataOpened(_, Channel::Lossy) => {}
            Report::Data(peer, channel, message) => {
                if let Some(Owner::Member(sid)) = owner(state, peer) {
                    self.message(state, &sid, channel, message);
                }
            }
            Report::Gone(peer, why) => {
                metrics::left(why);
                if let Some(n) = state.peers.get_mut(usize::from(peer.shard)) {
                    *n = n.saturating_sub(1);
                }
                match owner(state, peer) {
                    Some(Owner::Session(id)) => self.forget(state, &id),
                    Some(Owner::Member(sid)) => self.member_lost(state, &sid),
                    None => {}
                }
            }
        }
    }
}
