//! Work that is due from time to time.

use std::time::Duration;

use livekit_protocol as proto;
use livekit_protocol::signal_response::Message;

use super::leaving::Departure;
use crate::room::machine::Room;
use crate::room::output::Claims;
use crate::room::participant::ParticipantKey;

/// How often a participant's token is renewed.
pub(super) const TOKEN_RENEWED: Duration = Duration::from_secs(5 * 60);
/// How often clients are told how many participants a room has, at most.
const COUNT_INTERVAL: Duration = Duration::from_secs(5);

impl Room {
    /// Does what is due, some times a second.
    pub(in crate::room) fn tick(&mut self) {
        let now = self.now.instant;
        self.expire_leases();
        self.end_moves();
        let resume_max = Duration::from_millis(self.ground.config.resume_ms_max.into());
        self.departures.tidy(now, resume_max);
        self.requests.retain(|_, budget| !budget.is_full(now));
        let lost = self.roster.all_livekit().filter(|(_, livekit)| {
            livekit.lost_at.is_some_and(|lost_at| now.saturating_duration_since(lost_at) >= resume_max)
        });
        let lost: Vec<ParticipantKey> = lost.map(|(who, _)| who.key).collect();
        lost.into_iter().for_each(|key| self.leave(key, Departure::SignalLost));
        self.tell_news();
        if std::mem::take(&mut self.audiences_stale) {
            self.stage_changed();
        }
        self.tell_count();
        self.renew_tokens();
        self.poll_qualities();
    }

    /// A client that reconnects after hours does so with the token that the server gave it last.
    fn renew_tokens(&mut self) {
        let now = self.now.instant;
        let mut due = Vec::new();
        for (who, livekit) in self.roster.all_livekit_mut().filter(|(_, livekit)| livekit.refresh_at <= now) {
            livekit.refresh_at = now + TOKEN_RENEWED;
            let Some(connection) = livekit.connection else { continue };
            let claims = Claims {
                room: self.name.clone(),
                identity: who.identity.clone(),
                name: who.name.clone(),
                metadata: livekit.metadata.clone(),
                attributes: livekit.attributes.clone(),
                permission: livekit.permission.clone(),
                standing: livekit.standing,
            };
            due.push((connection, claims));
        }
        due.into_iter().for_each(|(connection, claims)| self.out.renew(connection, claims));
    }

    /// Tells everybody how many there are, now and then, where that has changed.
    fn tell_count(&mut self) {
        let now = self.now.instant;
        if self.counted.is_some_and(|(at, _)| now.saturating_duration_since(at) < COUNT_INTERVAL) {
            return;
        }
        let count = self.count();
        let before = self.counted.replace((now, count)).map(|(_, count)| count);
        let Some(about) = self.about.as_mut().filter(|_| before != Some(count)) else { return };
        about.num_participants = count;
        let update = proto::RoomUpdate { room: Some(about.clone()) };
        self.tell_everybody(Message::RoomUpdate(update));
    }
}
