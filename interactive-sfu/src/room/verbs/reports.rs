//! Reports of the media plane, and whom they concern.

use crate::metrics;
use crate::room::machine::Room;
use crate::room::participant::{ParticipantKey, Protocol};
use plane::{Channel, PeerId, Report, TrackId};

use super::leaving::Departure;

impl Room {
    /// Something happened to one of the room's peers.
    pub(in crate::room) fn report(&mut self, report: Report) {
        match report {
            Report::Connected { peer } => {
                metrics::joined();
                let Some(key) = self.roster.owner(peer) else { return };
                match self.roster.get(key).map(|one| &one.protocol) {
                    Some(Protocol::WhipWhep(_)) => self.session_connected(key),
                    Some(Protocol::LiveKit(_)) => self.livekit_connected(key, peer),
                    None => {}
                }
            }
            Report::Loudness { peer, step } => {
                if let Some(key) = self.roster.owner(peer) {
                    self.loudness_changed(key, step);
                }
            }
            Report::Paused { peer, section, paused } => {
                if let Some(key) = self.roster.owner(peer) {
                    self.tell_pause(key, section, paused);
                }
            }
            Report::Quality { peer, quality } => {
                if let Some(key) = self.roster.owner(peer) {
                    self.path_changed(key, peer, quality);
                }
            }
            Report::Refused { peer, track, why } => {
                if let Some(key) = self.roster.owner(peer) {
                    self.pictures_refused(key, track, why);
                }
            }
            Report::DataOpened { peer, channel: Channel::Reliable } => {
                if let Some(key) = self.roster.owner(peer) {
                    self.data_opened(key, peer);
                }
            }
            Report::DataOpened { channel: Channel::Lossy, .. } => {}
            Report::Data { peer, channel, message } => {
                if let Some(key) = self.roster.owner(peer) {
                    self.message(key, channel, message);
                }
            }
            Report::Gone { peer, why } => {
                metrics::left(why);
                // A participant without its peer connection has no use; a client that is still there starts anew.
                if let Some(key) = self.roster.lose(peer) {
                    self.leave(key, Departure::MediaLost);
                }
            }
        }
    }

    /// No picture of a track is forwarded any more.
    fn pictures_refused(&mut self, key: ParticipantKey, picture: TrackId, why: &'static str) {
        let Some(participant) = self.roster.get(key) else { return };
        tracing::warn!(
            participant = participant.who.identity.as_str(),
            why,
            "a participant's picture is not forwarded"
        );
        // WHIP has no words for it.
        if participant.livekit().is_some() {
            self.refuse_pictures(key, picture);
        }
    }
}

/// The peer that a report is about.
pub(in crate::room) fn peer_of(report: &Report) -> PeerId {
    match report {
        Report::Connected { peer }
        | Report::Gone { peer, .. }
        | Report::Loudness { peer, .. }
        | Report::Paused { peer, .. }
        | Report::Quality { peer, .. }
        | Report::Refused { peer, .. }
        | Report::DataOpened { peer, .. }
        | Report::Data { peer, .. } => *peer,
    }
}
