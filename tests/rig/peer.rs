//! One WebRTC peer of our own: offer and answer over WHIP or WHEP, ICE, DTLS as the client, SRTP.
//!
//! For load and for clients that behave badly on purpose; real clients are Chromium and GStreamer. Blocking: the caller owns
//! the thread. One socket a peer, connected to the server. A peer keeps its SRTP contexts and little else once it is up.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rtc_dtls::config::{ConfigBuilder, HandshakeConfig};
use rtc_dtls::crypto::Certificate;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::TransportProtocol;
use rtc_srtp::config::{Config as SrtpConfig, LABEL_EXTRACTOR_DTLS_SRTP};
use rtc_srtp::context::Context;
use rtc_srtp::crypto::providers::AwsLcRsProvider;
use rtc_srtp::crypto::{HashAlgorithm, RTCCryptoProvider};
use rtc_srtp::protection_profile::ProtectionProfile;

use crate::error::{Error, Result};
use crate::http::Http;
use crate::ice;
use crate::sdp::{Answer, Direction, Offer, Video};
use crate::session::Session;

/// A connectivity check is repeated after this.
const CHECK_INTERVAL: Duration = Duration::from_millis(250);
/// ICE and DTLS may take this long together.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// The longest datagram a peer reads, bytes.
pub const DATAGRAM_BYTES_MAX: usize = 2048;

/// What the client lists in its ClientHello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SrtpOffer {
    /// AES-CM and then AEAD-AES-128-GCM, in the order browsers list them.
    Gcm,
    /// AES-CM-128-HMAC-SHA1-80 alone, as GStreamer 1.22 has it.
    CmOnly,
}

/// The certificate and DTLS settings, shared by any number of peers: making a certificate for each would cost more than all
/// else.
#[derive(Clone)]
pub struct Credentials {
    provider: Arc<AwsLcRsProvider>,
    config: Arc<HandshakeConfig>,
    fingerprint: String,
}

impl Credentials {
    /// A new certificate and the settings for it.
    pub fn new(offer: SrtpOffer) -> Result<Self> {
        let provider = Arc::new(AwsLcRsProvider::new());
        let dtls = |e: rtc_shared::error::Error| Error::Dtls(e.to_string());
        let certificate = Certificate::generate_self_signed(vec!["rig".to_owned()], provider.crypto()).map_err(dtls)?;
        let digest = provider.crypto().hash(HashAlgorithm::Sha256, certificate.certificate[0].as_ref());
        let digest = digest.map_err(|e| Error::Dtls(e.to_string()))?;
        let fingerprint = digest.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":");
        let profiles = match offer {
            SrtpOffer::Gcm => {
                vec![SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80, SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm]
            }
            SrtpOffer::CmOnly => vec![SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80],
        };
        let config = ConfigBuilder::default()
            .with_crypto_provider(provider.clone())
            .with_certificates(vec![certificate])
            .with_srtp_protection_profiles(profiles)
            .with_insecure_skip_verify(true)
            .with_flight_interval(Duration::from_millis(200))
            .build(true, None)
            .map_err(dtls)?;
        Ok(Self { provider, config: Arc::new(config), fingerprint })
    }

    /// SHA-256 of the certificate, as it stands in an offer.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

/// What to ask for, and how to deviate from what is right.
#[derive(Clone, Debug)]
pub struct Request {
    /// Path and query: `/whip/demo`.
    pub path: String,
    /// The bearer token.
    pub token: Option<String>,
    /// Which way media goes.
    pub direction: Direction,
    /// The video codec.
    pub video: Option<Video>,
    /// Whether sound, too.
    pub audio: bool,
    /// The SSRC to publish with.
    pub ssrc: u32,
    /// Put this fingerprint into the offer instead of our certificate's.
    pub fingerprint: Option<String>,
    /// Send everything here instead of to the server's candidate: a relay.
    pub via: Option<SocketAddr>,
}

impl Request {
    /// A plain VP8 publisher or viewer.
    pub fn vp8(path: &str, token: Option<String>, direction: Direction) -> Self {
        let (path, ssrc) = (path.to_owned(), rand::random::<u32>() >> 1 | 1);
        Self { path, token, direction, video: Some(Video::Vp8), audio: false, ssrc, fingerprint: None, via: None }
    }
}

/// An offer that was answered, before any datagram.
pub struct Signalled {
    /// The server's answer.
    pub answer: Answer,
    /// The session, to leave.
    pub session: Session,
    /// Where to send instead of to the answer's candidate.
    pub via: Option<SocketAddr>,
    ufrag: String,
}

impl Signalled {
    pub(crate) fn new(answer: Answer, session: Session, ufrag: String) -> Self {
        Self { answer, session, via: None, ufrag }
    }
}

/// Posts the offer; only a 201 is taken.
pub fn signal(http: &Http, credentials: &Credentials, request: &Request) -> Result<Signalled> {
    let ufrag = format!("{:08x}", rand::random::<u32>());
    let offer = Offer {
        direction: request.direction,
        video: request.video,
        audio: request.audio,
        ufrag: ufrag.clone(),
        pwd: format!("{:016x}{:016x}", rand::random::<u64>(), rand::random::<u64>()),
        fingerprint: request.fingerprint.clone().unwrap_or_else(|| credentials.fingerprint.clone()),
        ssrc: request.ssrc,
    };
    let reply = http.offer(&request.path, request.token.as_deref(), offer.print().as_bytes())?;
    if reply.status != 201 {
        return Err(reply.unexpected(&http.url(&request.path)));
    }
    let location = reply.header("location").ok_or(Error::Answer("Location"))?.to_owned();
    let session = Session::new(location, request.token.clone());
    Ok(Signalled { answer: Answer::parse(&reply.text())?, session, ufrag, via: request.via })
}

/// A connected peer.
pub struct Peer {
    /// Connected to the server; blocking.
    pub socket: UdpSocket,
    /// The session, to leave.
    pub session: Session,
    /// What the server answered.
    pub answer: Answer,
    /// The profile that the server chose.
    pub profile: ProtectionProfile,
    /// Encrypts what we send.
    pub tx: Context,
    /// Decrypts what we receive.
    pub rx: Context,
    username: String,
    provider: Arc<AwsLcRsProvider>,
}

impl Peer {
    /// Signals and connects.
    pub fn join(http: &Http, credentials: &Credentials, request: &Request) -> Result<Self> {
        Self::connect(credentials, signal(http, credentials, request)?)
    }

    /// ICE, then DTLS, then SRTP keys.
    pub fn connect(credentials: &Credentials, signalled: Signalled) -> Result<Self> {
        let Signalled { answer, session, ufrag, via } = signalled;
        let server = via.unwrap_or(answer.udp);
        let local = if server.is_ipv4() { "127.0.0.1" } else { "::1" };
        let socket = UdpSocket::bind((local, 0)).map_err(Error::io("binding a peer's socket"))?;
        socket.connect(server).map_err(Error::io("connecting a peer's socket"))?;
        socket.set_read_timeout(Some(Duration::from_millis(50))).map_err(Error::io("setting up a peer's socket"))?;
        let username = format!("{}:{ufrag}", answer.ufrag);
        let until = Instant::now() + CONNECT_MAX;
        let check = || ice::binding_request(&username, &answer.pwd, credentials.provider.crypto());
        nominate(&socket, server, until, check)?;
        let (profile, tx, rx) = handshake(&socket, server, until, credentials, check)?;
        let provider = credentials.provider.clone();
        Ok(Self { socket, session, answer, profile, tx, rx, username, provider })
    }

    /// A connectivity check, which is also the consent to go on sending (RFC 7675 §5.1).
    pub fn binding_request(&self) -> Result<Vec<u8>> {
        ice::binding_request(&self.username, &self.answer.pwd, self.provider.crypto())
    }

    /// Encrypts and sends one RTP packet. A full socket buffer loses it, as a network would.
    pub fn send_rtp(&mut self, packet: &[u8]) -> Result<()> {
        let sealed = self.tx.encrypt_rtp(packet).map_err(|e| Error::Srtp(e.to_string()))?;
        let _ = self.socket.send(&sealed);
        Ok(())
    }

    /// Encrypts and sends one RTCP compound.
    pub fn send_rtcp(&mut self, compound: &[u8]) -> Result<()> {
        let sealed = self.tx.encrypt_rtcp(compound).map_err(|e| Error::Srtp(e.to_string()))?;
        let _ = self.socket.send(&sealed);
        Ok(())
    }
}

/// Repeats the check until one is answered.
fn nominate(socket: &UdpSocket, server: SocketAddr, until: Instant, check: impl Fn() -> Result<Vec<u8>>) -> Result<()> {
    let mut datagram = [0; DATAGRAM_BYTES_MAX];
    let mut send_at = Instant::now();
    while Instant::now() < until {
        if Instant::now() >= send_at {
            // A refused datagram (ICMP) is no verdict: the server may be about to bind.
            let _ = socket.send(&check()?);
            send_at = Instant::now() + CHECK_INTERVAL;
        }
        if socket.recv(&mut datagram).is_ok_and(|n| ice::is_binding_success(&datagram[..n])) {
            return Ok(());
        }
    }
    Err(Error::Unreachable(server))
}

/// RFC 5764. Connectivity checks go on meanwhile: a server may take an address only from a check that it received.
fn handshake(
    socket: &UdpSocket,
    server: SocketAddr,
    until: Instant,
    credentials: &Credentials,
    check: impl Fn() -> Result<Vec<u8>>,
) -> Result<(ProtectionProfile, Context, Context)> {
    let dtls = |e: rtc_shared::error::Error| Error::Dtls(e.to_string());
    let local = socket.local_addr().map_err(Error::io("reading a peer's address"))?;
    let mut endpoint = Endpoint::new(local, TransportProtocol::UDP, None);
    endpoint.connect(Instant::now(), server, credentials.config.clone(), None).map_err(dtls)?;
    let mut datagram = [0; DATAGRAM_BYTES_MAX];
    let mut check_at = Instant::now() + 2 * CHECK_INTERVAL;
    let mut done = false;
    while !done {
        while let Some(transmit) = endpoint.poll_transmit() {
            let _ = socket.send(&transmit.message);
        }
        match socket.recv(&mut datagram) {
            Ok(n) if (20..64).contains(&datagram[0]) => {
                let events =
                    endpoint.read(Instant::now(), server, None, BytesMut::from(&datagram[..n])).map_err(dtls)?;
                if events.iter().any(|event| matches!(event, EndpointEvent::PeerClosed)) {
                    return Err(Error::Dtls("the server closed it".into()));
                }
                done = events.iter().any(|event| matches!(event, EndpointEvent::HandshakeComplete));
            }
            Ok(_) => {}
            Err(_) => endpoint.handle_timeout(server, Instant::now()).map_err(dtls)?,
        }
        if Instant::now() > check_at {
            let _ = socket.send(&check()?);
            check_at = Instant::now() + CHECK_INTERVAL;
        }
        if Instant::now() > until {
            return Err(Error::Dtls("not complete in time".into()));
        }
    }
    while let Some(transmit) = endpoint.poll_transmit() {
        let _ = socket.send(&transmit.message);
    }
    contexts(&endpoint, server, credentials)
}

/// RFC 5764 §4.2: the keys of both directions, from the exporter.
fn contexts(
    endpoint: &Endpoint,
    server: SocketAddr,
    credentials: &Credentials,
) -> Result<(ProtectionProfile, Context, Context)> {
    let srtp = |e: rtc_shared::error::Error| Error::Srtp(e.to_string());
    let state = endpoint.get_connection_state(server).ok_or(Error::Dtls("the association is gone".into()))?;
    let profile = match state.srtp_protection_profile() {
        SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm => ProtectionProfile::AeadAes128Gcm,
        SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
        other => return Err(Error::Srtp(format!("the server chose {other:?}"))),
    };
    let mut config = SrtpConfig { profile, ..SrtpConfig::default() };
    let material = state.export_keying_material(LABEL_EXTRACTOR_DTLS_SRTP, &[], config.keying_material_len());
    let material = material.map_err(|e| Error::Srtp(e.to_string()))?;
    config.set_session_keys_from_keying_material(material.as_ref(), true).map_err(srtp)?;
    let (keys, crypto) = (config.keys, credentials.provider.crypto());
    let tx =
        Context::new(&keys.local_master_key, &keys.local_master_salt, profile, None, None, crypto).map_err(srtp)?;
    let rx =
        Context::new(&keys.remote_master_key, &keys.remote_master_salt, profile, None, None, crypto).map_err(srtp)?;
    Ok((profile, tx, rx))
}
