//! How LiveKit's participants come, and come back after their signal connection was lost.

use std::collections::{HashMap, HashSet, VecDeque};

use livekit_protocol as proto;
use livekit_protocol::participant_info::State as Presence;
use livekit_protocol::signal_response::Message;
use plane::{NewPeer, Order};

use super::leaving::Departure;
use super::upkeep::TOKEN_RENEWED;
use crate::control::{Client, ConnectRequest, SfuError};
use crate::room::machine::Room;
use crate::room::participant::livekit::{Audience, Downlink, Link, Links, LiveKit, Uplink};
use crate::room::participant::{Participant, ParticipantKey, Protocol, Who};
use crate::room::seats::Applicant;
use crate::signalling::livekit::info;
use crate::signalling::livekit::message::Outgoing;

/// Characters of the random part of a participant's sid.
const SID_LEN: usize = 12;
/// How often clients are to ping, and how long they wait for the answer. Seconds.
const PING_INTERVAL_S: i32 = 5;
const PING_TIMEOUT_S: i32 = 15;

impl Room {
    /// A client opens a signal connection: to join, or to resume. `None`: it was refused, and has been told.
    pub(in crate::room) fn connect(
        &mut self,
        request: ConnectRequest,
        connection: u32,
    ) -> Result<Option<ParticipantKey>, SfuError> {
        if self.ground.node.is_closed() {
            return Err(SfuError::ShuttingDown);
        }
        let Some(sid) = request.resume.as_deref() else { return self.join(request, connection).map(Some) };
        let resumed = self.resume(sid, &request, connection);
        if resumed.is_none() {
            self.out.tell(Some(connection), Departure::Misunderstood.message());
            self.out.hangup(Some(connection));
        }
        Ok(resumed)
    }

    fn join(&mut self, request: ConnectRequest, connection: u32) -> Result<ParticipantKey, SfuError> {
        self.seats.limit_first(request.seats);
        let (identity, class) = (request.identity.clone(), request.grants.class());
        let leased_until_utc_ms = request.grants.leased_until_utc_ms;
        // Whoever comes back keeps their seat.
        let sat = self.sit(Applicant { identity: &identity, class, leased_until_utc_ms })?;
        self.replace(&identity, None);
        self.take_place(&identity, Some(sat))?;
        let Client { sdk, protocol, .. } = &request.client;
        tracing::debug!(sdk, protocol, "a participant joins");
        let mut about = request.about.clone();
        let ice_servers = request.ice_servers.clone();
        let single = request.client.single_connection;
        let participant = self.newcomer(request, connection);
        let (key, hidden) = (participant.key(), participant.who.hidden);
        let can_subscribe = participant.livekit().is_some_and(|livekit| livekit.permission.can_subscribe);
        about.num_participants = self.count() + u32::from(!hidden);
        let join = proto::JoinResponse {
            room: Some(about.clone()),
            participant: Some(participant.info()),
            server_version: info::SERVER_VERSION.to_owned(),
            ice_servers,
            // Clients with a subscriber connection have it first, as most do nothing else; on one connection the
            // client offers at once.
            subscriber_primary: can_subscribe && !single,
            ping_interval: PING_INTERVAL_S,
            ping_timeout: PING_TIMEOUT_S,
            server_info: Some(info::server()),
            ..proto::JoinResponse::default()
        };
        let others = self.roll();
        self.out.tell(Some(connection), Outgoing::join(&join, &others));
        let updates = self.qualities();
        if !updates.is_empty() {
            let update = proto::ConnectionQualityUpdate { updates };
            self.out.tell(Some(connection), Message::ConnectionQuality(update));
        }
        let speakers = self.speaking();
        if !speakers.is_empty() {
            self.out.tell(Some(connection), Message::SpeakersChanged(proto::SpeakersChanged { speakers }));
        }
        self.about = Some(about);
        self.appear(&identity, class, hidden);
        self.admit(participant);
        self.announce_soon(key);
        self.resubscribe(key);
        Ok(key)
    }

    /// The participant that a client's request makes.
    fn newcomer(&mut self, request: ConnectRequest, connection: u32) -> Participant {
        let permission = info::permission(&request.grants);
        let named_max = self.ground.config.listed_max as usize;
        let listed = !permission.hidden && (permission.can_publish || self.listed.len() < named_max);
        let single = request.client.single_connection;
        let who = Who {
            key: self.roster.next_key(),
            sid: format!("PA_{}", self.random_text(SID_LEN)),
            identity: request.identity,
            name: request.grants.name,
            hidden: permission.hidden,
            local: request.local,
            since: self.now.utc,
            version: 1,
        };
        let livekit = LiveKit {
            metadata: request.grants.metadata,
            attributes: request.grants.attributes,
            permission,
            standing: request.grants.standing,
            auto_subscribe: request.client.auto_subscribe,
            state: Presence::Joined,
            connection: Some(connection),
            lost_at: None,
            links: Links::new(single),
            uplink: Uplink::default(),
            downlink: Downlink::new(single, self.first_ssrc()),
            audience: Audience::default(),
            chosen: HashMap::new(),
            settings: HashMap::new(),
            refresh_at: self.now.instant + TOKEN_RENEWED,
            quality_told: false,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            data_open: false,
            last_sequence: 0,
            left_out: HashSet::new(),
            undecodable: HashSet::new(),
        };
        Participant {
            who,
            listed,
            on_stage: false,
            loudness: 0,
            idle_since: None,
            protocol: Protocol::LiveKit(Box::new(livekit)),
        }
    }

    /// Puts a newcomer into the room.
    pub(super) fn admit(&mut self, participant: Participant) {
        if participant.listed {
            self.listed.push(participant.key());
            self.roll = None;
        }
        if participant.livekit().is_some() {
            self.begin();
        }
        self.roster.add(participant);
    }

    /// `None`: there is no such session any more.
    fn resume(&mut self, sid: &str, request: &ConnectRequest, connection: u32) -> Option<ParticipantKey> {
        let key = self.roster.by_session(sid)?;
        let now = self.now.instant;
        let (who, livekit) = self.roster.livekit(key).filter(|(who, _)| who.identity == request.identity)?;
        let single = livekit.links.is_single();
        let link_lost = !single && livekit.links.down().is_none() && livekit.permission.can_subscribe;
        let missed = self.departures.missed(livekit.lost_at.unwrap_or(now));
        let missed = missed.map(|missed| missed.cloned().collect::<Vec<_>>());
        let own = livekit.info(who);
        let (Some(mut participants), false) = (missed, link_lost || single != request.client.single_connection) else {
            self.leave(key, Departure::Misunderstood);
            return None;
        };
        // Clients know others by identity: somebody who left and came back is there.
        let others = self.others(key);
        participants.retain(|gone| {
            gone.identity != own.identity && !others.iter().any(|other| other.identity == gone.identity)
        });
        participants.push(own);
        participants.extend(others);
        let (_, livekit) = self.roster.livekit_mut(key)?;
        livekit.lost_at = None;
        let replaced = livekit.connection.replace(connection);
        let reconnect = proto::ReconnectResponse {
            ice_servers: request.ice_servers.clone(),
            server_info: Some(info::server()),
            // The client sends again what came after it.
            last_message_seq: livekit.last_sequence,
            ..proto::ReconnectResponse::default()
        };
        self.out.hangup(replaced);
        self.out.tell(Some(connection), Message::Reconnect(reconnect));
        self.out.tell(Some(connection), Message::Update(proto::ParticipantUpdate { participants }));
        let update = proto::RoomUpdate { room: Some(request.about.clone()) };
        self.out.tell(Some(connection), Message::RoomUpdate(update));
        self.tell_qualities(key);
        self.restart_downlink(key);
        Some(key)
    }

    /// A signal connection has ended, or is too far behind to be told more. The session waits to be resumed.
    pub(in crate::room) fn disconnected(&mut self, key: ParticipantKey, connection: u32) {
        let now = self.now.instant;
        let Some((_, livekit)) = self.roster.livekit_mut(key) else { return };
        if livekit.connection.take_if(|own| *own == connection).is_some() {
            livekit.lost_at = Some(now);
            self.out.hangup(Some(connection));
        }
    }

    /// A peer connection for a participant.
    pub(super) fn new_link(&mut self, key: ParticipantKey) -> Link {
        let peer = self.ground.node.new_peer(self.home);
        let (ice, session_id) = (self.local_ice(peer.serial), self.session_id());
        self.out.order(Order::Add(Box::new(NewPeer::bare(peer, ice.clone()))));
        self.roster.owns(peer, key);
        Link::new(peer, ice, session_id)
    }
}
