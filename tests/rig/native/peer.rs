//! One WebRTC peer of our own: offer and answer over WHIP or WHEP, ICE as a full agent, DTLS in either role, SRTP.
//!
//! For load and for clients that behave badly on purpose; real clients are Chromium and GStreamer. Blocking: the caller
//! owns the thread. One socket a peer, connected to the server. A peer keeps its SRTP contexts and little else once it
//! is up.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use rtc_srtp::context::Context;
use rtc_srtp::protection_profile::ProtectionProfile;

use crate::channels::Channels;
pub use crate::credentials::{Credentials, SrtpOffer};
use crate::dtls::{self, Dtls, Keys};
use crate::error::{Error, Result};
use crate::http::Http;
use crate::ice::{self, Agent, Role, Secret};
use crate::sdp::{Answer, Direction, Offer, Video};
use crate::session::Session;

/// Until a pair stands, checks follow each other so closely, each at the next candidate; as browsers do.
const FIRST_CHECK_INTERVAL: Duration = Duration::from_millis(50);
/// During the handshake checks go on so often.
const CHECK_INTERVAL: Duration = Duration::from_millis(250);
/// ICE and DTLS may take this long together.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// The longest datagram a peer reads, bytes.
pub const DATAGRAM_BYTES_MAX: usize = 2048;

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
    /// The server's description.
    pub answer: Answer,
    /// The session, to leave.
    pub session: Session,
    /// Where to send instead of to the description's candidates.
    pub via: Option<SocketAddr>,
    /// Our end of ICE.
    secret: Secret,
    role: Role,
    /// Bound, where our candidate was told.
    socket: Option<UdpSocket>,
}

impl Signalled {
    /// We offered, and `answer` came.
    pub(crate) fn answered(answer: Answer, session: Session, secret: Secret) -> Self {
        Self { answer, session, via: None, secret, role: Role::Controlling, socket: None }
    }

    /// They offered `offer`, and we have answered. A lite agent never controls (RFC 8445 §6.1.1).
    pub(crate) fn answering(offer: Answer, session: Session, secret: Secret) -> Self {
        let role = if offer.lite { Role::Controlling } else { Role::Controlled };
        Self { answer: offer, session, via: None, secret, role, socket: None }
    }

    /// The server knows this socket's address as our candidate.
    pub(crate) fn with_socket(mut self, socket: UdpSocket) -> Self {
        self.socket = Some(socket);
        self
    }

    /// Where to send checks, the likeliest first.
    fn servers(&self) -> Vec<SocketAddr> {
        let first = self.via.unwrap_or(self.answer.udp);
        let local = self.socket.as_ref().and_then(|socket| socket.local_addr().ok());
        let fits = |server: &SocketAddr| local.is_none_or(|local| local.is_ipv4() == server.is_ipv4());
        let further = self.answer.candidates.iter().filter(|_| self.via.is_none());
        std::iter::once(first).chain(further.copied().filter(|server| *server != first)).filter(fits).collect()
    }
}

/// Posts the offer; only a 201 is taken.
pub fn signal(http: &Http, credentials: &Credentials, request: &Request) -> Result<Signalled> {
    let secret = Secret::random();
    let offer = Offer {
        direction: request.direction,
        video: request.video,
        audio: request.audio,
        data: false,
        ufrag: secret.ufrag.clone(),
        pwd: secret.pwd.clone(),
        fingerprint: request.fingerprint.clone().unwrap_or_else(|| credentials.fingerprint().to_owned()),
        ssrc: request.ssrc,
    };
    let reply = http.offer(&request.path, request.token.as_deref(), offer.print().as_bytes())?;
    if reply.status != 201 {
        return Err(reply.unexpected(&http.url(&request.path)));
    }
    let location = reply.header("location").ok_or(Error::Answer("Location"))?.to_owned();
    let session = Session::new(location, request.token.clone());
    let signalled = Signalled::answered(Answer::parse(&reply.text())?, session, secret);
    Ok(Signalled { via: request.via, ..signalled })
}

/// A connected peer.
pub struct Peer {
    /// Connected to the server; blocking.
    pub socket: UdpSocket,
    /// The session, to leave.
    pub session: Session,
    /// The server's description.
    pub answer: Answer,
    /// The profile that the server chose.
    pub profile: ProtectionProfile,
    /// Encrypts what we send.
    pub tx: Context,
    /// Decrypts what we receive.
    pub rx: Context,
    server: SocketAddr,
    agent: Agent,
    /// DTLS goes on where the server may repeat its last flight or open data channels.
    pub(crate) inner: Option<Box<(Dtls, Channels)>>,
}

impl Peer {
    /// Signals and connects.
    pub fn join(http: &Http, credentials: &Credentials, request: &Request) -> Result<Self> {
        Self::connect(credentials, signal(http, credentials, request)?)
    }

    /// ICE, then DTLS, then SRTP keys.
    pub fn connect(credentials: &Credentials, mut signalled: Signalled) -> Result<Self> {
        let servers = signalled.servers();
        let socket = signalled.socket.take().map_or_else(|| bind_towards(&servers), Ok)?;
        socket.set_read_timeout(Some(Duration::from_millis(50))).map_err(Error::io("setting up a peer's socket"))?;
        let Signalled { answer, session, secret, role, .. } = signalled;
        let theirs = Secret { ufrag: answer.ufrag.clone(), pwd: answer.pwd.clone() };
        let mut agent = Agent::new(secret, theirs, role, credentials.provider.clone());
        let until = Instant::now() + CONNECT_MAX;
        let server = nominate(&socket, &servers, until, &mut agent)?;
        let local = socket.local_addr().map_err(Error::io("reading a peer's address"))?;
        let mut dtls = Dtls::new(answer.dtls, credentials, local)?;
        handshake(&socket, server, until, &mut dtls, &mut agent)?;
        let Keys { profile, tx, rx } = dtls.keys(credentials)?;
        let goes_on = answer.dtls == dtls::Role::Server || answer.text.contains("m=application");
        let inner = goes_on.then(|| Box::new((dtls, Channels::new())));
        Ok(Self { socket, session, answer, profile, tx, rx, server, agent, inner })
    }

    /// A connectivity check, which is also the consent to go on sending (RFC 7675 §5.1).
    pub fn binding_request(&self) -> Result<Vec<u8>> {
        self.agent.check()
    }

    /// Takes a datagram that is no media, and answers it: a check of the server's, or DTLS, in which it may open data
    /// channels.
    pub fn hear(&mut self, datagram: &[u8]) {
        if ice::is_stun(datagram) {
            if let Some(answer) = self.agent.hear(datagram, self.server) {
                let _ = self.socket.send(&answer);
            }
        } else if dtls::is_dtls(datagram)
            && let Some((dtls, channels)) = self.inner.as_deref_mut()
        {
            let (now, mut messages) = (Instant::now(), vec![]);
            // Records that are not authentic are nobody's.
            let _ = dtls.read(datagram, &mut messages);
            messages.into_iter().for_each(|message| channels.read(now, message));
            self.transmit(now);
        }
    }

    /// To be called every second or so, and sends whatever keeps the session alive but consent.
    pub fn beat(&mut self) {
        self.session.beat();
        let now = Instant::now();
        if let Some((_, channels)) = self.inner.as_deref_mut() {
            channels.handle_timeout(now);
            self.transmit(now);
        }
    }

    /// The server has ended the session: by DTLS, or on the signal connection.
    pub fn is_ended(&self) -> bool {
        self.session.is_ended() || self.inner.as_deref().is_some_and(|(dtls, _)| dtls.is_closed())
    }

    pub(crate) fn transmit(&mut self, now: Instant) {
        let Some((dtls, channels)) = self.inner.as_deref_mut() else { return };
        while let Some(packets) = channels.poll_transmit(now) {
            packets.iter().for_each(|packet| drop(dtls.write(packet)));
        }
        while let Some(datagram) = dtls.poll_transmit() {
            let _ = self.socket.send(&datagram);
        }
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

/// A socket of the servers' address family; which of our addresses it has is decided when it is connected.
fn bind_towards(servers: &[SocketAddr]) -> Result<UdpSocket> {
    let four = servers.first().is_none_or(SocketAddr::is_ipv4);
    let any = if four { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
    UdpSocket::bind((any, 0)).map_err(Error::io("binding a peer's socket"))
}

/// Checks one candidate after the other until the pair stands, and connects the socket to it.
fn nominate(socket: &UdpSocket, servers: &[SocketAddr], until: Instant, agent: &mut Agent) -> Result<SocketAddr> {
    let mut datagram = [0; DATAGRAM_BYTES_MAX];
    let (mut send_at, mut candidates) = (Instant::now(), servers.iter().cycle());
    while Instant::now() < until {
        if Instant::now() >= send_at
            && let Some(server) = candidates.next()
        {
            // A datagram that cannot be sent is no verdict: the next candidate may be of another network.
            let _ = socket.send_to(&agent.check()?, server);
            send_at = Instant::now() + FIRST_CHECK_INTERVAL;
        }
        let Ok((n, from)) = socket.recv_from(&mut datagram) else { continue };
        if !ice::is_stun(&datagram[..n]) {
            continue;
        }
        if let Some(answer) = agent.hear(&datagram[..n], from) {
            let _ = socket.send_to(&answer, from);
        }
        if agent.is_connected() {
            socket.connect(from).map_err(Error::io("connecting a peer's socket"))?;
            return Ok(from);
        }
    }
    Err(servers.first().map_or(Error::Answer("candidate of our address family"), |server| Error::Unreachable(*server)))
}

/// RFC 5764. Connectivity checks go on meanwhile: a server may take an address only from a check that it received.
fn handshake(socket: &UdpSocket, server: SocketAddr, until: Instant, dtls: &mut Dtls, agent: &mut Agent) -> Result<()> {
    let mut datagram = [0; DATAGRAM_BYTES_MAX];
    let mut check_at = Instant::now() + 2 * CHECK_INTERVAL;
    let mut done = false;
    while !done {
        while let Some(transmit) = dtls.poll_transmit() {
            let _ = socket.send(&transmit);
        }
        match socket.recv(&mut datagram) {
            Ok(n) if dtls::is_dtls(&datagram[..n]) => done = dtls.read(&datagram[..n], &mut vec![])?,
            Ok(n) if ice::is_stun(&datagram[..n]) => {
                if let Some(answer) = agent.hear(&datagram[..n], server) {
                    let _ = socket.send(&answer);
                }
            }
            Ok(_) => {}
            Err(_) => dtls.handle_timeout()?,
        }
        if Instant::now() > check_at {
            let _ = socket.send(&agent.check()?);
            check_at = Instant::now() + CHECK_INTERVAL;
        }
        if Instant::now() > until {
            return Err(Error::Dtls("not complete in time".into()));
        }
    }
    while let Some(transmit) = dtls.poll_transmit() {
        let _ = socket.send(&transmit);
    }
    Ok(())
}
