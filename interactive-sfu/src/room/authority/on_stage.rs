//! What follows when somebody comes or goes: who is on stage, and whom each viewer's sections carry.

use livekit_protocol::participant_info::State as Presence;
use plane::Order;

use super::Authority;
use crate::control::{Event, NoticeKind, SessionId};
use crate::room::participants::{info, tracks};
use crate::room::sections::{assign, track_of};
use crate::room::session::{Kind, Session};
use crate::room::state::State;
use crate::signalling::livekit::message::{Outgoing, update};

impl Authority {
    /// A speaker's media flows: they are on stage, in place of who they were before.
    pub(super) fn connected(&self, state: &mut State, id: &SessionId) {
        state.joined(id);
        let Some(session) = state.sessions.get_mut(id) else { return };
        let (room, identity) = (session.room.clone(), session.identity.clone());
        let Kind::Publish { connected, .. } = &mut session.kind else {
            return self.record_session(state, id, NoticeKind::ParticipantJoined);
        };
        *connected = true;
        let Some(speaker) = session.speaker() else { return };
        for before in state.sessions_of(&room, &identity) {
            if before != *id && state.sessions.get(&before).is_some_and(Session::is_on_stage) {
                self.end(state, &before, "replaced");
            }
        }
        if let Some(of) = state.rooms.get_mut(&room) {
            // To the end: the order is that of joining the stage.
            of.publishers.retain(|s| s != id);
            of.publishers.push(id.clone());
        }
        // Nobody listening is fine.
        drop(self.events.send(Event::SpeakerJoined { room: room.clone(), speaker }));
        state.roll_stale(&room);
        self.tell_of(state, id);
        self.record_session(state, id, NoticeKind::ParticipantJoined);
        self.stage_changed(state, &room);
    }

    /// Tells LiveKit's participants of somebody who publishes by WHIP.
    pub(super) fn tell_of(&self, state: &State, id: &SessionId) {
        let Some(session) = state.sessions.get(id).filter(|session| !session.hidden) else { return };
        let news = Outgoing::from(update(info(&[session])));
        let others = state.members_of(&session.room).filter(|member| member.identity != session.identity);
        others.for_each(|member| member.tell(news.clone()));
    }

    /// A session's coming or going, and that of its tracks, for the record.
    fn record_session(&self, state: &State, id: &SessionId, kind: NoticeKind) {
        let Some(session) = state.sessions.get(id).filter(|session| session.joined && !session.hidden) else { return };
        let participant = info(&[session]);
        let tracks = tracks(session).into_iter().map(|(track, _)| track);
        let of_track = |kind| {
            let told = participant.clone();
            move |track| state.notice(&session.room, kind, Some(told.clone()), Some(track))
        };
        if kind == NoticeKind::ParticipantJoined {
            state.notice(&session.room, kind, Some(participant.clone()), None);
            tracks.for_each(of_track(NoticeKind::TrackPublished));
        } else {
            tracks.for_each(of_track(NoticeKind::TrackUnpublished));
            state.notice(&session.room, kind, Some(participant), None);
        }
    }

    /// Tells the shard to end the peer, and forgets the session at once.
    pub(super) fn end(&self, state: &mut State, id: &SessionId, why: &'static str) {
        let Some(session) = state.sessions.get(id) else { return };
        tracing::debug!(session = id.as_str(), why, "ending a session");
        self.plane.order(Order::Remove { peer: session.peer });
        self.forget(state, id);
    }

    pub(super) fn forget(&self, state: &mut State, id: &SessionId) {
        self.record_session(state, id, NoticeKind::ParticipantLeft);
        let Some(session) = state.remove(id) else { return };
        if session.is_on_stage() {
            let mut told = info(&[&session]);
            (told.state, told.version) = (Presence::Disconnected.into(), 1);
            told.tracks.clear();
            if !session.hidden {
                state.departed(&session.room, &told);
            }
            let news = Outgoing::from(update(told));
            let Session { room, identity, id, hidden, .. } = session;
            let others = state.members_of(&room).filter(|member| !hidden && member.identity != identity);
            others.for_each(|member| member.tell(news.clone()));
            self.left_stage(&room, &identity, id);
            self.stage_changed(state, &room);
        }
    }

    pub(super) fn reassign_sections(&self, state: &mut State, room: &str) {
        state.qualities_stale(room);
        for id in state.rooms.get(room).map(|r| r.watchers.clone()).unwrap_or_default() {
            self.assign_sections(state, &id);
        }
    }

    /// Decides what a viewer's sections carry, and tells its shard what changed.
    pub(super) fn assign_sections(&self, state: &mut State, id: &SessionId) {
        let Some(room) = state.sessions.get(id).map(|s| s.room.clone()) else { return };
        let stage = state.stage(&room);
        let Some(session) = state.sessions.get_mut(id) else { return };
        let peer = session.peer;
        let Kind::Watch { participant, sections } = &mut session.kind else { return };
        let mut slots: Vec<_> = sections.iter().map(|s| s.slot.clone()).collect();
        assign(&mut slots, &stage, participant.as_deref());
        for (i, (section, slot)) in sections.iter_mut().zip(slots).enumerate() {
            let track = track_of(&slot, &stage);
            section.slot = slot;
            let source = track.and_then(|t| t.source_for(&section.negotiated));
            let attached = source.as_ref().map(|s| s.track);
            if attached != section.attached {
                section.attached = attached;
                self.plane.order(Order::Attach { peer, section: i, source: source.map(Box::new) });
            }
        }
    }
}
