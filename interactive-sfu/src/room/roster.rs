//! A room's participants, and where each is found: by number, session, identity and peer connection. Pure.

use std::collections::btree_map::{BTreeMap, Entry};
use std::collections::{HashMap, hash_map};

use access::Identity;
use plane::PeerId;

use super::participant::livekit::LiveKit;
use super::participant::whip_whep::WhipWhep;
use super::participant::{Participant, ParticipantKey, Protocol, Who};

/// Everybody in a room, in order of coming.
#[derive(Default)]
pub(crate) struct Roster {
    all: BTreeMap<ParticipantKey, Participant>,
    next: u32,
    /// LiveKit's participants by their sid, the others by their session's id.
    by_session: HashMap<String, ParticipantKey>,
    /// LiveKit's participants: there is one of an identity.
    by_identity: HashMap<Identity, ParticipantKey>,
    by_serial: HashMap<u32, ParticipantKey>,
    /// How many WHIP and WHEP sessions an identity has.
    sessions: HashMap<Identity, u32>,
    /// LiveKit's participants, and those of them that are not hidden.
    livekit: usize,
    seen: u32,
}

impl Roster {
    /// The number of the next participant.
    pub(crate) fn next_key(&mut self) -> ParticipantKey {
        self.next += 1;
        ParticipantKey(self.next)
    }

    pub(crate) fn add(&mut self, participant: Participant) {
        let key = participant.key();
        match &participant.protocol {
            Protocol::LiveKit(_) => {
                self.by_session.insert(participant.who.sid.clone(), key);
                self.by_identity.insert(participant.who.identity.clone(), key);
                self.livekit += 1;
                self.seen += u32::from(!participant.who.hidden);
            }
            Protocol::WhipWhep(session) => {
                self.by_session.insert(session.id.as_str().to_owned(), key);
                *self.sessions.entry(participant.who.identity.clone()).or_default() += 1;
            }
        }
        self.by_serial.extend(participant.peers().into_iter().map(|peer| (peer.serial, key)));
        self.all.insert(key, participant);
    }

    pub(crate) fn remove(&mut self, key: ParticipantKey) -> Option<Participant> {
        let Entry::Occupied(entry) = self.all.entry(key) else { return None };
        let participant = entry.remove();
        for peer in participant.peers() {
            self.by_serial.remove(&peer.serial);
        }
        match &participant.protocol {
            Protocol::LiveKit(_) => {
                self.by_session.remove(&participant.who.sid);
                self.by_identity.remove(&participant.who.identity);
                self.livekit -= 1;
                self.seen -= u32::from(!participant.who.hidden);
            }
            Protocol::WhipWhep(session) => {
                self.by_session.remove(session.id.as_str());
                if let hash_map::Entry::Occupied(mut count) = self.sessions.entry(participant.who.identity.clone()) {
                    *count.get_mut() -= 1;
                    if *count.get() == 0 {
                        count.remove();
                    }
                }
            }
        }
        Some(participant)
    }

    /// A peer connection is a participant's.
    pub(crate) fn owns(&mut self, peer: PeerId, key: ParticipantKey) {
        self.by_serial.insert(peer.serial, key);
    }

    /// A peer connection is gone. Returns whose it was.
    pub(crate) fn lose(&mut self, peer: PeerId) -> Option<ParticipantKey> {
        let key = self.by_serial.remove(&peer.serial)?;
        if let Some(participant) = self.all.get_mut(&key) {
            participant.lose(peer);
        }
        Some(key)
    }

    /// The participant of a peer connection.
    pub(crate) fn owner(&self, peer: PeerId) -> Option<ParticipantKey> {
        self.by_serial.get(&peer.serial).copied()
    }

    pub(crate) fn get(&self, key: ParticipantKey) -> Option<&Participant> {
        self.all.get(&key)
    }

    pub(crate) fn get_mut(&mut self, key: ParticipantKey) -> Option<&mut Participant> {
        self.all.get_mut(&key)
    }

    /// A participant by LiveKit's protocol.
    pub(crate) fn livekit(&self, key: ParticipantKey) -> Option<(&Who, &LiveKit)> {
        let participant = self.all.get(&key)?;
        Some((&participant.who, participant.livekit()?))
    }

    pub(crate) fn livekit_mut(&mut self, key: ParticipantKey) -> Option<(&mut Who, &mut LiveKit)> {
        let participant = self.all.get_mut(&key)?;
        match &mut participant.protocol {
            Protocol::LiveKit(livekit) => Some((&mut participant.who, livekit)),
            Protocol::WhipWhep(_) => None,
        }
    }

    /// A participant by WHIP or WHEP.
    pub(crate) fn whip_whep_mut(&mut self, key: ParticipantKey) -> Option<(&mut Who, &mut WhipWhep)> {
        let participant = self.all.get_mut(&key)?;
        match &mut participant.protocol {
            Protocol::WhipWhep(session) => Some((&mut participant.who, session)),
            Protocol::LiveKit(_) => None,
        }
    }

    pub(crate) fn by_session(&self, session: &str) -> Option<ParticipantKey> {
        self.by_session.get(session).copied()
    }

    /// LiveKit's participant of an identity.
    pub(crate) fn by_identity(&self, identity: &str) -> Option<ParticipantKey> {
        self.by_identity.get(identity).copied()
    }

    /// WHIP and WHEP sessions of an identity.
    pub(crate) fn sessions(&self, identity: &str) -> u32 {
        self.sessions.get(identity).copied().unwrap_or_default()
    }

    /// Everybody, in order of coming.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Participant> {
        self.all.values()
    }

    /// The numbers of everybody, in order of coming.
    pub(crate) fn keys(&self) -> Vec<ParticipantKey> {
        self.all.keys().copied().collect()
    }

    /// LiveKit's participants, in order of coming.
    pub(crate) fn all_livekit(&self) -> impl Iterator<Item = (&Who, &LiveKit)> {
        self.all.values().filter_map(|participant| Some((&participant.who, participant.livekit()?)))
    }

    pub(crate) fn all_livekit_mut(&mut self) -> impl Iterator<Item = (&mut Who, &mut LiveKit)> {
        self.all.values_mut().filter_map(|participant| match &mut participant.protocol {
            Protocol::LiveKit(livekit) => Some((&mut participant.who, &mut **livekit)),
            Protocol::WhipWhep(_) => None,
        })
    }

    /// The signal connections that there are.
    pub(crate) fn connections(&self) -> Vec<u32> {
        self.all.values().filter_map(Participant::connection).collect()
    }

    /// How many there are by LiveKit's protocol.
    pub(crate) fn livekit_count(&self) -> usize {
        self.livekit
    }

    /// How many of them are not hidden.
    pub(crate) fn seen(&self) -> u32 {
        self.seen
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Everything that is still known of anybody, in words; none when nobody is there.
    #[cfg(any(test, feature = "simulation"))]
    pub(crate) fn remains(&self) -> Vec<String> {
        let mut remains: Vec<String> = self.all.values().map(|one| format!("{:?}", one.who)).collect();
        remains.extend(self.by_session.keys().map(|session| format!("session {session}")));
        remains.extend(self.by_identity.keys().map(|identity| format!("identity {identity}")));
        remains.extend(self.by_serial.iter().map(|(serial, key)| format!("peer {serial} of {key:?}")));
        remains.extend(self.sessions.iter().map(|(identity, count)| format!("{count} sessions of {identity}")));
        remains.extend((self.livekit > 0 || self.seen > 0).then(|| format!("{} counted", self.livekit)));
        remains
    }
}
