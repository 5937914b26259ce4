//! Participants by WHIP and WHEP: one HTTP session each.

use crate::control::{JoinRequest, Joined, LimitLayer, Patch, Patched, SessionId, SfuError};
use crate::room::machine::Room;
use crate::room::negotiation::{negotiate_publisher, negotiate_viewer, sections, tracks, transport_section};
use crate::room::participant::whip_whep::{Kind, WhipWhep, participant_sid};
use crate::room::participant::{Participant, ParticipantKey, Protocol, Who};
use crate::room::seats::Applicant;
use crate::signalling::sdp::{NegotiatedSection, RemoteDescription};
use crate::signalling::sdpfrag::SdpFragment;
use plane::{Data, Expected, Limit, NewPeer, Order, PeerId};

use super::leaving::Departure;

/// Characters of a session's id: what it takes to be unguessable.
const SESSION_ID_LEN: usize = 22;
/// Characters of an ICE session's tag.
const ETAG_LEN: usize = 16;

/// A session that is let in, as negotiated.
struct Opening {
    request: JoinRequest,
    new: NewPeer,
    kind: Kind,
    negotiated: Vec<NegotiatedSection>,
    /// Not our own viewer.
    has_seat: bool,
}

impl Room {
    /// A WHIP POST.
    pub(in crate::room) fn publish(
        &mut self,
        request: JoinRequest,
        offer: &RemoteDescription,
    ) -> Result<Joined, SfuError> {
        let negotiated = negotiate_publisher(offer)?;
        // Whoever comes back takes their own place.
        let (pending, others) = self.publishers_beside(&request.identity);
        if others >= self.ground.config.publishers_per_room_max as usize {
            let pending = pending.ok_or_else(|| SfuError::Full("the stage is full".into()))?;
            self.crowd_out(pending);
        }
        let (peer, has_seat) = (self.let_in(&request, false)?, true);
        let (new_tracks, published) = tracks(offer, &negotiated, peer.shard, || self.ground.node.new_track());
        let of = |video: bool| published.iter().find(|track| track.video().is_some() == video).cloned();
        let kind = Kind::Publish { audio: of(false), video: of(true) };
        let new = NewPeer { tracks: new_tracks, ..NewPeer::bare(peer, self.local_ice(peer.serial)) };
        Ok(self.open(Opening { request, new, kind, negotiated, has_seat }, offer).0)
    }

    /// A WHEP POST.
    pub(in crate::room) fn subscribe(
        &mut self,
        request: JoinRequest,
        offer: &RemoteDescription,
    ) -> Result<Joined, SfuError> {
        if self.ground.node.is_closed() {
            return Err(SfuError::ShuttingDown);
        }
        let negotiated = negotiate_viewer(offer, self.first_ssrc())?;
        let is_there = match &request.participant {
            Some(identity) => self.on_stage().any(|one| one.who.identity == *identity),
            None => self.on_stage().next().is_some(),
        };
        if !is_there {
            return Err(SfuError::NotLive);
        }
        // Our own viewer has a session for each speaker, and no seat.
        let has_seat = !(request.local && request.hidden);
        let peer = self.let_in(&request, !has_seat)?;
        let (new, sections) = sections(&negotiated);
        let kind = Kind::Watch { participant: request.participant.clone(), sections };
        let new = NewPeer { sections: new, ..NewPeer::bare(peer, self.local_ice(peer.serial)) };
        let (joined, key) = self.open(Opening { request, new, kind, negotiated, has_seat }, offer);
        self.watchers.push(key);
        self.assign_sections(key);
        Ok(joined)
    }

    /// A seat, a place and a number for one more session; `exempt`: without a seat.
    fn let_in(&mut self, request: &JoinRequest, exempt: bool) -> Result<PeerId, SfuError> {
        if self.ground.node.is_closed() {
            return Err(SfuError::ShuttingDown);
        }
        self.seats.limit_first(request.seats);
        let (identity, config) = (&request.identity, self.ground.config.clone());
        // Before a pending session of its own makes way: the identity keeps its seat.
        let sat = if exempt { None } else { Some(self.sit(Applicant::of(request))?) };
        let own_max = if exempt { usize::MAX } else { config.pending_per_identity_max as usize };
        let holder = (self.name.clone(), identity.clone());
        let oldest = self.ground.node.pending().to_go(&holder, own_max, config.pending_sessions_max as usize).cloned();
        match oldest {
            Some((room, key)) if room == self.name => self.crowd_out(key),
            Some(elsewhere) => self.out.crowd_out(elsewhere),
            None => {}
        }
        if !exempt && self.roster.sessions(identity) >= config.sessions_per_identity_max {
            self.stand_up(identity, sat);
            return Err(SfuError::TooMany("this identity has as many sessions as it may have".into()));
        }
        self.take_place(identity, sat)?;
        Ok(self.ground.node.new_peer(self.home))
    }

    fn open(&mut self, opening: Opening, offer: &RemoteDescription) -> (Joined, ParticipantKey) {
        let Opening { request, new, kind, negotiated, has_seat } = opening;
        let (peer, ice) = (new.id, new.ice.clone());
        let role = offer.setup.our_role();
        let expected = Expected { fingerprint: offer.fingerprint, role, data: Data::None };
        self.out.order(Order::Add(Box::new(new)));
        self.out.order(Order::Expect { peer, expected });
        self.out.order(Order::RemoteIce { peer, ice: (&offer.ice).into() });
        let key = self.roster.next_key();
        let holder = (self.name.clone(), request.identity.clone());
        let ticket = self.ground.node.pending().add(holder, (self.name.clone(), key));
        let session = WhipWhep {
            id: SessionId::new(self.random_text(SESSION_ID_LEN)),
            peer: Some(peer),
            connected: false,
            pending: Some(ticket),
            muted: Vec::new(),
            kind,
            etag: self.random_text(ETAG_LEN),
            remote_ufrag: offer.ice.ufrag.clone(),
            transport_section: transport_section(&negotiated),
        };
        let (id, etag) = (session.id.clone(), session.etag.clone());
        let who = Who {
            key,
            sid: participant_sid(peer),
            identity: request.identity,
            name: request.name,
            hidden: request.hidden,
            local: request.local,
            since: self.now.utc,
            version: 0,
        };
        let local = who.local;
        if has_seat {
            self.appear(&who.identity, request.class, who.hidden);
        }
        self.admit(Participant {
            who,
            listed: false,
            on_stage: false,
            loudness: 0,
            idle_since: None,
            protocol: Protocol::WhipWhep(Box::new(session)),
        });
        let session_id = self.session_id();
        let answer = self.ground.our_end.answer(&ice, peer.shard, local, role, session_id, negotiated);
        (Joined { session: id, etag, answer }, key)
    }

    /// The session of another identity that publishes and has been pending for longest, and how many sessions of others
    /// publish or are about to.
    fn publishers_beside(&self, identity: &str) -> (Option<ParticipantKey>, usize) {
        let sessions = self.roster.iter().filter_map(|one| Some((&one.who, one.whip_whep()?)));
        let others: Vec<_> = sessions.filter(|(who, one)| one.publishes() && who.identity != *identity).collect();
        let pending = others.iter().filter(|(_, one)| one.pending.is_some()).min_by_key(|(_, one)| one.pending);
        (pending.map(|(who, _)| who.key), others.len())
    }

    /// The participant of a session's URL.
    fn session(&self, id: &SessionId) -> Result<ParticipantKey, SfuError> {
        let key = self.roster.by_session(id.as_str()).ok_or(SfuError::UnknownSession)?;
        let by_http = self.roster.get(key).is_some_and(|one| one.whip_whep().is_some());
        by_http.then_some(key).ok_or(SfuError::UnknownSession)
    }

    /// A PATCH: trickled candidates, or an ICE restart.
    pub(in crate::room) fn patch(&mut self, patch: &Patch) -> Result<Patched, SfuError> {
        let fragment = SdpFragment::parse(&patch.fragment)?;
        let key = self.session(&patch.session)?;
        let etag = self.random_text(ETAG_LEN);
        let serial = self.roster.get(key).and_then(|one| Some(one.whip_whep()?.peer?.serial));
        let ice = self.local_ice(serial.ok_or(SfuError::UnknownSession)?);
        let (who, session) = self.roster.whip_whep_mut(key).ok_or(SfuError::UnknownSession)?;
        let Some(tag) = patch.if_match.as_deref().map(|tag| tag.trim().trim_matches('"')) else {
            return Err(SfuError::PreconditionRequired);
        };
        let restart = fragment.ice.as_ref().filter(|ice| ice.ufrag != session.remote_ufrag);
        if tag != session.etag && !(tag == "*" && restart.is_some()) {
            return Err(SfuError::StaleIceSession);
        }
        let (Some(remote), Some(peer)) = (restart, session.peer) else { return Ok(Patched::Trickled) };
        session.remote_ufrag.clone_from(&remote.ufrag);
        session.etag.clone_from(&etag);
        let fragment = self.ground.our_end.restart(&ice, peer.shard, who.local, &session.transport_section);
        self.out.order(Order::RemoteIce { peer, ice: remote.into() });
        self.out.order(Order::RestartIce { peer, ice });
        Ok(Patched::Restarted { etag, fragment })
    }

    /// WHEP's layer extension.
    pub(in crate::room) fn limit_layer(&mut self, limit: &LimitLayer) -> Result<(), SfuError> {
        let key = self.session(&limit.session)?;
        let session = self.roster.get(key).and_then(|one| one.whip_whep()).filter(|session| !session.publishes());
        let peer = session.ok_or(SfuError::UnknownSession)?.peer.ok_or(SfuError::UnknownSession)?;
        let size = Some((limit.width_max, limit.height_max));
        self.note_idle(key, size == Some((0, 0)));
        self.out.order(Order::LimitLayer { peer, section: None, limit: Limit { size, ..Limit::default() } });
        Ok(())
    }

    /// A DELETE.
    pub(in crate::room) fn leave_session(&mut self, id: &SessionId) -> Result<(), SfuError> {
        let key = self.session(id)?;
        self.leave(key, Departure::Left);
        Ok(())
    }
}
