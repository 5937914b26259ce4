//! Departures from a room, of late: a client that resumes may not have heard of them.
//!
//! Messages that were written to a socket before it broke may never have arrived, so the log reaches back further than
//! the time without a socket. Pure.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use livekit_protocol as proto;
use livekit_protocol::participant_info::State as Presence;

/// Departures that are remembered.
const REMEMBERED_MAX: usize = 1000;
/// A dead socket may look alive for so long; messages written to it meanwhile reach nobody.
const UNHEARD_MAX: Duration = Duration::from_secs(30);

/// The log of one room.
#[derive(Default)]
pub(crate) struct Departures {
    log: VecDeque<(Instant, proto::ParticipantInfo)>,
    /// The time of the newest departure that was dropped because the log was full.
    forgotten: Option<Instant>,
}

impl Departures {
    /// Somebody has left.
    pub(crate) fn add(&mut self, who: &proto::ParticipantInfo, now: Instant) {
        if self.log.len() >= REMEMBERED_MAX {
            self.forgotten = self.log.pop_front().map(|(at, _)| at);
        }
        let who = proto::ParticipantInfo {
            sid: who.sid.clone(),
            identity: who.identity.clone(),
            state: Presence::Disconnected.into(),
            version: who.version,
            ..proto::ParticipantInfo::default()
        };
        self.log.push_back((now, who));
    }

    /// Drops departures that every client knows of which may still resume. A client may do so for `resume_max`.
    pub(crate) fn tidy(&mut self, now: Instant, resume_max: Duration) {
        while self.log.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) > resume_max + UNHEARD_MAX) {
            self.log.pop_front();
        }
    }

    /// The departures that a client may have missed whose socket broke at `lost_at`. `None`: the log is incomplete.
    pub(crate) fn missed(&self, lost_at: Instant) -> Option<impl Iterator<Item = &proto::ParticipantInfo>> {
        let since = lost_at.checked_sub(UNHEARD_MAX);
        let unknown = self.forgotten.is_some_and(|forgotten| since.is_none_or(|since| forgotten >= since));
        (!unknown).then(|| {
            let recent = self.log.iter().filter(move |(at, _)| since.is_none_or(|since| *at >= since));
            recent.map(|(_, who)| who)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn somebody(identity: &str) -> proto::ParticipantInfo {
        proto::ParticipantInfo { identity: identity.into(), name: "long".repeat(1000), ..Default::default() }
    }

    #[test]
    fn departures_before_and_during_an_absence_are_told_and_no_older_ones() {
        let (start, mut departures) = (Instant::now() + UNHEARD_MAX * 3, Departures::default());
        departures.add(&somebody("long ago"), start - UNHEARD_MAX * 2);
        departures.add(&somebody("just before"), start - UNHEARD_MAX / 2);
        departures.add(&somebody("since"), start + Duration::from_secs(1));
        let missed: Vec<&str> = departures.missed(start).unwrap().map(|one| one.identity.as_str()).collect();
        assert_eq!(missed, ["just before", "since"]);
        assert!(departures.missed(start).unwrap().all(|one| one.name.is_empty()));
        departures.tidy(start + Duration::from_secs(20), Duration::ZERO);
        assert_eq!(departures.log.len(), 1);
    }

    #[test]
    fn incomplete_log_is_not_told_as_complete() {
        let (start, mut departures) = (Instant::now() + UNHEARD_MAX * 3, Departures::default());
        for n in 0..=REMEMBERED_MAX {
            departures.add(&somebody(&n.to_string()), start);
        }
        assert!(departures.missed(start).is_none());
        assert!(departures.missed(start + UNHEARD_MAX * 2).is_some());
    }
}
