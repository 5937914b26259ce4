//! News of participants, and who hears it.
//!
//! News of participants is gathered for the next tick, a tenth of a second at most: a hundred who come at once are one
//! message to everybody, not a hundred. News that must arrive before something else, as of a track before the offer
//! that brings it, goes at once.

use bytes::Bytes;
use livekit_protocol as proto;
use livekit_protocol::participant_info::State as Presence;
use livekit_protocol::signal_response::Message;
use plane::{PeerId, Quality};
use prost::Message as _;

use crate::control::RoomEvent;
use crate::room::machine::Room;
use crate::room::participant::{Participant, ParticipantKey, whip_whep};
use crate::signalling::livekit::message::{Outgoing, update};

impl Room {
    /// Tells everybody what is new about a participant, before anything else that follows from it.
    pub(super) fn announce(&mut self, key: ParticipantKey) {
        self.announce_soon(key);
        self.tell_news();
    }

    /// As [`announce`](Self::announce), with the next tick.
    pub(super) fn announce_soon(&mut self, key: ParticipantKey) {
        let Some(participant) = self.roster.get_mut(key) else { return };
        participant.who.version += 1;
        if !participant.listed {
            let (connection, own) = (participant.connection(), participant.info());
            return self.out.tell(connection, update(own));
        }
        if !self.news.contains(&key) {
            self.news.push(key);
        }
        self.roll = None;
    }

    /// From now on the others are told of a participant, unless it is hidden.
    pub(super) fn list(&mut self, key: ParticipantKey) {
        let unlisted = |one: &&mut Participant| !one.listed && !one.who.hidden;
        let Some(participant) = self.roster.get_mut(key).filter(unlisted) else { return };
        participant.listed = true;
        self.listed.push(key);
        self.roll = None;
    }

    pub(super) fn tell_everybody(&mut self, message: impl Into<Outgoing>) {
        let connections = self.roster.connections();
        self.out.tell_many(connections, message);
    }

    /// Tells everybody the news that was gathered.
    pub(super) fn tell_news(&mut self) {
        let (mut told, news) = (std::mem::take(&mut self.departed), std::mem::take(&mut self.news));
        told.extend(news.iter().filter_map(|key| self.roster.get(*key)).map(Participant::info));
        if told.is_empty() {
            return;
        }
        let updates = self.first_qualities(&news);
        let mut connections = self.roster.connections();
        for twin in self.twins(&told) {
            connections.retain(|connection| *connection != twin.0);
            self.out.tell(Some(twin.0), Message::Update(proto::ParticipantUpdate { participants: twin.1 }));
        }
        let everybody = self.roster.connections();
        self.out.tell_many(connections, Message::Update(proto::ParticipantUpdate { participants: told }));
        if !updates.is_empty() {
            let update = proto::ConnectionQualityUpdate { updates };
            self.out.tell_many(everybody, Message::ConnectionQuality(update));
        }
    }

    /// The qualities of those who are new on stage: clients assume good quality by default, and learn a participant's
    /// quality only after the update that introduces its sid.
    fn first_qualities(&mut self, news: &[ParticipantKey]) -> Vec<proto::ConnectionQualityInfo> {
        let mut updates = Vec::new();
        for key in news {
            let new = self.roster.get(*key).is_some_and(|one| one.on_stage && one.has_joined());
            let Some((who, livekit)) = self.roster.livekit_mut(*key).filter(|_| new) else { continue };
            if !std::mem::replace(&mut livekit.quality_told, true) {
                updates.push(livekit.quality(who));
            }
        }
        updates
    }

    /// Participants who would be told of another stay of their own identity, which their clients would take for
    /// themselves: their connections, and the news without it.
    fn twins(&self, told: &[proto::ParticipantInfo]) -> Vec<(u32, Vec<proto::ParticipantInfo>)> {
        let mut twins: Vec<(u32, Vec<proto::ParticipantInfo>)> = Vec::new();
        for other in told {
            let Some((who, livekit)) =
                self.roster.by_identity(&other.identity).and_then(|key| self.roster.livekit(key))
            else {
                continue;
            };
            let Some(connection) = livekit.connection.filter(|_| who.sid != other.sid) else { continue };
            if !twins.iter().any(|(known, _)| *known == connection) {
                let fits = |one: &&proto::ParticipantInfo| who.identity != one.identity.as_str() || one.sid == who.sid;
                twins.push((connection, told.iter().filter(fits).cloned().collect()));
            }
        }
        twins
    }

    /// How many there are: LiveKit's participants, and everybody on stage by WHIP.
    pub(super) fn count(&self) -> u32 {
        let by_whip = self.on_stage().filter(|one| one.whip_whep().is_some()).count();
        self.roster.seen() + by_whip as u32
    }

    /// The list for a newcomer: `other_participants` of a [`JoinResponse`](proto::JoinResponse), encoded.
    pub(super) fn roll(&mut self) -> Bytes {
        if let Some(roll) = &self.roll {
            return roll.clone();
        }
        let other_participants = self.listed().map(Participant::info).collect();
        let response = proto::JoinResponse { other_participants, ..proto::JoinResponse::default() };
        let roll = Bytes::from(response.encode_to_vec());
        self.roll = Some(roll.clone());
        roll
    }

    /// Everybody of whom the others are told, in order of being listed.
    pub(in crate::room) fn listed(&self) -> impl Iterator<Item = &Participant> {
        self.listed.iter().filter_map(|key| self.roster.get(*key))
    }

    /// Everybody a participant sees beside itself.
    pub(super) fn others(&self, key: ParticipantKey) -> Vec<proto::ParticipantInfo> {
        let identity = self.roster.get(key).map(|one| &one.who.identity);
        let others = self.listed().filter(|one| Some(&one.who.identity) != identity);
        others.map(Participant::info).collect()
    }

    /// Everybody in the room, for the server's API: first by WHIP and WHEP, then by LiveKit's protocol. `hidden`: the
    /// hidden too, but for the broadcast's own viewer.
    pub(crate) fn participants(&self, hidden: bool) -> Vec<proto::ParticipantInfo> {
        let seen = || self.roster.iter().filter(move |one| (hidden || !one.who.hidden) && !one.is_ours());
        let sessions = seen().filter_map(|one| Some((&one.who, one.whip_whep()?, one.on_stage)));
        let livekit = seen().filter(|one| one.livekit().is_some()).map(Participant::info);
        whip_whep::participants(sessions).into_iter().chain(livekit).collect()
    }

    /// The qualities of everybody's path whose media others are sent.
    pub(super) fn qualities(&self) -> Vec<proto::ConnectionQualityInfo> {
        self.on_stage().filter_map(|one| Some(one.livekit()?.quality(&one.who))).collect()
    }

    /// A peer connection loses more than before, or less.
    pub(super) fn path_changed(&mut self, key: ParticipantKey, peer: PeerId, quality: Quality) {
        let on_stage = self.roster.get(key).is_some_and(|one| one.on_stage);
        let Some((who, livekit)) = self.roster.livekit_mut(key) else { return };
        if let Some(link) = livekit.links.of_mut(peer) {
            link.quality = quality;
        }
        let (connection, updates) = (livekit.connection, vec![livekit.quality(who)]);
        let news = Message::ConnectionQuality(proto::ConnectionQualityUpdate { updates });
        // How well a viewer receives is nobody's business but its own.
        if on_stage { self.tell_everybody(news) } else { self.out.tell(connection, news) }
    }

    /// A participant's media can flow: its coming, and its tracks, for the record.
    pub(super) fn record_joining(&mut self, key: ParticipantKey) {
        let Some(participant) = self.roster.get(key).filter(|one| !one.who.hidden) else { return };
        let info = Box::new(participant.info());
        let tracks = match participant.whip_whep() {
            Some(_) => info.tracks.clone(),
            // LiveKit's clients publish later.
            None => Vec::new(),
        };
        self.out.event(RoomEvent::ParticipantJoined { room: self.name.clone(), participant: info });
        tracks.into_iter().for_each(|track| self.record_track(key, track, true));
    }

    /// A track is published, or no more, for the record.
    pub(super) fn record_track(&mut self, key: ParticipantKey, track: proto::TrackInfo, published: bool) {
        let Some(participant) = self.roster.get(key).filter(|one| !one.who.hidden) else { return };
        let (room, participant, track) = (self.name.clone(), Box::new(participant.info()), Box::new(track));
        self.out.event(if published {
            RoomEvent::TrackPublished { room, participant, track }
        } else {
            RoomEvent::TrackUnpublished { room, participant, track }
        });
    }

    /// A participant's going, for the record. A participant that was never seen is not missed.
    pub(super) fn record_leaving(&mut self, gone: &Participant) {
        if gone.who.hidden {
            return;
        }
        let info = gone.info();
        for track in &info.tracks {
            let (participant, track) = (Box::new(info.clone()), Box::new(track.clone()));
            self.out.event(RoomEvent::TrackUnpublished { room: self.name.clone(), participant, track });
        }
        if gone.has_joined() {
            let participant = Box::new(info);
            self.out.event(RoomEvent::ParticipantLeft { room: self.name.clone(), participant });
        }
    }

    /// A LiveKit participant's peer connection is up.
    pub(super) fn livekit_connected(&mut self, key: ParticipantKey, peer: PeerId) {
        let Some((_, livekit)) = self.roster.livekit_mut(key) else { return };
        if let Some(link) = livekit.links.of_mut(peer) {
            link.connected = true;
        }
        if livekit.state != Presence::Active {
            livekit.state = Presence::Active;
            self.announce_soon(key);
            self.record_joining(key);
        }
        if self.refresh_stage(key) {
            self.reassign_sections();
        }
    }
}
