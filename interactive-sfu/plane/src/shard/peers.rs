//! The peers of a shard: found by address, by ICE user fragment, or by serial number.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::head::Link;
use super::net::RemoteSource;
use super::paths::Request;
use super::peer::Peer;
use super::publisher::Publisher;
use super::subscriber::Subscriber;
use super::subscription::Subscription;
use crate::config::Config;
use crate::dropped::Dropped;
use crate::ids::PeerId;
use crate::order::NewPeer;
use crate::transport::ice::serial_of;
use crate::transport::password::Password;
use crate::transport::stun::BindingRequest;

/// The effect of a binding request.
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
        let id = new.id;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        self.by_serial.insert(id.serial, slot);
        self.slots[slot] = Some(Box::new(Peer::new(new, config, now)));
    }

    pub(crate) fn remove(&mut self, slot: usize) -> Option<Box<Peer>> {
        let peer = self.slots.get_mut(slot)?.take()?;
        self.free.push(slot);
        self.by_serial.remove(&peer.id.serial);
        for source in peer.paths.sources() {
            self.by_origin.remove(&source);
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
        Ok((slot, peer.authenticate(request)?))
    }

    /// An authentic binding request of this peer came from `origin`. `consent`: for how long an address stays proven
    /// without being heard. `Err`: why it is dropped.
    pub(crate) fn bind(
        &mut self,
        slot: usize,
        origin: RemoteSource,
        request: &BindingRequest<'_>,
        consent: Duration,
        now: Instant,
    ) -> Result<Bound, Dropped> {
        let peer = self.get_mut(slot).ok_or(Dropped::UnknownUfrag)?;
        let facts = Request { transaction: request.transaction_id, nominates: request.nominates };
        let heard = peer.paths.heard(origin, facts, consent, now).ok_or(Dropped::StunReplayed)?;
        peer.heard = now;
        if request.nominates || heard.reachable {
            peer.note_pair(request);
        }
        let bound = Bound { reachable: heard.reachable.then_some(peer.id), gone: heard.gone };
        if let Some(gone) = heard.gone {
            self.by_origin.remove(&gone);
        }
        // An address belongs to the peer that proved last that it is theirs.
        if heard.is_new
            && let Some(other) = self.by_origin.insert(origin, slot).filter(|other| *other != slot)
            && let Some(other) = self.get_mut(other)
        {
            other.paths.lose(origin);
        }
        Ok(bound)
    }

    /// A connection is over: whoever used it is not there any more.
    pub(crate) fn unbind(&mut self, origin: RemoteSource) {
        if let Some(slot) = self.by_origin.remove(&origin)
            && let Some(peer) = self.get_mut(slot)
        {
            peer.paths.lose(origin);
        }
    }

    /// A section of a connected subscriber, and the way to it.
    #[inline]
    pub(crate) fn subscription(&mut self, slot: usize, section: usize) -> Option<(&mut Subscription, Link<'_>)> {
        let peer = self.get_mut(slot)?;
        let (Some(path), Some(sealer), Some(subscriber)) = (peer.paths.path(), &peer.sealer, &mut peer.subscriber)
        else {
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
    use crate::transport::stun::check;

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

    fn bind(peers: &mut Peers, slot: usize, transaction: u8, now: Instant) {
        let password = Password::new("0123456789012345678901");
        let message = check([transaction; 12], "ours", "theirs", |m| password.sign(m));
        let request = BindingRequest::parse(&message).unwrap();
        peers.bind(slot, origin(1), &request, Duration::from_secs(15), now).unwrap();
    }

    #[test]
    fn peer_is_sent_nothing_at_an_address_that_became_another_peers() {
        let (mut peers, now) = peers(2);
        bind(&mut peers, 0, 1, now);
        bind(&mut peers, 1, 2, now);
        let path_of = |peers: &mut Peers, slot| peers.get_mut(slot).unwrap().paths.path().is_some();
        assert!(!path_of(&mut peers, 0) && path_of(&mut peers, 1));
        peers.unbind(origin(1));
        assert!(!path_of(&mut peers, 1) && peers.at(origin(1)).is_none());
    }
}
