//! DTLS (RFC 6347, RFC 5764), on a thread of its own: a handshake takes most of a millisecond, and media does not wait for it.
//!
//! A shard forwards a peer's DTLS datagrams here once ICE has authenticated its address, and gets back datagrams to send, SRTP
//! keys when the handshake is complete and the certificate is the one of the offer, or the peer's end. Waiting datagrams are
//! bounded: further ones are dropped, and DTLS sends them again. Other tasks are as few as there are peers.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rtc_dtls::config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig};
use rtc_dtls::crypto::Certificate;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_dtls::state::State;
use rtc_shared::TransportProtocol;

use super::hello::{Peek, peek};
use super::profile::Profile;
use super::srtp::{Opener, Sealer, server_contexts};
use crate::error::StartError;
use crate::shard::inbox::{Inboxes, Order, PeerId};
use crate::signalling::sdp::Fingerprint;

/// Datagrams that wait for the thread.
const WAITING_MAX: usize = 8192;
/// Datagrams of one ClientHello.
const HELLO_DATAGRAMS_MAX: usize = 8;
/// RFC 6347's second is too patient for somebody who wants to see a picture.
const FLIGHT_INTERVAL: Duration = Duration::from_millis(200);
/// How often running handshakes are looked after.
const TIMER: Duration = Duration::from_millis(25);
/// What RFC 5764 §4.2 exports by.
const EXPORTER_LABEL: &str = "EXTRACTOR-dtls_srtp";
/// ICE may move the peer's real address; towards the library it never changes.
const REMOTE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 1);

/// What the thread is asked.
pub(crate) enum Task {
    /// A peer is expected, with this certificate.
    Expect(PeerId, Fingerprint),
    /// It sent this.
    Datagram(PeerId, BytesMut),
    /// We are done with it: say so, and forget it.
    Close(PeerId),
    /// End the thread, after what came before.
    Stop,
}

/// The way to the thread.
#[derive(Clone)]
pub(crate) struct Handshakes {
    tasks: Sender<Task>,
    waiting: Arc<AtomicUsize>,
}

impl Handshakes {
    /// A datagram, which may be dropped. `false`: it was.
    pub(crate) fn datagram(&self, peer: PeerId, datagram: &[u8]) -> bool {
        if self.waiting.load(Ordering::Relaxed) >= WAITING_MAX {
            return false;
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.tell(Task::Datagram(peer, BytesMut::from(datagram)));
        true
    }

    /// Anything else, which is never dropped.
    pub(crate) fn tell(&self, task: Task) {
        // The thread ends when it is told to, and then nobody needs it.
        drop(self.tasks.send(task));
    }
}

/// This server's certificate, and its configuration for each SRTP profile.
pub(crate) struct Identity {
    pub fingerprint: Fingerprint,
    gcm: Arc<HandshakeConfig>,
    cm: Arc<HandshakeConfig>,
}

impl Identity {
    /// Makes a certificate (ECDSA P-256, self-signed).
    pub(crate) fn generate() -> Result<Self, StartError> {
        let failed = |error: rtc_shared::error::Error| StartError::Certificate(error.to_string().into());
        let provider = Arc::new(rtc_dtls::crypto_provider::providers::AwsLcRsProvider::new());
        let crypto = rtc_dtls::crypto_provider::RTCCryptoProvider::crypto(&*provider);
        let certificate = Certificate::generate_self_signed(vec!["spillway".to_owned()], crypto).map_err(failed)?;
        let Some(der) = certificate.certificate.first() else {
            return Err(StartError::Certificate("no certificate".into()));
        };
        let fingerprint = fingerprint(der.as_ref());
        let config = |profile| {
            let builder = ConfigBuilder::default()
                .with_crypto_provider(provider.clone())
                .with_certificates(vec![certificate.clone()])
                .with_srtp_protection_profiles(vec![profile])
                .with_client_auth(ClientAuthType::RequireAnyClientCert)
                .with_insecure_skip_verify(true)
                .with_extended_master_secret(ExtendedMasterSecretType::Require)
                .with_flight_interval(FLIGHT_INTERVAL)
                .with_mtu(1200);
            builder.build(false, None).map(Arc::new).map_err(failed)
        };
        let gcm = config(SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm)?;
        let cm = config(SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80)?;
        Ok(Self { fingerprint, gcm, cm })
    }
}

fn fingerprint(der: &[u8]) -> Fingerprint {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, der);
    Fingerprint(digest.as_ref().try_into().unwrap_or_default())
}

/// Starts the thread. It ends at [`Task::Stop`].
pub(crate) fn start(
    identity: Arc<Identity>,
    shards: Inboxes,
) -> Result<(Handshakes, std::thread::JoinHandle<()>), StartError> {
    let (sender, tasks) = channel();
    let waiting = Arc::new(AtomicUsize::new(0));
    let handshakes = Handshakes { tasks: sender, waiting: waiting.clone() };
    let thread = std::thread::Builder::new().name("sfu-handshakes".into()).spawn(move || {
        Thread { identity, shards, waiting, peers: HashMap::new(), shaking: Vec::new() }.run(&tasks);
    });
    let thread = thread.map_err(|source| StartError::System { doing: "starting the handshake thread", source })?;
    Ok((handshakes, thread))
}

/// How far a peer is.
enum Stage {
    /// Until the ClientHello is whole.
    Hello(Vec<BytesMut>),
    Shaking(Profile),
    Done,
}

struct Peer {
    expected: Fingerprint,
    stage: Stage,
    endpoint: Endpoint,
}

struct Thread {
    identity: Arc<Identity>,
    shards: Inboxes,
    waiting: Arc<AtomicUsize>,
    peers: HashMap<PeerId, Peer>,
    shaking: Vec<PeerId>,
}

impl Thread {
    fn run(mut self, tasks: &Receiver<Task>) {
        let mut timers_at = Instant::now() + TIMER;
        loop {
            let wait = if self.shaking.is_empty() {
                Duration::from_secs(3600)
            } else {
                timers_at.saturating_duration_since(Instant::now())
            };
            match tasks.recv_timeout(wait) {
                Ok(Task::Expect(peer, expected)) => self.expect(peer, expected),
                Ok(Task::Datagram(peer, datagram)) => {
                    self.waiting.fetch_sub(1, Ordering::Relaxed);
                    self.datagram(peer, datagram);
                }
                Ok(Task::Close(peer)) => self.close(peer),
                Ok(Task::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if Instant::now() >= timers_at {
                timers_at = Instant::now() + TIMER;
                self.timers();
            }
        }
    }

    fn expect(&mut self, id: PeerId, expected: Fingerprint) {
        let endpoint = Endpoint::new(REMOTE, TransportProtocol::UDP, None);
        self.peers.insert(id, Peer { expected, stage: Stage::Hello(Vec::new()), endpoint });
    }

    fn datagram(&mut self, id: PeerId, datagram: BytesMut) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let mut ready = vec![datagram];
        if let Stage::Hello(held) = &mut peer.stage {
            held.append(&mut ready);
            match peek(held.iter().map(|d| &d[..])) {
                Peek::Incomplete if held.len() < HELLO_DATAGRAMS_MAX => return,
                Peek::Incomplete | Peek::Unusable => return held.clear(),
                Peek::Profile(profile) => {
                    ready.append(held);
                    let config = match profile {
                        Profile::AeadAes128Gcm => &self.identity.gcm,
                        Profile::Aes128CmSha1_80 => &self.identity.cm,
                    };
                    peer.endpoint.set_server_config(Some(config.clone()));
                    peer.stage = Stage::Shaking(profile);
                    self.shaking.push(id);
                }
            }
        }
        for datagram in ready {
            self.read(id, datagram);
        }
        self.transmit(id);
    }

    fn read(&mut self, id: PeerId, datagram: BytesMut) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        // An error concerns this datagram; a handshake that cannot go on runs into its time limit.
        let events = peer.endpoint.read(Instant::now(), REMOTE, None, datagram).unwrap_or_default();
        for event in events {
            match event {
                EndpointEvent::HandshakeComplete => self.complete(id),
                EndpointEvent::PeerClosed => self.gone(id),
                _ => {}
            }
        }
    }

    fn complete(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let Stage::Shaking(profile) = peer.stage else { return };
        match keys(&peer.endpoint, profile, peer.expected) {
            Ok(keys) => {
                peer.stage = Stage::Done;
                self.shards.order(id.shard, Order::Keys(id, Box::new(keys)));
            }
            Err(why) => {
                crate::metrics::dropped(why, 1);
                drop(peer.endpoint.stop(Instant::now(), REMOTE));
                self.transmit(id);
                self.gone(id);
            }
        }
    }

    /// The library's association is over. Whatever comes later finds no peer.
    fn gone(&mut self, id: PeerId) {
        self.transmit(id);
        self.peers.remove(&id);
        self.shards.order(id.shard, Order::Closed(id));
    }

    fn close(&mut self, id: PeerId) {
        if let Some(peer) = self.peers.get_mut(&id) {
            drop(peer.endpoint.stop(Instant::now(), REMOTE));
            self.transmit(id);
            self.peers.remove(&id);
        }
        self.shards.order(id.shard, Order::Forget(id));
    }

    fn transmit(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        while let Some(transmit) = peer.endpoint.poll_transmit() {
            self.shards.order(id.shard, Order::Datagram(id, transmit.message));
        }
    }

    fn timers(&mut self) {
        let now = Instant::now();
        let mut shaking = std::mem::take(&mut self.shaking);
        shaking.retain(|id| {
            let Some(peer) = self.peers.get_mut(id).filter(|p| matches!(p.stage, Stage::Shaking(_))) else {
                return false;
            };
            if peer.endpoint.poll_timeout(&REMOTE).is_some_and(|at| at <= now) {
                // An error means that it has tried often enough; its time limit ends it.
                drop(peer.endpoint.handle_timeout(REMOTE, now));
                self.transmit(*id);
            }
            true
        });
        self.shaking.append(&mut shaking);
    }
}

/// The keys of a completed handshake. Refused, with the reason to count: another certificate than the offer's, or none.
fn keys(endpoint: &Endpoint, profile: Profile, expected: Fingerprint) -> Result<(Sealer, Opener), &'static str> {
    let state: &State = endpoint.get_connection_state(REMOTE).ok_or("dtls_failed")?;
    let presented = state.peer_certificates.first().map(|der| fingerprint(der));
    if presented != Some(expected) {
        return Err("foreign_fingerprint");
    }
    let material =
        state.export_keying_material(EXPORTER_LABEL, &[], profile.keying_material_len()).map_err(|_| "dtls_failed")?;
    server_contexts(profile, material.as_ref()).ok_or("dtls_failed")
}
