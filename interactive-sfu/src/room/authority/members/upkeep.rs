//! What is due from time to time, and what is told of participants.

use std::time::{Duration, Instant, SystemTime};

use access::Renewal;
use livekit_protocol as proto;
use livekit_protocol::DisconnectReason;
use livekit_protocol::leave_request::Action;
use livekit_protocol::participant_info::State as Presence;
use livekit_protocol::signal_response::Message;

use super::super::Authority;
use crate::metrics;
use crate::room::member::Member;
use crate::room::state::{Room, State};
use crate::signalling::livekit::info;
use crate::signalling::livekit::message::{Outgoing, update};

/// How long a renewed token is good for, and how often it is renewed.
const TOKEN_TTL: Duration = Duration::from_secs(10 * 60);
pub(super) const TOKEN_RENEWED: Duration = Duration::from_secs(5 * 60);
/// How often clients are told how many participants a room has, at most.
const COUNT_INTERVAL: Duration = Duration::from_secs(5);

impl Authority {
    /// What is due, a few times a second.
    pub(crate) fn tick(&self, now: Instant) {
        let mut state = self.lock();
        let resume_max = Duration::from_millis(self.config.resume_ms_max.into());
        state.ticked_at = now;
        state.rooms.values_mut().for_each(|room| room.departures.tidy(now, resume_max));
        for member in state.members.values_mut() {
            if member.signal.take_if(|signal| signal.lags.get()).is_some() {
                member.lost_at = Some(now);
            }
        }
        let lost = |m: &&Member| m.lost_at.is_some_and(|at| now.saturating_duration_since(at) >= resume_max);
        let gone: Vec<String> = state.members.values().filter(lost).map(|m| m.sid.clone()).collect();
        for sid in gone {
            self.dismiss(&mut state, &sid, DisconnectReason::SignalClose, Action::Disconnect);
        }
        let publishing = state.publishing + state.members.values().filter(|member| member.on_stage).count();
        metrics::sessions(publishing, state.sessions.len() + state.members.len() - publishing);
        let rooms = state.rooms.iter().filter(|(_, room)| !room.news.is_empty() || !room.departed.is_empty());
        for room in rooms.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            self.tell_news(&mut state, &room);
        }
        self.tell_counts(&mut state, now);
        self.renew_tokens(&mut state, now);
        self.poll_qualities(&mut state, now);
    }

    /// A client that reconnects after hours does so with what the server gave it last.
    fn renew_tokens(&self, state: &mut State, now: Instant) {
        for member in state.members.values_mut().filter(|member| member.refresh_at <= now) {
            member.refresh_at = now + TOKEN_RENEWED;
            let claims = Renewal {
                identity: &member.identity,
                name: &member.name,
                metadata: &member.metadata,
                attributes: &member.attributes,
                room: &member.room,
                permission: info::allowed(&member.permission),
                standing: member.standing,
            };
            match self.keys.renew(&claims, TOKEN_TTL, SystemTime::now()) {
                Ok(token) => member.tell(Message::RefreshToken(token)),
                Err(error) => tracing::warn!(%error, "a participant's token is not renewed"),
            }
        }
    }

    /// Tells everybody what is new about a participant, before anything else that follows from it.
    pub(super) fn announce(&self, state: &mut State, sid: &str) {
        self.announce_soon(state, sid);
        if let Some(room) = state.members.get(sid).map(|member| member.room.clone()) {
            self.tell_news(state, &room);
        }
    }

    /// As [`announce`](Self::announce), with the next tick: a hundred who come at once are one message to everybody,
    /// not a hundred.
    pub(super) fn announce_soon(&self, state: &mut State, sid: &str) {
        let Some(member) = state.members.get_mut(sid) else { return };
        member.version += 1;
        if !member.listed {
            return member.tell(update(member.info()));
        }
        if let Some(room) = state.rooms.get_mut(&member.room)
            && !room.news.iter().any(|known| known == sid)
        {
            room.news.push(sid.to_owned());
        }
        let room = member.room.clone();
        state.roll_stale(&room);
    }

    /// Tells everybody how many there are, now and then, where that has changed.
    fn tell_counts(&self, state: &mut State, now: Instant) {
        let due = |room: &Room| room.counted.is_none_or(|(at, _)| now.saturating_duration_since(at) >= COUNT_INTERVAL);
        let names: Vec<String> =
            state.rooms.iter().filter(|(_, room)| due(room)).map(|(name, _)| name.clone()).collect();
        for name in names {
            let count = state.count(&name);
            let Some(room) = state.rooms.get_mut(&name) else { continue };
            let before = room.counted.replace((now, count));
            let Some(about) = room.about.as_mut().filter(|_| before.map(|(_, count)| count) != Some(count)) else {
                continue;
            };
            about.num_participants = count;
            let news = Message::RoomUpdate(proto::RoomUpdate { room: Some(about.clone()) });
            let news = Outgoing::from(news);
            state.members_of(&name).for_each(|member| member.tell(news.clone()));
        }
    }

    pub(super) fn tell_news(&self, state: &mut State, room: &str) {
        let participants = state.take_news(room);
        if participants.is_empty() {
            return;
        }
        // Until told otherwise a path is good; who is told of it must know whose it is.
        let there = participants.iter().filter(|one| one.state() == Presence::Active);
        let on_stage = there.filter_map(|one| state.members.get(&one.sid)).filter(|member| member.on_stage);
        let updates: Vec<_> = on_stage.map(Member::quality).collect();
        let news = Outgoing::from(Message::Update(proto::ParticipantUpdate { participants }));
        let paths = (!updates.is_empty())
            .then(|| Outgoing::from(Message::ConnectionQuality(proto::ConnectionQualityUpdate { updates })));
        for member in state.members_of(room) {
            member.tell(news.clone());
            if let Some(paths) = &paths {
                member.tell(paths.clone());
            }
        }
    }
}
