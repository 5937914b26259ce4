//! How participants go.

use livekit_protocol::DisconnectReason;
use livekit_protocol::leave_request::Action;
use livekit_protocol::participant_info::State as Presence;
use livekit_protocol::signal_response::Message;
use plane::Order;

use crate::control::{RoomEvent, SfuError};
use crate::room::machine::Room;
use crate::room::participant::{Participant, ParticipantKey, Protocol};
use crate::signalling::livekit::message::leave;

/// Why a participant goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::room) enum Departure {
    /// Its client said so.
    Left,
    /// It was told to move to the broadcast.
    Moved,
    /// The same identity came again.
    Replaced,
    /// The server's API removed it.
    Removed,
    /// The room was deleted.
    RoomClosed,
    /// The server ends.
    Shutdown,
    /// It was not connected yet, and made way for another.
    CrowdedOut,
    /// Its peer connection is gone.
    MediaLost,
    /// Its signal connection was lost, and not resumed in time.
    SignalLost,
    /// Neither side would know what holds: the client has to begin anew.
    Misunderstood,
}

impl Departure {
    fn reason(self) -> DisconnectReason {
        match self {
            Self::Left => DisconnectReason::ClientInitiated,
            Self::Moved => DisconnectReason::Migration,
            Self::Replaced => DisconnectReason::DuplicateIdentity,
            Self::Removed => DisconnectReason::ParticipantRemoved,
            Self::RoomClosed => DisconnectReason::RoomDeleted,
            Self::Shutdown => DisconnectReason::ServerShutdown,
            Self::CrowdedOut | Self::SignalLost => DisconnectReason::SignalClose,
            Self::MediaLost => DisconnectReason::MediaFailure,
            Self::Misunderstood => DisconnectReason::StateMismatch,
        }
    }

    /// The client's next step: on a shutdown it goes to another server, or to this one when it is back.
    fn action(self) -> Action {
        match self {
            Self::Shutdown | Self::MediaLost | Self::Misunderstood => Action::Reconnect,
            Self::Left
            | Self::Moved
            | Self::Replaced
            | Self::Removed
            | Self::RoomClosed
            | Self::CrowdedOut
            | Self::SignalLost => Action::Disconnect,
        }
    }

    /// The message to the client.
    pub(super) fn message(self) -> Message {
        leave(self.reason(), self.action())
    }
}

impl Room {
    /// Ends a participant's stay, and tells everybody, the participant first.
    pub(in crate::room) fn leave(&mut self, key: ParticipantKey, why: Departure) {
        let Some(mut gone) = self.roster.remove(key) else { return };
        tracing::debug!(sid = gone.who.sid, ?why, "a participant leaves");
        self.ground.node.leave_place();
        self.stand(&gone);
        for list in [&mut self.listed, &mut self.performers, &mut self.watchers] {
            list.retain(|other| *other != key);
        }
        self.out.tell(gone.connection(), why.message());
        self.out.hangup(gone.connection());
        for peer in gone.peers() {
            self.out.order(Order::Remove { peer });
        }
        self.record_leaving(&gone);
        if gone.listed {
            gone.who.version += 1;
            let mut told = gone.info();
            (told.state, told.disconnect_reason) = (Presence::Disconnected.into(), why.reason().into());
            told.tracks.clear();
            self.departures.add(&told, self.now.instant);
            self.departed.push(told);
            self.roll = None;
        }
        if gone.on_stage {
            self.ground.node.count_on_stage(false);
            self.out.event(gone.left_stage(&self.name));
        }
        if gone.performs() {
            self.stage_changed();
        }
        // With one receiver less, less may be wanted of publishers.
        self.qualities_stale = true;
        if let Protocol::WhipWhep(session) = gone.protocol {
            self.ground.node.settle(session.pending);
        }
    }

    /// A participant that is not connected yet makes way for another.
    pub(in crate::room) fn crowd_out(&mut self, key: ParticipantKey) {
        let pending = self.roster.get(key).and_then(|participant| participant.whip_whep()?.pending);
        if pending.is_some() {
            crate::metrics::crowded_out();
            self.leave(key, Departure::CrowdedOut);
        }
    }

    /// Makes a newcomer the only one of its identity whom others see: clients know each other by identity. Viewers by
    /// WHEP, and sessions by WHIP that are not connected yet, are not seen, and stay.
    pub(super) fn replace(&mut self, identity: &str, newcomer: Option<ParticipantKey>) {
        let mut replaced: Vec<ParticipantKey> = self.roster.by_identity(identity).into_iter().collect();
        // A room of thousands is searched only for those who have a session.
        if self.roster.sessions(identity) > 0 {
            let seen = |one: &&Participant| {
                let publishes = one.whip_whep().is_some_and(|session| session.publishes() && session.connected);
                publishes && one.who.identity == *identity
            };
            replaced.extend(self.roster.iter().filter(seen).map(Participant::key));
        }
        replaced.retain(|key| Some(*key) != newcomer);
        replaced.into_iter().for_each(|key| self.leave(key, Departure::Replaced));
    }

    /// Ends every stay of an identity.
    pub(in crate::room) fn remove(&mut self, identity: &str) -> Result<(), SfuError> {
        // Our own viewer, which composes the broadcast, is no participant that anybody may remove.
        let theirs = self.roster.iter().filter(|one| one.who.identity == *identity && !one.is_ours());
        let keys: Vec<ParticipantKey> = theirs.map(|one| one.key()).collect();
        if keys.is_empty() {
            return Err(SfuError::UnknownParticipant);
        }
        keys.into_iter().for_each(|key| self.leave(key, Departure::Removed));
        Ok(())
    }

    /// The room was deleted.
    pub(in crate::room) fn close(&mut self) {
        self.roster.keys().into_iter().for_each(|key| self.leave(key, Departure::RoomClosed));
    }

    /// The server is about to end, and whoever is still there goes. The broadcast's own viewer goes with the stage.
    pub(in crate::room) fn send_away(&mut self) {
        let others = self.roster.iter().filter(|one| !one.is_ours());
        let keys: Vec<ParticipantKey> = others.map(Participant::key).collect();
        keys.into_iter().for_each(|key| self.leave(key, Departure::Shutdown));
    }

    /// The server ends.
    pub(in crate::room) fn shut_down(&mut self) {
        self.roster.keys().into_iter().for_each(|key| self.leave(key, Departure::Shutdown));
    }

    /// Somebody is in the room.
    pub(super) fn begin(&mut self) {
        if !std::mem::replace(&mut self.started, true) {
            self.out.event(RoomEvent::RoomStarted { room: self.name.clone() });
        }
    }
}
