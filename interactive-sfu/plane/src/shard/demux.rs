//! From a datagram to its peer and its protocol (RFC 7983).

use std::net::SocketAddr;
use std::time::Duration;

use super::Shard;
use super::head::Stamp;
use super::head::wall_clock_ntp;
use super::inbox::Relayed;
use super::net::RemoteSource;
use super::peers::Bound;
use crate::dropped::Dropped;
use crate::media::rtcp::{self, Message};
use crate::media::rtp::Header;
use crate::transport::dtls::HandshakeTask;
use crate::transport::srtp::Refused;
use crate::transport::stun::{BindingRequest, BindingSuccess, is_indication, is_success};
use crate::transport::tcp::{ConnectionId, Judgement};

/// Packets of one connection before the others have their turn.
const PACKETS_PER_TURN: usize = 64;

impl Shard {
    /// A connection's turn: one read, and so many packets. It takes a further turn when there may be more.
    pub(super) fn turn_of(&mut self, connection: ConnectionId, scratch: &mut [u8]) {
        let Some(remote) = self.net.connections.remote(connection) else { return };
        let (mut packets, mut read) = (0, false);
        let closed = loop {
            if packets == PACKETS_PER_TURN {
                return self.net.connections.wants_turn(connection);
            }
            match self.net.connections.packet(connection, scratch) {
                Err(()) => break Dropped::TcpFraming,
                Ok(Some(len)) => {
                    packets += 1;
                    let taken = self.datagram(RemoteSource::Tcp(connection), remote, &mut scratch[..len]);
                    let judgement = taken.map_or_else(judgement, |()| Judgement::Sensible);
                    if let Err(why) = self.net.connections.judge(connection, judgement) {
                        break why;
                    }
                }
                Ok(None) if read => return self.net.connections.wants_turn(connection),
                Ok(None) => match self.net.connections.read(connection, scratch) {
                    None => return self.close_connection(connection),
                    Some(more) if !more => return,
                    Some(_) => read = true,
                },
            }
        };
        self.counters.drop_one(closed);
        self.close_connection(connection);
    }

    /// A datagram from `source`, or a packet of a TCP connection. `Err`: why it was dropped.
    pub(super) fn datagram(
        &mut self,
        origin: RemoteSource,
        source: SocketAddr,
        bytes: &mut [u8],
    ) -> Result<(), Dropped> {
        self.counters.received_packets += 1;
        self.counters.received_bytes += bytes.len() as u64;
        let taken = match bytes.first() {
            Some(0..=3) => self.stun(origin, source, bytes),
            Some(20..=63) => self.dtls(origin, bytes),
            // RTP and RTCP share a port; packet types 64 to 95 with the marker bit are RTCP's (RFC 5761 §4).
            Some(128..=191) if bytes.get(1).is_some_and(|kind| (192..=223).contains(kind)) => self.rtcp(origin, bytes),
            Some(128..=191) => self.rtp(origin, bytes),
            _ => Err(Dropped::NotOurs),
        };
        if let Err(reason) = taken {
            self.counters.drop_one(reason);
        }
        taken
    }

    fn stun(&mut self, origin: RemoteSource, source: SocketAddr, bytes: &[u8]) -> Result<(), Dropped> {
        if is_indication(bytes) {
            return Ok(());
        }
        if is_success(bytes) {
            return self.check_answered(origin, bytes);
        }
        let request = BindingRequest::parse(bytes).ok_or(Dropped::StunMalformed)?;
        let (slot, password) = self.peers.authenticate(&request)?;
        let consent = Duration::from_millis(self.config.silence_ms_max.into());
        let Bound { reachable, gone } = self.peers.bind(slot, origin, &request, consent, self.now)?;
        if let Some(peer) = reachable {
            self.dtls.tell(HandshakeTask::Reachable { peer });
        }
        if let Some(RemoteSource::Tcp(unused)) = gone {
            self.net.connections.close(unused);
        }
        if let RemoteSource::Tcp(connection) = origin
            && let Some(oldest) = self.net.connections.belongs_to(connection, slot)
        {
            self.counters.drop_one(Dropped::TcpTooManyOfPeer);
            self.close_connection(oldest);
        }
        self.net.push(&origin.path(), &request.success(source, |message| password.sign(message)));
        self.check(slot);
        Ok(())
    }

    /// Sends the check that is due, if one is: whether the peer receives at an address that it nominated.
    pub(super) fn check(&mut self, slot: usize) {
        let now = self.now;
        let Some(peer) = self.peers.get_mut(slot).filter(|peer| !peer.leaving) else { return };
        if let Some((path, message)) = peer.poll_check(now) {
            self.net.push(&path, &message);
        }
        if peer.paths.awaits_answer() {
            self.checking.insert(slot);
        }
    }

    fn check_answered(&mut self, origin: RemoteSource, bytes: &[u8]) -> Result<(), Dropped> {
        let answer = BindingSuccess::parse(bytes).ok_or(Dropped::StunMalformed)?;
        let slot = self.peers.at(origin).ok_or(Dropped::UnknownAddress)?;
        let peer = self.peers.get_mut(slot).filter(|peer| !peer.leaving).ok_or(Dropped::UnknownAddress)?;
        peer.check_answered(origin, &answer, self.now)
    }

    fn dtls(&mut self, origin: RemoteSource, bytes: &[u8]) -> Result<(), Dropped> {
        let slot = self.peers.at(origin).ok_or(Dropped::UnknownAddress)?;
        let peer = self.peers.get_mut(slot).filter(|p| !p.leaving).ok_or(Dropped::UnknownAddress)?;
        self.dtls.datagram(peer.id, peer.opener.is_some(), &peer.dtls_waiting, bytes)
    }

    fn rtp(&mut self, origin: RemoteSource, bytes: &mut [u8]) -> Result<(), Dropped> {
        let slot = self.peers.at(origin).ok_or(Dropped::UnknownAddress)?;
        let header = Header::parse(bytes).ok_or(Dropped::MalformedRtp)?;
        let now = self.now;
        let peer = self.peers.get_mut(slot).filter(|p| !p.leaving).ok_or(Dropped::UnknownAddress)?;
        let opener = peer.opener.as_mut().ok_or(Dropped::BeforeDtls)?;
        let (len, index) = opener.open_rtp(bytes, header.len, header.ssrc, header.sequence).map_err(Dropped::Srtp)?;
        peer.heard(origin, now);
        let publisher = peer.publisher.as_mut().ok_or(Dropped::NotPublishing)?;
        let Some(received) = publisher.receive(&header, &bytes[..len], index, now)? else { return Ok(()) };
        let Some(track) = publisher.tracks.get(received.track) else { return Ok(()) };
        let id = track.id();
        for shard in &track.followers {
            if !self
                .inboxes
                .relay(*shard, Relayed::Packet { track: id, source: received.layer, packet: received.packet.clone() })
            {
                self.counters.drop_one(Dropped::RelayFull);
            }
        }
        if let Some(fanout) = self.fanouts.get_mut(&id) {
            if !fanout.has_pending() {
                self.pending.push(id);
            }
            fanout.push(received.layer, &received.packet);
        }
        Ok(())
    }

    fn rtcp(&mut self, origin: RemoteSource, bytes: &mut [u8]) -> Result<(), Dropped> {
        let slot = self.peers.at(origin).ok_or(Dropped::UnknownAddress)?;
        let now = self.now;
        let peer = self.peers.get_mut(slot).filter(|p| !p.leaving).ok_or(Dropped::UnknownAddress)?;
        let opener = peer.opener.as_mut().ok_or(Dropped::BeforeDtls)?;
        let len = opener.open_rtcp(bytes).map_err(Dropped::Srtp)?;
        peer.heard(origin, now);
        for message in rtcp::messages(&bytes[..len]) {
            match message {
                Message::SenderReport { ssrc, ntp, rtp } => self.sender_report(slot, ssrc, ntp, rtp),
                Message::Nack { ssrc, items } => self.nack(slot, ssrc, items),
                Message::KeyframeRequest { ssrc } => self.keyframe_request(slot, ssrc),
                Message::ReceptionReport { ssrc, fraction_lost, highest_sequence, last_sr, delay_since_last_sr } => {
                    self.subscriber_lost(slot, ssrc, (fraction_lost, highest_sequence));
                    self.subscriber_answered(slot, ssrc, (last_sr, delay_since_last_sr));
                }
                Message::Remb(bits_per_second) => self.estimate(slot, bits_per_second),
                // A bye ends a source; the session ends by DTLS or HTTP.
                _ => {}
            }
        }
        Ok(())
    }

    fn sender_report(&mut self, slot: usize, ssrc: u32, ntp: u64, rtp: u32) {
        let now = self.now;
        let Some(publisher) = self.peers.publisher(slot) else { return };
        let Some((track, layer, mapping)) = publisher.sender_report(ssrc, ntp, rtp, now) else { return };
        let Some(track) = publisher.tracks.get(track) else { return };
        let id = track.id();
        for shard in &track.followers {
            self.inboxes.relay(*shard, Relayed::Clock { track: id, source: layer, clock: mapping });
        }
        self.learn_clock(id, layer, mapping);
    }

    pub(super) fn nack(&mut self, slot: usize, ssrc: u32, items: &[u8]) {
        // The work is bounded before it is done.
        let asked = rtcp::nacked(items).count();
        let taken = self.peers.get_mut(slot).map_or(0, |peer| peer.nacks.take_up_to(asked, self.now));
        self.counters.drop_many(Dropped::NackTooMany, (asked - taken) as u64);
        let stamp = Stamp::new(self.now, wall_clock_ntp());
        let Some(section) = self.section_of(slot, ssrc) else { return };
        let Some((subscription, _)) = self.peers.subscription(slot, section) else { return };
        let Some(fanout) = subscription.source.as_ref().and_then(|s| self.fanouts.get(&s.track)) else { return };
        for sequence in rtcp::nacked(items).take(taken) {
            let Some((subscription, link)) = self.peers.subscription(slot, section) else { return };
            if subscription.resend(sequence, &fanout.layers, &link, &mut self.net, &stamp) {
                self.counters.retransmitted += 1;
            }
        }
    }

    fn keyframe_request(&mut self, slot: usize, ssrc: u32) {
        self.counters.keyframes_asked += 1;
        let Some(section) = self.section_of(slot, ssrc) else { return };
        self.want_keyframe(slot, section);
    }

    pub(super) fn estimate(&mut self, slot: usize, bits_per_second: u64) {
        let Some(subscriber) = self.peers.subscriber(slot) else { return };
        subscriber.estimated(bits_per_second);
        // With the next tick, however many estimates come until then.
        self.undecided.insert(slot);
    }

    fn subscriber_lost(&mut self, slot: usize, ssrc: u32, (fraction, highest): (u8, u32)) {
        let Some(subscriber) = self.peers.subscriber(slot) else { return };
        if let Some(section) = subscriber.sections.iter_mut().find(|section| section.ssrc == ssrc) {
            let covered = section.covered(highest);
            subscriber.losses.reported(fraction, covered);
        }
    }

    /// A reception report tells how long the way is.
    fn subscriber_answered(&mut self, slot: usize, ssrc: u32, (last_sr, delay): (u32, u32)) {
        let now = self.now;
        let Some(peer) = self.peers.get_mut(slot) else { return };
        let section = peer.subscriber.as_ref().and_then(|s| s.sections.iter().find(|section| section.ssrc == ssrc));
        if let Some(round_trip) = section.and_then(|section| section.round_trip(last_sr, delay, now)) {
            peer.quality.took(round_trip);
        }
    }

    fn section_of(&mut self, slot: usize, ssrc: u32) -> Option<usize> {
        self.peers.subscriber(slot)?.sections.iter().position(|s| s.ssrc == ssrc || s.rtx_ssrc == ssrc)
    }
}

/// A verdict on the sender of a dropped packet.
fn judgement(dropped: Dropped) -> Judgement {
    match dropped {
        Dropped::StunUnauthenticated | Dropped::UnknownUfrag => Judgement::Unauthenticated,
        Dropped::NotOurs | Dropped::StunMalformed | Dropped::MalformedRtp | Dropped::UnknownAddress => {
            Judgement::Nonsense
        }
        Dropped::Srtp(Refused::Short | Refused::Replayed | Refused::Forged) => Judgement::Nonsense,
        _ => Judgement::Sensible,
    }
}
