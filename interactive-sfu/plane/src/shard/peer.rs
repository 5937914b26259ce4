//! One peer: its credentials, its paths, its keys, and what it publishes and is sent.

use std::collections::VecDeque;
use std::time::Instant;

use super::net::{Path, RemoteSource};
use super::paths::Paths;
use super::publisher::Publisher;
use super::subscriber::Subscriber;
use super::subscription::Subscription;
use crate::config::Config;
use crate::dropped::Dropped;
use crate::ids::PeerId;
use crate::media::pace::Pace;
use crate::media::quality::QualityMeter;
use crate::order::NewPeer;
use crate::transport::dtls::Waiting;
use crate::transport::ice::{LocalIce, RemoteIce};
use crate::transport::password::Password;
use crate::transport::srtp::{Opener, Sealer};
use crate::transport::stun::{BindingRequest, BindingSuccess, check};

/// Packets that a peer may ask for again, a second and at once: a keyframe of every picture of a large room.
const NACKS_PER_SECOND: f64 = 2000.0;
const NACKS_BURST: f64 = 2000.0;

/// Credentials of a peer that are remembered: those of an ICE restart, and those before.
const REMOTE_ICE_MAX: usize = 2;

/// One side of an ICE session.
struct Ice {
    ufrag: String,
    password: Password,
}

impl From<LocalIce> for Ice {
    fn from(ice: LocalIce) -> Self {
        Self { password: Password::new(&ice.pwd), ufrag: ice.ufrag }
    }
}

/// One peer.
pub(crate) struct Peer {
    pub id: PeerId,
    ice: Ice,
    /// Until the new credentials of a restart are used.
    ice_before: Option<Ice>,
    /// The peer's own credentials, the newest last.
    theirs: VecDeque<Ice>,
    /// Our and their user fragment, as the newest nomination used them.
    pair: (String, String),
    pub paths: Paths,
    pub sealer: Option<Sealer>,
    pub opener: Option<Opener>,
    /// The tracks it publishes; `None` before the first.
    pub publisher: Option<Box<Publisher>>,
    /// The sections it is sent; `None` before the first.
    pub subscriber: Option<Box<Subscriber>>,
    pub quality: QualityMeter,
    /// DTLS datagrams of it that wait.
    pub dtls_waiting: Waiting,
    /// Packets that it may ask for again.
    pub nacks: Pace,
    pub added: Instant,
    /// When something authentic last came.
    pub heard: Instant,
    /// It is going: DTLS is being closed, nothing else happens.
    pub leaving: bool,
}

impl Peer {
    pub(super) fn new(new: NewPeer, config: &Config, now: Instant) -> Self {
        let NewPeer { id, ice, tracks, sections } = new;
        Self {
            id,
            ice: ice.into(),
            ice_before: None,
            theirs: VecDeque::new(),
            pair: Default::default(),
            paths: Paths::new(now),
            sealer: None,
            opener: None,
            publisher: (!tracks.is_empty()).then(|| Box::new(Publisher::new(tracks, config))),
            subscriber: (!sections.is_empty()).then(|| Box::new(Subscriber::new(sections))),
            quality: QualityMeter::default(),
            dtls_waiting: Waiting::default(),
            nacks: Pace::new(NACKS_PER_SECOND, NACKS_BURST),
            added: now,
            heard: now,
            leaving: false,
        }
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.opener.is_some() && !self.leaving
    }

    /// Something authentic came from `origin`.
    #[inline]
    pub(super) fn heard(&mut self, origin: RemoteSource, now: Instant) {
        self.heard = now;
        self.paths.media_heard(origin, now);
    }

    /// Whether a section of it awaits its first sender report.
    pub(crate) fn awaits_report(&self) -> bool {
        let Some(subscriber) = &self.subscriber else { return false };
        self.is_connected() && subscriber.sections.iter().any(Subscription::awaits_report)
    }

    /// Whether `request` was made with credentials of ours. Returns the password to sign the answer with. `Err`: why it
    /// is dropped.
    pub(super) fn authenticate(&mut self, request: &BindingRequest<'_>) -> Result<Password, Dropped> {
        if self.ice.ufrag == request.local_ufrag {
            if !self.ice.password.made(request) {
                return Err(Dropped::StunUnauthenticated);
            }
            self.ice_before = None;
            return Ok(self.ice.password.clone());
        }
        let before = self.ice_before.as_ref().filter(|ice| ice.ufrag == request.local_ufrag);
        let before = before.ok_or(Dropped::UnknownUfrag)?;
        if before.password.made(request) { Ok(before.password.clone()) } else { Err(Dropped::StunUnauthenticated) }
    }

    /// Our new credentials. The old ones hold until these are used.
    pub(super) fn restart_ice(&mut self, ice: LocalIce) {
        let before = std::mem::replace(&mut self.ice, ice.into());
        // Two restarts in a row: what was in use is the oldest one still known.
        self.ice_before.get_or_insert(before);
    }

    /// The peer has described itself with these.
    pub(super) fn learn_ice(&mut self, ice: RemoteIce) {
        self.theirs.retain(|known| known.ufrag != ice.ufrag);
        if self.theirs.len() == REMOTE_ICE_MAX {
            self.theirs.pop_front();
        }
        self.theirs.push_back(Ice { password: Password::new(&ice.pwd), ufrag: ice.ufrag });
    }

    /// A request nominates a path: checks of ours use the same user fragments.
    pub(super) fn note_pair(&mut self, request: &BindingRequest<'_>) {
        if (self.pair.0.as_str(), self.pair.1.as_str()) != (request.local_ufrag, request.remote_ufrag) {
            self.pair = (request.local_ufrag.to_owned(), request.remote_ufrag.to_owned());
        }
    }

    /// The check of ours to send now, if one is due and the peer's password is known.
    pub(super) fn poll_check(&mut self, now: Instant) -> Option<(Path, Vec<u8>)> {
        let (ours, theirs) = &self.pair;
        let known = self.theirs.iter().find(|ice| ice.ufrag == *theirs)?;
        let (to, transaction) = self.paths.poll_check(rand::random(), now)?;
        Some((to.path(), check(transaction, theirs, ours, |message| known.password.sign(message))))
    }

    /// The answer to a check came from `source`. `Err`: why it is dropped.
    pub(super) fn check_answered(
        &mut self,
        source: RemoteSource,
        answer: &BindingSuccess<'_>,
        now: Instant,
    ) -> Result<(), Dropped> {
        if !self.paths.was_asked(source, &answer.transaction_id) {
            return Err(Dropped::StunUnasked);
        }
        if !self.theirs.iter().any(|ice| ice.password.answered(answer)) {
            return Err(Dropped::StunUnauthenticated);
        }
        self.heard = now;
        self.paths.answered(now);
        Ok(())
    }

    /// The parts that sending RTCP takes.
    pub(crate) fn seal_rtcp(&mut self, mut packet: Vec<u8>) -> Option<(Path, Vec<u8>)> {
        let path = *self.paths.path().filter(|_| !self.leaving)?;
        self.sealer.as_mut()?.seal_rtcp(&mut packet)?;
        Some((path, packet))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::data::DataTransport;

    /// Each subscriber has one of each, so a thousand of them are a thousand times this.
    #[test]
    fn peer_and_its_data_channels_take_less_than_a_kibibyte_each() {
        assert!(size_of::<Peer>() < 1024, "{}", size_of::<Peer>());
        assert!(size_of::<DataTransport>() < 1024, "{}", size_of::<DataTransport>());
    }
}
