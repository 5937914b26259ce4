//! What the authority knows: rooms, their sessions, and who is on stage. No decisions, no orders.

use std::collections::HashMap;

use super::session::{Kind, Session};
use super::stage::OnStage;
use crate::control::{SessionId, SfuError, Speaker};

/// One room with a session in it.
#[derive(Default)]
pub(super) struct Room {
    pub(super) home: u16,
    /// Sessions that publish; connected ones in order of joining the stage, others anywhere.
    pub(super) publishers: Vec<SessionId>,
    pub(super) watchers: Vec<SessionId>,
}

/// Every room and session.
pub(super) struct State {
    pub(super) rooms: HashMap<String, Room>,
    pub(super) sessions: HashMap<SessionId, Session>,
    pub(super) by_serial: HashMap<u32, SessionId>,
    pub(super) peers: Vec<u32>,
    pub(super) next_serial: u32,
    pub(super) next_track: u32,
    pub(super) publishing: usize,
    pub(super) closed: bool,
}

impl Session {
    pub(super) fn is_on_stage(&self) -> bool {
        matches!(self.kind, Kind::Publish { connected: true, .. })
    }

    pub(super) fn speaker(&self) -> Option<Speaker> {
        let Kind::Publish { speaker, connected: true } = &self.kind else { return None };
        Some(Speaker {
            identity: self.identity.clone(),
            name: self.name.clone(),
            session: self.id.clone(),
            audio: speaker.audio.is_some(),
            video: speaker.video.is_some(),
        })
    }
}

impl State {
    /// Nobody yet, on so many threads.
    pub(super) fn new(shards: usize) -> Self {
        Self {
            rooms: HashMap::new(),
            sessions: HashMap::new(),
            by_serial: HashMap::new(),
            peers: vec![0; shards],
            next_serial: 0,
            next_track: 0,
            publishing: 0,
            closed: false,
        }
    }

    pub(super) fn session(&mut self, room: &str, id: &SessionId) -> Result<&mut Session, SfuError> {
        self.sessions.get_mut(id).filter(|s| s.room == room).ok_or(SfuError::UnknownSession)
    }

    /// Every session of a room, in no order.
    pub(super) fn of_room<'a>(&'a self, room: &str) -> impl Iterator<Item = &'a Session> + 'a {
        let room = self.rooms.get(room);
        let ids = room.into_iter().flat_map(|room| room.publishers.iter().chain(&room.watchers));
        ids.filter_map(|id| self.sessions.get(id))
    }

    pub(super) fn connected<'a>(&'a self, room: &str) -> impl Iterator<Item = &'a Session> + 'a {
        let ids = self.rooms.get(room).map(|r| r.publishers.as_slice()).unwrap_or_default();
        ids.iter().filter_map(|id| self.sessions.get(id)).filter(|s| s.is_on_stage())
    }

    pub(super) fn stage(&self, room: &str) -> Vec<OnStage> {
        let speakers = self.connected(room).filter_map(|s| match &s.kind {
            Kind::Publish { speaker, .. } => Some(speaker.clone()),
            Kind::Watch { .. } => None,
        });
        speakers.collect()
    }

    /// Who publishes under this identity.
    pub(super) fn sessions_of(&self, room: &str, identity: &str) -> Vec<SessionId> {
        let ids = self.rooms.get(room).map(|r| r.publishers.as_slice()).unwrap_or_default();
        ids.iter().filter(|id| self.sessions.get(*id).is_some_and(|s| s.identity == identity)).cloned().collect()
    }

    pub(super) fn add(&mut self, session: Session) {
        let room = self
            .rooms
            .entry(session.room.clone())
            .or_insert_with(|| Room { home: session.peer.shard, ..Room::default() });
        match session.kind {
            Kind::Publish { .. } => {
                self.publishing += 1;
                room.publishers.push(session.id.clone());
            }
            Kind::Watch { .. } => room.watchers.push(session.id.clone()),
        }
        if let Some(n) = self.peers.get_mut(usize::from(session.peer.shard)) {
            *n += 1;
        }
        self.by_serial.insert(session.peer.serial, session.id.clone());
        self.sessions.insert(session.id.clone(), session);
    }

    pub(super) fn remove(&mut self, id: &SessionId) -> Option<Session> {
        let session = self.sessions.remove(id)?;
        self.by_serial.remove(&session.peer.serial);
        self.publishing -= usize::from(matches!(session.kind, Kind::Publish { .. }));
        if let Some(room) = self.rooms.get_mut(&session.room) {
            room.publishers.retain(|s| s != id);
            room.watchers.retain(|s| s != id);
            if room.publishers.is_empty() && room.watchers.is_empty() {
                self.rooms.remove(&session.room);
            }
        }
        Some(session)
    }
}
