//! The peers of a shard: found by address, by ICE user fragment, or by serial number.

use std::collections::HashMap;
use std::time::Instant;

use super::head::Link;
use super::net::{Path, RemoteSource};
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
use crate::transport::ice::{LocalIce, serial_of};
use crate::transport::password::Password;
use crate::transport::srtp::{Opener, Sealer};
use crate::transport::stun::BindingRequest;

/// Addresses a peer may use at a time: its candidate pairs while ICE decides.
const ORIGINS_MAX: usize = 16;

/// Packets that a peer may ask for again, a second and at once: a keyframe of every picture of a large room.
const NACKS_PER_SECOND: f64 = 2000.0;
const NACKS_BURST: f64 = 2000.0;

/// One side of an ICE session, ours.
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
    pub path: Option<Path>,
    /// The one of `origins` that `path` leads to.
    in_use: Option<RemoteSource>,
    origins: Vec<RemoteSource>,
    pub sealer: Option<Sealer>,
    pub opener: Option<Opener>,
    /// What it publishes; none before it does.
    pub publisher: Option<Box<Publisher>>,
    /// What it is sent; none before it is.
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
    pub(crate) fn is_connected(&self) -> bool {
        self.opener.is_some() && !self.leaving
    }

    /// Whether a section of it awaits its first sender report.
    pub(crate) fn awaits_report(&self) -> bool {
        let Some(subscriber) = &self.subscriber else { return false };
        self.is_connected() && subscriber.sections.iter().any(Subscription::awaits_report)
    }

    fn use_origin(&mut self, origin: Option<RemoteSource>) {
        (self.in_use, self.path) = (origin, origin.map(RemoteSource::path));
    }

    /// It is not reached there any more.
    fn lose(&mut self, origin: RemoteSource) {
        self.origins.retain(|other| *other != origin);
        if self.in_use == Some(origin) {
            self.use_origin(None);
        }
    }

    /// The parts that sending RTCP takes.
    pub(crate) fn seal_rtcp(&mut self, mut packet: Vec<u8>) -> Option<(Path, Vec<u8>)> {
        let path = self.path.filter(|_| !self.leaving)?;
        self.sealer.as_mut()?.seal_rtcp(&mut packet)?;
        Some((path, packet))
    }
}

/// What came of a binding request.
#[derive(Default)]
pub(crate) struct Bound {
    /// The peer, if there was no way to it before.
    pub reachable: Option<PeerId>,
    /// An origin that the peer does not have any more.
    pub gone: Option<RemoteSource>,
}

/// All of them.
#[derive(Default)]
pub(crate) struct Peers {
    slots: Vec<Option<Box<Peer>>>,
    free: Vec<usize>,
    by_serial: HashMap<u32, usize>,
    by_origin: HashMap<RemoteSource, usize>,
}

impl Peers {
    pub(crate) fn add(&mut self, new: NewPeer, config: &Config, now: Instant) {
        let NewPeer { id, ice, tracks, sections } = new;
        let publisher = (!tracks.is_empty()).then(|| Box::new(Publisher::new(tracks, config)));
        let subscriber = (!sections.is_empty()).then(|| Box::new(Subscriber::new(sections)));
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        self.by_serial.insert(id.serial, slot);
        self.slots[slot] = Some(Box::new(Peer {
            id,
            ice: ice.into(),
            ice_before: None,
            path: None,
            in_use: None,
            origins: Vec::new(),
            sealer: None,
            opener: None,
            publisher,
            subscriber,
            quality: QualityMeter::default(),
            dtls_waiting: Waiting::default(),
            nacks: Pace::new(NACKS_PER_SECOND, NACKS_BURST),
            added: now,
            heard: now,
            leaving: false,
        }));
    }

    pub(crate) fn remove(&mut self, slot: usize) -> Option<Box<Peer>> {
        let peer = self.slots.get_mut(slot)?.take()?;
        self.free.push(slot);
        self.by_serial.remove(&peer.id.serial);
        for origin in &peer.origins {
            self.by_origin.remove(origin);
        }
        Some(peer)
    }

    pub(crate) fn slots(&self) -> usize {
        self.slots.len()
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, slot: usize) -> Option<&mut Peer> {
        self.slots.get_mut(slot)?.as_deref_mut()
    }

    #[inline]
    pub(crate) fn publisher(&mut self, slot: usize) -> Option<&mut Publisher> {
        self.get_mut(slot)?.publisher.as_deref_mut()
    }

    #[inline]
    pub(crate) fn subscriber(&mut self, slot: usize) -> Option<&mut Subscriber> {
        self.get_mut(slot)?.subscriber.as_deref_mut()
    }

    pub(crate) fn slot_of(&self, id: PeerId) -> Option<usize> {
        self.by_serial.get(&id.serial).copied()
    }

    #[inline]
    pub(crate) fn at(&self, origin: RemoteSource) -> Option<usize> {
        self.by_origin.get(&origin).copied()
    }

    /// Checks a binding request. `Err`: why it is dropped.
    pub(crate) fn authenticate(&mut self, request: &BindingRequest<'_>) -> Result<(usize, Password), Dropped> {
        let serial = serial_of(request.local_ufrag).ok_or(Dropped::UnknownUfrag)?;
        let slot = self.by_serial.get(&serial).copied().ok_or(Dropped::UnknownUfrag)?;
        let peer = self.get_mut(slot).filter(|p| !p.leaving).ok_or(Dropped::UnknownUfrag)?;
        if peer.ice.ufrag == request.local_ufrag {
            if !peer.ice.password.made(request) {
                return Err(Dropped::StunUnauthenticated);
            }
            peer.ice_before = None;
            return Ok((slot, peer.ice.password.clone()));
        }
        let before =
            peer.ice_before.as_ref().filter(|ice| ice.ufrag == request.local_ufrag).ok_or(Dropped::UnknownUfrag)?;
        if before.password.made(request) {
            Ok((slot, before.password.clone()))
        } else {
            Err(Dropped::StunUnauthenticated)
        }
    }

    pub(crate) fn restart_ice(&mut self, slot: usize, ice: LocalIce) {
        if let Some(peer) = self.get_mut(slot) {
            let before = std::mem::replace(&mut peer.ice, ice.into());
            // Two restarts in a row: what was in use is the oldest one still known.
            peer.ice_before.get_or_insert(before);
        }
    }

    /// An authentic binding request of this peer came from `origin`.
    pub(crate) fn bind(&mut self, slot: usize, origin: RemoteSource, nominated: bool, now: Instant) -> Bound {
        let mut bound = Bound::default();
        let Some(peer) = self.slots.get_mut(slot).and_then(Option::as_mut) else { return bound };
        bound.reachable = peer.path.is_none().then_some(peer.id);
        peer.heard = now;
        if nominated || peer.path.is_none() {
            peer.use_origin(Some(origin));
        }
        if peer.origins.contains(&origin) {
            return bound;
        }
        if peer.origins.len() >= ORIGINS_MAX {
            // Media goes on where it goes.
            let oldest = peer.origins.iter().position(|origin| Some(*origin) != peer.in_use);
            if let Some(oldest) = oldest.map(|at| peer.origins.remove(at)) {
                self.by_origin.remove(&oldest);
                bound.gone = Some(oldest);
            }
        }
        peer.origins.push(origin);
        // An address belongs to who proved last that it is theirs.
        if let Some(other) = self.by_origin.insert(origin, slot).filter(|other| *other != slot)
            && let Some(other) = self.get_mut(other)
        {
            other.lose(origin);
        }
        bound
    }

    /// A connection is over: whoever used it is not there any more.
    pub(crate) fn unbind(&mut self, origin: RemoteSource) {
        if let Some(slot) = self.by_origin.remove(&origin)
            && let Some(peer) = self.get_mut(slot)
        {
            peer.lose(origin);
        }
    }

    /// A section of a connected subscriber, and the way to it.
    #[inline]
    pub(crate) fn subscription(&mut self, slot: usize, section: usize) -> Option<(&mut Subscription, Link<'_>)> {
        let peer = self.get_mut(slot)?;
        let (Some(path), Some(sealer), Some(subscriber)) = (&peer.path, &peer.sealer, &mut peer.subscriber) else {
            return None;
        };
        if peer.leaving {
            return None;
        }
        Some((subscriber.sections.get_mut(section)?, Link { path, sealer }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::ice::local_ice;

    fn peers(count: u32) -> (Peers, Instant) {
        let (mut peers, now) = (Peers::default(), Instant::now());
        (0..count).for_each(|serial| {
            peers.add(NewPeer::bare(PeerId { shard: 0, serial }, local_ice(serial)), &Config::default(), now)
        });
        (peers, now)
    }

    fn origin(port: u16) -> RemoteSource {
        RemoteSource::Udp(0, std::net::SocketAddr::from(([127, 0, 0, 1], port)))
    }

    #[test]
    fn slots_of_peers_that_left_are_used_again() {
        let (mut peers, now) = peers(3);
        assert!(peers.remove(1).is_some() && peers.remove(1).is_none());
        for serial in 3..5 {
            peers.add(NewPeer::bare(PeerId { shard: 0, serial }, local_ice(serial)), &Config::default(), now);
        }
        let slot_of = |serial| peers.slot_of(PeerId { shard: 0, serial });
        assert_eq!((slot_of(3), slot_of(4), peers.slots()), (Some(1), Some(3), 4));
    }

    #[test]
    fn one_candidate_pair_too_many_replaces_the_oldest_that_is_not_in_use() {
        let (mut peers, now) = peers(1);
        for port in 0..ORIGINS_MAX as u16 {
            assert_eq!(peers.bind(0, origin(port), port == 0, now).gone, None);
        }
        assert_eq!(peers.bind(0, origin(100), false, now).gone, Some(origin(1)));
        assert_eq!((peers.at(origin(0)), peers.at(origin(1)), peers.at(origin(100))), (Some(0), None, Some(0)));
        assert_eq!(peers.get_mut(0).unwrap().in_use, Some(origin(0)));
    }

    #[test]
    fn nothing_is_sent_to_an_address_that_became_another_peers() {
        let (mut peers, now) = peers(2);
        peers.bind(0, origin(1), true, now);
        peers.bind(1, origin(1), true, now);
        assert!(peers.get_mut(0).unwrap().path.is_none() && peers.get_mut(1).unwrap().path.is_some());
        peers.unbind(origin(1));
        assert!(peers.get_mut(1).unwrap().path.is_none() && peers.at(origin(1)).is_none());
    }
}
