//! The one place that knows every room and session of this process.
//!
//! Calls of the control handle and reports of the shards come here, one at a time; what follows from them is decided by
//! [`super::sections`] and [`super::place`], and goes out as orders to shards and events to the rest of the server. No
//! media passes.

pub(crate) mod members;
mod on_stage;
mod reports;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use access::Keys;
use livekit_protocol::leave_request::Action;
use livekit_protocol::{DisconnectReason, ParticipantInfo};
use plane::{Data, Expected, Handle, Limit, NewPeer, Order, PeerId, TrackId, local_ice};
use tokio::sync::broadcast;

use super::address::OurEnd;
use super::member::Member;
use super::now::Now;
use super::participants::participants;
use super::place::place;
use super::sections::OnStage;
use super::session::{Kind, Session, negotiate_publisher, negotiate_viewer, sections, tracks, transport_section};
use super::state::State;
use crate::config::Config;
use crate::control::{Event, JoinRequest, Joined, Notice, Patched, SessionId, SfuError, Speaker};
use crate::ids::random_text;
use crate::signalling::sdp::{NegotiatedSection, RemoteDescription};
use crate::signalling::sdpfrag::SdpFragment;

/// Events that a slow receiver may be behind.
const EVENTS: usize = 1024;
/// Characters of a session's id: what it takes to be unguessable.
const SESSION_ID_LEN: usize = 22;

/// See the module.
pub(crate) struct Authority {
    state: Mutex<State>,
    config: Arc<Config>,
    keys: Keys,
    plane: Handle,
    our_end: OurEnd,
    events: broadcast::Sender<Event>,
}

/// A session that was let in, as negotiated.
struct Opening {
    request: JoinRequest,
    new: NewPeer,
    kind: Kind,
    negotiated: Vec<NegotiatedSection>,
    now: Now,
}

impl Authority {
    pub(crate) fn new(config: Arc<Config>, keys: Keys, plane: Handle, our_end: OurEnd, now: Instant) -> Self {
        let state = Mutex::new(State::new(our_end.shards.len(), now));
        let (events, _) = broadcast::channel(EVENTS);
        Self { state, config, keys, plane, our_end, events }
    }

    pub(in crate::room) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    pub(crate) fn notices(&self) -> broadcast::Receiver<Notice> {
        self.lock().notices.subscribe()
    }

    pub(crate) fn publish(&self, request: JoinRequest, now: Now) -> Result<Joined, SfuError> {
        let offer = RemoteDescription::parse(&request.offer)?;
        let negotiated = negotiate_publisher(&offer)?;
        let mut state = self.lock();
        // Whoever comes back takes their own place.
        let (pending, others) = state.publishers_beside(&request.room, &request.identity);
        if others >= self.config.publishers_per_room_max as usize {
            let pending = pending.ok_or_else(|| SfuError::Full("the stage is full".into()))?;
            self.crowd_out(&mut state, &pending);
        }
        let peer = self.admit(&mut state, &request)?;
        let mut next_track = state.next_track;
        let (tracks, infos) = tracks(&offer, &negotiated, peer.shard, || {
            next_track += 1;
            TrackId(next_track)
        });
        state.next_track = next_track;
        let of = |video: bool| infos.iter().find(|t| t.video().is_some() == video).cloned();
        let speaker = OnStage { identity: request.identity.clone(), audio: of(false), video: of(true) };
        let kind = Kind::Publish { speaker, connected: false };
        let new = NewPeer { tracks, ..NewPeer::bare(peer) };
        Ok(self.open(&mut state, Opening { request, new, kind, negotiated, now }, &offer))
    }

    pub(crate) fn subscribe(&self, request: JoinRequest, now: Now) -> Result<Joined, SfuError> {
        let offer = RemoteDescription::parse(&request.offer)?;
        let negotiated = negotiate_viewer(&offer)?;
        let mut state = self.lock();
        let stage = state.stage(&request.room);
        let live = request.participant.as_ref().map_or(!stage.is_empty(), |p| stage.iter().any(|s| s.identity == *p));
        if !live && !state.closed {
            return Err(SfuError::NotLive);
        }
        let peer = self.admit(&mut state, &request)?;
        let (new, sections) = sections(&negotiated);
        let kind = Kind::Watch { participant: request.participant.clone(), sections };
        let new = NewPeer { sections: new, ..NewPeer::bare(peer) };
        let joined = self.open(&mut state, Opening { request, new, kind, negotiated, now }, &offer);
        self.assign_sections(&mut state, &joined.session);
        Ok(joined)
    }

    /// A number and a place for one more peer. Sessions that are not connected yet make way for it, the oldest first.
    fn admit(&self, state: &mut State, request: &JoinRequest) -> Result<PeerId, SfuError> {
        if state.closed {
            return Err(SfuError::ShuttingDown);
        }
        let holder = (request.room.clone(), request.identity.clone());
        // Our own subscriber has a session for each speaker.
        let ours = request.local && request.hidden;
        let own_max = if ours { usize::MAX } else { self.config.pending_per_identity_max as usize };
        let oldest = state.pending.to_go(&holder, own_max, self.config.pending_sessions_max as usize).cloned();
        oldest.iter().for_each(|oldest| self.crowd_out(state, oldest));
        if !ours && state.held(&holder) >= self.config.sessions_per_identity_max {
            return Err(SfuError::TooMany("this identity has as many sessions as it may have".into()));
        }
        self.has_room(state)?;
        let shard = self.shard_for(state, &request.room);
        Ok(state.new_peer(shard))
    }

    /// Makes room for one more, if need be at the expense of who has been pending for longest.
    fn has_room(&self, state: &mut State) -> Result<(), SfuError> {
        if state.sessions.len() + state.members.len() < self.config.sessions_max as usize {
            return Ok(());
        }
        let full = || SfuError::Full("this server has as many sessions as it is configured for".into());
        let oldest = state.pending.oldest().cloned().ok_or_else(full)?;
        self.crowd_out(state, &oldest);
        Ok(())
    }

    fn crowd_out(&self, state: &mut State, id: &SessionId) {
        crate::metrics::crowded_out();
        self.end(state, id, "crowded_out");
    }

    fn shard_for(&self, state: &State, room: &str) -> u16 {
        place(&state.peers, state.rooms.get(room).map(|r| r.home))
    }

    fn open(&self, state: &mut State, opening: Opening, offer: &RemoteDescription) -> Joined {
        let Opening { request, new, kind, negotiated, now } = opening;
        let (peer, ice) = (new.id, new.ice.clone());
        let role = offer.setup.our_role();
        let expected = Expected { fingerprint: offer.fingerprint, role, data: Data::None };
        self.plane.order(Order::Add(Box::new(new)));
        self.plane.order(Order::Expect { peer, expected });
        let session = Session {
            id: SessionId::new(random_text(SESSION_ID_LEN)),
            peer,
            identity: request.identity,
            name: request.name,
            etag: random_text(16),
            remote_ufrag: offer.ice.ufrag.clone(),
            transport_section: transport_section(&negotiated),
            room: request.room,
            local: request.local,
            hidden: request.hidden,
            since: now.utc,
            joined: false,
            pending: None,
            muted: Vec::new(),
            kind,
        };
        let answer = self.our_end.answer(&ice, peer.shard, session.local, role, negotiated);
        let joined = Joined { session: session.id.clone(), etag: session.etag.clone(), answer };
        state.add(session);
        joined
    }

    pub(crate) fn patch(
        &self,
        room: &str,
        id: &SessionId,
        if_match: Option<&str>,
        fragment: &str,
    ) -> Result<Patched, SfuError> {
        let fragment = SdpFragment::parse(fragment)?;
        let mut state = self.lock();
        let session = state.session(room, id)?;
        let Some(tag) = if_match.map(|t| t.trim().trim_matches('"')) else {
            return Err(SfuError::PreconditionRequired);
        };
        let restart = fragment.ice.as_ref().filter(|ice| ice.ufrag != session.remote_ufrag);
        if tag != session.etag && !(tag == "*" && restart.is_some()) {
            return Err(SfuError::StaleIceSession);
        }
        let Some(remote) = restart else { return Ok(Patched::Trickled) };
        let ice = local_ice(session.peer.serial);
        session.remote_ufrag = remote.ufrag.clone();
        session.etag = random_text(16);
        self.plane.order(Order::RestartIce { peer: session.peer, ice: ice.clone() });
        let fragment = self.our_end.restart(&ice, session.peer.shard, session.local, &session.transport_section);
        Ok(Patched::Restarted { etag: session.etag.clone(), fragment })
    }

    pub(crate) fn limit_layer(&self, room: &str, id: &SessionId, size: (u32, u32)) -> Result<(), SfuError> {
        let mut state = self.lock();
        let session = state.session(room, id)?;
        if matches!(session.kind, Kind::Publish { .. }) {
            return Err(SfuError::UnknownSession);
        }
        let limit = Limit { size: Some(size), ..Limit::default() };
        self.plane.order(Order::LimitLayer { peer: session.peer, section: None, limit });
        Ok(())
    }

    pub(crate) fn leave(&self, room: &str, id: &SessionId) -> Result<(), SfuError> {
        let mut state = self.lock();
        state.session(room, id)?;
        self.end(&mut state, id, "left");
        Ok(())
    }

    pub(crate) fn close_room(&self, room: &str) {
        let mut state = self.lock();
        let ids: Vec<SessionId> = state.of_room(room).map(|s| s.id.clone()).collect();
        ids.iter().for_each(|id| self.end(&mut state, id, "room_closed"));
        let sids: Vec<String> = state.members_of(room).map(|member| member.sid.clone()).collect();
        for sid in sids {
            self.dismiss(&mut state, &sid, DisconnectReason::RoomDeleted, Action::Disconnect);
        }
    }

    /// Nobody gets in any more, and everybody is shown out.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let ids: Vec<SessionId> = state.sessions.keys().cloned().collect();
        ids.iter().for_each(|id| self.end(&mut state, id, "shutdown"));
        let sids: Vec<String> = state.members.keys().cloned().collect();
        for sid in sids {
            // To another server, or to this one when it is back.
            self.dismiss(&mut state, &sid, DisconnectReason::ServerShutdown, Action::Reconnect);
        }
    }

    pub(crate) fn stage(&self, room: &str) -> Vec<Speaker> {
        let state = self.lock();
        let members = state.performers_of(room).filter(|member| member.on_stage).filter_map(Member::speaker);
        state.connected(room).filter_map(|s| s.speaker()).chain(members).collect()
    }

    pub(crate) fn participants(&self, room: &str) -> Vec<ParticipantInfo> {
        let state = self.lock();
        let members = state.members_of(room).filter(|member| !member.hidden()).map(Member::info);
        participants(state.of_room(room)).into_iter().chain(members).collect()
    }

    pub(crate) fn remove(&self, room: &str, identity: &str) -> bool {
        let mut state = self.lock();
        let theirs = state.of_room(room).filter(|s| !s.hidden && s.identity == identity);
        let ids: Vec<SessionId> = theirs.map(|s| s.id.clone()).collect();
        ids.iter().for_each(|id| self.end(&mut state, id, "removed"));
        let members = state.members_of(room).filter(|m| !m.hidden() && m.identity == identity);
        let sids: Vec<String> = members.map(|member| member.sid.clone()).collect();
        for sid in &sids {
            self.dismiss(&mut state, sid, DisconnectReason::ParticipantRemoved, Action::Disconnect);
        }
        !ids.is_empty() || !sids.is_empty()
    }

    /// Peers that shards still have.
    pub(crate) fn peers(&self) -> u32 {
        self.lock().peers.iter().sum()
    }
}
