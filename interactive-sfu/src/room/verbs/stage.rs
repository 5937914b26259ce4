//! The stage: who is on it, and whom the sections of WHEP's viewers carry.

use livekit_protocol as proto;
use livekit_protocol::signal_response::Message;
use plane::Order;

use crate::control::{RoomEvent, Speaker};
use crate::room::machine::Room;
use crate::room::participant::whip_whep::Kind;
use crate::room::participant::{Participant, ParticipantKey, Protocol};
use crate::room::sections::{OnStage, assign, track_of};
use crate::signalling::livekit::info;

impl Room {
    /// Everybody on stage, in the order in which they came there.
    pub(super) fn on_stage(&self) -> impl Iterator<Item = &Participant> {
        self.performers().filter(|one| one.on_stage)
    }

    /// Everybody who publishes or is on stage and is not hidden, in the order in which they began to. A room of
    /// thousands has few of them.
    pub(super) fn performers(&self) -> impl Iterator<Item = &Participant> {
        self.performers.iter().filter_map(|key| self.roster.get(*key)).filter(|one| !one.who.hidden)
    }

    /// The speakers, as the rest of the server knows them.
    pub(crate) fn speakers(&self) -> Vec<Speaker> {
        self.on_stage().filter_map(Participant::speaker).collect()
    }

    /// The participant's peer connection is up.
    pub(super) fn session_connected(&mut self, key: ParticipantKey) {
        let Some((who, session)) = self.roster.whip_whep_mut(key) else { return };
        session.connected = true;
        let (identity, publishes, pending) = (who.identity.clone(), session.publishes(), session.pending.take());
        self.ground.node.settle(pending);
        self.begin();
        if publishes {
            self.replace(&identity, Some(key));
        }
        self.refresh_stage(key);
        if self.roster.get(key).is_some_and(|one| one.on_stage) {
            self.announce(key);
        }
        self.record_joining(key);
        if publishes {
            self.stage_changed();
        }
    }

    /// Follows whether a participant performs, and tells the rest of the server when it comes on stage or leaves it.
    /// Returns whether it did: the caller reassigns viewers' sections.
    pub(super) fn refresh_stage(&mut self, key: ParticipantKey) -> bool {
        let Some(participant) = self.roster.get_mut(key) else { return false };
        let speaker = participant.speaker();
        let was = std::mem::replace(&mut participant.on_stage, speaker.is_some());
        let (is, performs) = (participant.on_stage, participant.performs());
        let left = (was && !is).then(|| participant.left_stage(&self.name));
        match self.performers.iter().position(|other| *other == key) {
            None if performs => self.performers.push(key),
            Some(index) if !performs => drop(self.performers.remove(index)),
            _ => {}
        }
        self.offered = None;
        if is != was {
            self.ground.node.count_on_stage(is);
        }
        let joined = speaker.filter(|_| !was);
        let joined = joined.map(|speaker| RoomEvent::SpeakerJoined { room: self.name.clone(), speaker });
        joined.into_iter().chain(left).for_each(|event| self.out.event(event));
        if is && self.roster.get(key).is_some_and(|one| one.whip_whep().is_some()) {
            self.list(key);
        }
        is != was
    }

    /// Somebody's tracks changed: everybody who watches is sent what there is now.
    pub(super) fn stage_changed(&mut self) {
        self.offered = None;
        self.reassign_sections();
        self.resubscribe_all();
    }

    pub(super) fn reassign_sections(&mut self) {
        self.qualities_stale = true;
        self.watchers.clone().into_iter().for_each(|key| self.assign_sections(key));
    }

    /// Decides what the sections of a WHEP viewer carry, and tells its media thread what changed.
    pub(super) fn assign_sections(&mut self, key: ParticipantKey) {
        let Some(viewer) = self.roster.get(key) else { return };
        let admitted = |one: &Participant| {
            let empty = || OnStage { identity: one.who.identity.clone(), audio: None, video: None };
            one.as_speaker(Some(&viewer.who)).unwrap_or_else(empty)
        };
        let stage: Vec<OnStage> = self.on_stage().map(admitted).collect();
        let Some(Protocol::WhipWhep(session)) = self.roster.get_mut(key).map(|one| &mut one.protocol) else { return };
        let (Some(peer), Kind::Watch { participant, sections }) = (session.peer, &mut session.kind) else { return };
        let mut slots: Vec<_> = sections.iter().map(|section| section.slot.clone()).collect();
        assign(&mut slots, &stage, participant.as_ref());
        for (index, (section, slot)) in sections.iter_mut().zip(slots).enumerate() {
            let track = track_of(&slot, &stage);
            section.slot = slot;
            let source = track.and_then(|track| track.source_for(&section.negotiated));
            let attached = source.as_ref().map(|source| source.track);
            if attached != section.attached {
                section.attached = attached;
                // Its publisher may have been asked for less, or for nothing.
                self.qualities_stale = true;
                self.out.order(Order::Attach { peer, section: index, source: source.map(Box::new) });
            }
        }
    }

    /// A participant is louder than before, or less loud.
    pub(super) fn loudness_changed(&mut self, key: ParticipantKey, step: u8) {
        let Some(participant) = self.roster.get_mut(key).filter(|one| !one.who.hidden) else { return };
        participant.loudness = step;
        let sid = participant.who.sid.clone();
        let pictures: Vec<_> = match &participant.protocol {
            Protocol::WhipWhep(session) => session.picture().map(|picture| picture.id).into_iter().collect(),
            Protocol::LiveKit(livekit) => {
                let tracks = livekit.uplink.tracks.iter();
                let cameras = tracks.filter(|track| track.info.source() == proto::TrackSource::Camera);
                cameras.map(|camera| camera.media.id).collect()
            }
        };
        // Whoever speaks is seen before others, wherever not everything fits.
        for picture in pictures {
            self.out.order(Order::Prefer { track: picture, preferred: step > 0 });
        }
        let speaker = proto::SpeakerInfo { sid, level: info::loudness_level(step), active: step > 0 };
        let changed = proto::SpeakersChanged { speakers: vec![speaker] };
        self.tell_everybody(Message::SpeakersChanged(changed));
    }

    /// Everybody who speaks now.
    pub(super) fn speaking(&self) -> Vec<proto::SpeakerInfo> {
        let speaking = self.performers().filter(|one| one.loudness > 0);
        let info = |one: &Participant| proto::SpeakerInfo {
            sid: one.who.sid.clone(),
            level: info::loudness_level(one.loudness),
            active: true,
        };
        speaking.map(info).collect()
    }
}
