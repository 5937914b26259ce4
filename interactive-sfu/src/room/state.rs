//! What the authority knows: rooms, their sessions, and who is on stage. No decisions, no orders.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Instant;

use bytes::Bytes;
use livekit_protocol as proto;
use plane::{PeerId, Pending, TrackId};
use prost::Message as _;
use tokio::sync::broadcast;

use super::departures::Departures;
use super::member::{Audience, Member};
use super::participants::{info, participant_sid, tracks};
use super::sections::{MediaTrack, OnStage};
use super::session::{Kind, Session};
use crate::control::{Notice, NoticeKind, SessionId, SfuError, Speaker};
use crate::signalling::livekit::info::loudness_level;

/// Notices that a slow receiver may be behind.
const NOTICES: usize = 4096;

/// One room with a session in it.
#[derive(Default)]
pub(super) struct Room {
    pub(super) home: u16,
    /// The record has its beginning: somebody has been there, not just asked to be.
    started: bool,
    /// Sessions that publish; connected ones in order of joining the stage, others anywhere.
    pub(super) publishers: Vec<SessionId>,
    pub(super) watchers: Vec<SessionId>,
    /// Sids of LiveKit's participants, in order of joining.
    pub(super) members: Vec<String>,
    /// Sids of those that the others are told of: of an audience beyond `listed_max` only whoever may publish. Not the
    /// hidden.
    pub(super) listed: Vec<String>,
    /// Sids of those who publish or are on stage, in the order in which they began to.
    performers: Vec<String>,
    /// Sids by identity.
    identities: HashMap<String, String>,
    /// Participants who are not hidden.
    pub(super) seen: u32,
    /// The room as clients are told of it.
    pub(super) about: Option<proto::Room>,
    /// When everybody was last told how many there are, and how many there were.
    pub(super) counted: Option<(Instant, u32)>,
    /// What a newcomer is told of those listed; none after a change.
    roll: Option<Bytes>,
    /// What publishers are asked to send may not be what is wanted of them.
    pub(super) qualities_stale: bool,
    /// Sids of participants of whom there is news that was not told yet.
    pub(super) news: Vec<String>,
    /// Who has left lately, for clients that resume.
    pub(super) departures: Departures,
    /// Who has left since it was told last.
    pub(super) departed: Vec<proto::ParticipantInfo>,
}

/// Whose a peer connection is.
#[derive(Clone, Debug)]
pub(super) enum Owner {
    /// A WHIP or WHEP session's.
    Session(SessionId),
    /// A participant's, by their sid.
    Member(String),
}

/// A track that somebody in a room publishes, however they came.
pub(super) struct PublishedTrack<'a> {
    pub(super) participant_sid: String,
    pub(super) identity: &'a str,
    pub(super) info: proto::TrackInfo,
    pub(super) media: MediaTrack,
    /// The same picture in other codecs.
    pub(super) backups: Vec<MediaTrack>,
    /// `None`: anybody may subscribe.
    pub(super) audience: Option<&'a Audience>,
}

impl Room {
    fn is_empty(&self) -> bool {
        self.publishers.is_empty() && self.watchers.is_empty() && self.members.is_empty()
    }
}

/// Who has sessions by WHIP or WHEP: a room and an identity in it.
pub(super) type Holder = (String, String);

/// Every room and session.
pub(super) struct State {
    pub(super) rooms: HashMap<String, Room>,
    pub(super) sessions: HashMap<SessionId, Session>,
    /// Sessions that are not connected yet.
    pub(super) pending: Pending<Holder, SessionId>,
    /// How many sessions each holder has.
    held: HashMap<Holder, u32>,
    pub(super) by_serial: HashMap<u32, Owner>,
    /// By sid.
    pub(super) members: HashMap<String, Member>,
    pub(super) peers: Vec<u32>,
    pub(super) next_serial: u32,
    pub(super) next_track: u32,
    pub(super) next_connection: u32,
    pub(super) publishing: usize,
    pub(super) closed: bool,
    /// When the authority last looked after what is due.
    pub(super) ticked_at: Instant,
    pub(super) notices: broadcast::Sender<Notice>,
}

impl Session {
    pub(super) fn holder(&self) -> Holder {
        (self.room.clone(), self.identity.clone())
    }

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
    pub(super) fn new(shards: usize, now: Instant) -> Self {
        Self {
            rooms: HashMap::new(),
            sessions: HashMap::new(),
            pending: Pending::default(),
            held: HashMap::new(),
            by_serial: HashMap::new(),
            members: HashMap::new(),
            peers: vec![0; shards],
            next_serial: 0,
            next_track: 0,
            next_connection: 0,
            publishing: 0,
            closed: false,
            ticked_at: now,
            notices: broadcast::channel(NOTICES).0,
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
        let members = self.performers_of(room).filter(|member| member.on_stage).filter_map(Member::as_speaker);
        speakers.chain(members).collect()
    }

    /// Who publishes under this identity.
    pub(super) fn sessions_of(&self, room: &str, identity: &str) -> Vec<SessionId> {
        let ids = self.rooms.get(room).map(|r| r.publishers.as_slice()).unwrap_or_default();
        ids.iter().filter(|id| self.sessions.get(*id).is_some_and(|s| s.identity == identity)).cloned().collect()
    }

    /// Sessions by WHIP and WHEP of an identity in a room.
    pub(super) fn held(&self, holder: &Holder) -> u32 {
        self.held.get(holder).copied().unwrap_or_default()
    }

    /// The publishing session of others that has been pending for longest in a room, and how many others publish or are
    /// about to.
    pub(super) fn publishers_beside(&self, room: &str, identity: &str) -> (Option<SessionId>, usize) {
        let ids = self.rooms.get(room).map(|room| room.publishers.as_slice()).unwrap_or_default();
        let others = || ids.iter().filter_map(|id| self.sessions.get(id)).filter(|other| other.identity != identity);
        let pending = others().filter(|other| other.pending.is_some()).min_by_key(|other| other.pending);
        (pending.map(|session| session.id.clone()), others().count())
    }

    /// A session's peer connection is up.
    pub(super) fn joined(&mut self, id: &SessionId) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        session.joined = true;
        if let Some(ticket) = session.pending.take() {
            self.pending.remove(ticket);
        }
        let room = session.room.clone();
        self.start(&room);
    }

    pub(super) fn add(&mut self, mut session: Session) {
        session.pending = Some(self.pending.add(session.holder(), session.id.clone()));
        *self.held.entry(session.holder()).or_default() += 1;
        let publishes = matches!(session.kind, Kind::Publish { .. });
        self.publishing += usize::from(publishes);
        let room = self.room_for(&session.room, session.peer.shard);
        if publishes { &mut room.publishers } else { &mut room.watchers }.push(session.id.clone());
        self.owns(session.peer, Owner::Session(session.id.clone()));
        self.sessions.insert(session.id.clone(), session);
    }

    pub(super) fn remove(&mut self, id: &SessionId) -> Option<Session> {
        let session = self.sessions.remove(id)?;
        if let Some(ticket) = session.pending {
            self.pending.remove(ticket);
        }
        if let Entry::Occupied(mut held) = self.held.entry(session.holder()) {
            *held.get_mut() -= 1;
            if *held.get() == 0 {
                held.remove();
            }
        }
        self.by_serial.remove(&session.peer.serial);
        self.publishing -= usize::from(matches!(session.kind, Kind::Publish { .. }));
        if let Some(room) = self.rooms.get_mut(&session.room) {
            room.publishers.retain(|s| s != id);
            room.watchers.retain(|s| s != id);
            room.roll = None;
        }
        self.tidy(&session.room);
        Some(session)
    }

    fn room_for(&mut self, name: &str, home: u16) -> &mut Room {
        self.rooms.entry(name.to_owned()).or_insert_with(|| Room { home, ..Room::default() })
    }

    /// Somebody is in a room.
    fn start(&mut self, name: &str) {
        if self.rooms.get_mut(name).is_some_and(|room| !std::mem::replace(&mut room.started, true)) {
            self.notice(name, NoticeKind::RoomStarted, None, None);
        }
    }

    /// Forgets a room that nobody is in.
    fn tidy(&mut self, name: &str) {
        if self.rooms.get(name).is_some_and(Room::is_empty) && self.rooms.remove(name).is_some_and(|room| room.started)
        {
            self.notice(name, NoticeKind::RoomFinished, None, None);
        }
    }

    /// For the record, if somebody keeps one.
    pub(super) fn notice(
        &self,
        room: &str,
        kind: NoticeKind,
        participant: Option<proto::ParticipantInfo>,
        track: Option<proto::TrackInfo>,
    ) {
        drop(self.notices.send(Notice { room: room.to_owned(), kind, participant, track }));
    }

    /// A number for one more peer.
    pub(super) fn new_peer(&mut self, shard: u16) -> PeerId {
        self.next_serial = self.next_serial.wrapping_add(1);
        PeerId { shard, serial: self.next_serial }
    }

    /// The peer is somebody's.
    pub(super) fn owns(&mut self, peer: PeerId, owner: Owner) {
        if let Some(n) = self.peers.get_mut(usize::from(peer.shard)) {
            *n += 1;
        }
        self.by_serial.insert(peer.serial, owner);
    }

    /// LiveKit's participants of a room, in order of joining.
    pub(super) fn members_of<'a>(&'a self, room: &str) -> impl Iterator<Item = &'a Member> + 'a {
        let sids = self.rooms.get(room).map(|room| room.members.as_slice()).unwrap_or_default();
        sids.iter().filter_map(|sid| self.members.get(sid))
    }

    pub(super) fn add_member(&mut self, member: Member, home: u16) {
        let room = self.room_for(&member.room, home);
        room.members.push(member.sid.clone());
        room.identities.insert(member.identity.clone(), member.sid.clone());
        room.seen += u32::from(!member.hidden());
        if member.listed {
            room.listed.push(member.sid.clone());
            room.roll = None;
        }
        self.start(&member.room);
        self.members.insert(member.sid.clone(), member);
    }

    /// LiveKit's participants of a room of whom the others are told, in order of joining.
    pub(super) fn listed_of<'a>(&'a self, room: &str) -> impl Iterator<Item = &'a Member> + 'a {
        let sids = self.rooms.get(room).map(|room| room.listed.as_slice()).unwrap_or_default();
        sids.iter().filter_map(|sid| self.members.get(sid))
    }

    /// LiveKit's participants of a room who publish and of whom the others are told. A room of thousands has few of
    /// them.
    pub(super) fn performers_of<'a>(&'a self, room: &str) -> impl Iterator<Item = &'a Member> + 'a {
        let sids = self.rooms.get(room).map(|room| room.performers.as_slice()).unwrap_or_default();
        sids.iter().filter_map(|sid| self.members.get(sid)).filter(|member| member.listed)
    }

    /// A participant publishes other tracks than before, or came on stage, or left it.
    pub(super) fn performs(&mut self, sid: &str) {
        let Some(member) = self.members.get(sid) else { return };
        let Some(room) = self.rooms.get_mut(&member.room) else { return };
        let known = room.performers.iter().position(|other| other == sid);
        match (known, member.on_stage || !member.uplink.tracks.is_empty()) {
            (None, true) => room.performers.push(sid.to_owned()),
            (Some(index), false) => drop(room.performers.remove(index)),
            _ => {}
        }
    }

    /// From now on the others are told of a participant, unless it is hidden.
    pub(super) fn list(&mut self, sid: &str) {
        let Some(member) = self.members.get_mut(sid).filter(|member| !member.listed && !member.hidden()) else {
            return;
        };
        member.listed = true;
        if let Some(room) = self.rooms.get_mut(&member.room) {
            room.listed.push(sid.to_owned());
            room.roll = None;
        }
    }

    /// Somebody has left a room of whom the others had been told.
    pub(super) fn departed(&mut self, room: &str, who: &proto::ParticipantInfo) {
        let now = self.ticked_at;
        if let Some(room) = self.rooms.get_mut(room) {
            room.departures.add(who, now);
        }
    }

    /// The participant of an identity.
    pub(super) fn sid_by_identity(&self, room: &str, identity: &str) -> Option<&str> {
        self.rooms.get(room)?.identities.get(identity).map(String::as_str)
    }

    /// How many a room has: LiveKit's participants and who publishes by WHIP.
    pub(super) fn count(&self, room: &str) -> u32 {
        let members = self.rooms.get(room).map_or(0, |room| room.seen);
        members + self.connected(room).filter(|session| !session.hidden).count() as u32
    }

    /// What is told of a participant is another than before.
    pub(super) fn roll_stale(&mut self, room: &str) {
        if let Some(room) = self.rooms.get_mut(room) {
            room.roll = None;
        }
    }

    /// What somebody of `identity`, who is not in the room yet, is told of whom they see there: `other_participants` of
    /// a [`JoinResponse`](proto::JoinResponse), encoded.
    pub(super) fn roll(&mut self, room: &str, identity: &str) -> Bytes {
        let known = self.rooms.get(room).and_then(|room| room.roll.clone());
        let alone = !self.connected(room).any(|session| session.identity == identity);
        if let Some(roll) = known.filter(|_| alone) {
            return roll;
        }
        let members = self.listed_of(room).map(Member::info);
        let sessions = self.connected(room).filter(|s| !s.hidden && s.identity != identity);
        let other_participants = members.chain(sessions.map(|session| info(&[session]))).collect();
        let roll = Bytes::from(proto::JoinResponse { other_participants, ..Default::default() }.encode_to_vec());
        if let Some(room) = self.rooms.get_mut(room).filter(|_| alone) {
            room.roll = Some(roll.clone());
        }
        roll
    }

    pub(super) fn remove_member(&mut self, sid: &str) -> Option<Member> {
        let member = self.members.remove(sid)?;
        for link in member.links.iter() {
            self.by_serial.remove(&link.peer.serial);
        }
        if let Some(room) = self.rooms.get_mut(&member.room) {
            room.members.retain(|other| other != sid);
            room.performers.retain(|other| other != sid);
            room.identities.remove(&member.identity);
            room.seen -= u32::from(!member.hidden());
            if member.listed {
                room.listed.retain(|other| other != sid);
                room.roll = None;
            }
        }
        if !member.hidden() {
            let told = member.info();
            for track in &member.uplink.tracks {
                let (told, track) = (Some(told.clone()), Some(track.info.clone()));
                self.notice(&member.room, NoticeKind::TrackUnpublished, told, track);
            }
            if member.state == proto::participant_info::State::Active {
                self.notice(&member.room, NoticeKind::ParticipantLeft, Some(told), None);
            }
        }
        self.tidy(&member.room);
        Some(member)
    }

    /// Everything that is published in a room.
    pub(super) fn published(&self, room: &str) -> Vec<PublishedTrack<'_>> {
        let sessions = self.connected(room).filter(|session| !session.hidden).flat_map(|session| {
            tracks(session).into_iter().map(|(info, media)| PublishedTrack {
                participant_sid: participant_sid(session),
                identity: &session.identity,
                info,
                media,
                backups: Vec::new(),
                audience: None,
            })
        });
        let members = self.performers_of(room).flat_map(|member| {
            member.uplink.tracks.iter().map(|track| PublishedTrack {
                participant_sid: member.sid.clone(),
                identity: &member.identity,
                info: track.info.clone(),
                media: track.media.clone(),
                backups: track.published().skip(1).cloned().collect(),
                audience: Some(&member.audience),
            })
        });
        sessions.chain(members).collect()
    }

    /// What is to be told of a room's participants, once.
    pub(super) fn take_news(&mut self, room: &str) -> Vec<proto::ParticipantInfo> {
        let Some(of) = self.rooms.get_mut(room) else { return Vec::new() };
        let (mut told, news) = (std::mem::take(&mut of.departed), std::mem::take(&mut of.news));
        told.extend(news.iter().filter_map(|sid| self.members.get(sid)).map(Member::info));
        told
    }

    /// What is still known of anybody, in words; none when nobody is there.
    #[cfg(test)]
    pub(super) fn remains(&self) -> Vec<String> {
        let mut remains: Vec<String> = self.rooms.keys().map(|room| format!("room {room}")).collect();
        remains.extend(self.members.values().map(|member| format!("participant {}", member.identity)));
        remains.extend(self.sessions.values().map(|session| format!("session of {}", session.identity)));
        remains.extend(self.held.iter().map(|(holder, count)| format!("{count} sessions held by {holder:?}")));
        remains.extend(self.by_serial.iter().map(|(serial, owner)| format!("peer {serial} of {owner:?}")));
        remains.extend(self.pending.oldest().map(|id| format!("pending session {id:?}")));
        remains.extend((self.publishing > 0).then(|| format!("{} publishing", self.publishing)));
        remains.extend((self.peers.iter().any(|n| *n > 0)).then(|| format!("{:?} peers", self.peers)));
        remains
    }

    /// Sids of those that a room has for performers, sorted.
    #[cfg(test)]
    pub(super) fn performer_sids(&self, room: &str) -> Vec<String> {
        let mut sids = self.rooms.get(room).map(|room| room.performers.clone()).unwrap_or_default();
        sids.sort();
        sids
    }

    /// Whether somebody watches a track by WHEP.
    pub(super) fn is_watched(&self, room: &str, track: TrackId) -> bool {
        let watchers = self.rooms.get(room).map(|room| room.watchers.as_slice()).unwrap_or_default();
        watchers.iter().filter_map(|id| self.sessions.get(id)).any(|session| match &session.kind {
            Kind::Watch { sections, .. } => sections.iter().any(|section| section.attached == Some(track)),
            Kind::Publish { .. } => false,
        })
    }

    /// What is wanted of a room's publishers may have changed.
    pub(super) fn qualities_stale(&mut self, room: &str) {
        if let Some(room) = self.rooms.get_mut(room) {
            room.qualities_stale = true;
        }
    }

    /// Which of LiveKit's participants speak now.
    pub(super) fn speaking(&self, room: &str) -> Vec<proto::SpeakerInfo> {
        let speaking = self.performers_of(room).filter(|member| member.loudness > 0);
        let info = |member: &Member| proto::SpeakerInfo {
            sid: member.sid.clone(),
            level: loudness_level(member.loudness),
            active: true,
        };
        speaking.map(info).collect()
    }

    /// Whom a participant sees beside themselves: LiveKit's participants, and who publishes by WHIP.
    pub(super) fn others(&self, member: &Member) -> Vec<proto::ParticipantInfo> {
        let members = self.listed_of(&member.room).filter(|other| other.sid != member.sid);
        let sessions = self.connected(&member.room).filter(|s| !s.hidden && s.identity != member.identity);
        members.map(Member::info).chain(sessions.map(|session| info(&[session]))).collect()
    }
}
