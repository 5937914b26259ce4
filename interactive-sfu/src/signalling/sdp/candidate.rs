//! ICE candidates (RFC 8839 §5.1, RFC 6544): ours are written, a peer's are only checked, since ICE-lite never pings.

use std::fmt;
use std::net::SocketAddr;

use super::lines::{is_ice_string, is_token, printable};
use super::{SdpError, malformed};

/// The transport of a candidate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Transport {
    Udp,
    Tcp,
}

/// The kind of a candidate: how its address was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum CandidateKind {
    Host,
    ServerReflexive,
    PeerReflexive,
    Relayed,
}

/// The end that connects (RFC 6544 §4.5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum TcpType {
    Active,
    Passive,
    SimultaneousOpen,
}

/// One candidate. Displays as the value of `a=candidate`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Candidate {
    /// The foundation, 1 to 32 ice-chars.
    pub foundation: String,
    /// The component: 1 for RTP, and for everything under rtcp-mux.
    pub component: u16,
    /// The transport, UDP or TCP.
    pub transport: Transport,
    /// The priority (RFC 8445 §5.1.2.1).
    pub priority: u32,
    /// An IP address, or a name (mDNS) of a peer's.
    pub address: String,
    /// The port; 9 for active TCP.
    pub port: u16,
    /// The kind.
    pub kind: CandidateKind,
    /// The end that connects, of TCP alone.
    pub tcp_type: Option<TcpType>,
}

/// Our candidates, the most preferred first. All UDP before all TCP; each list in its caller's order of preference.
pub fn host_candidates(udp: &[SocketAddr], tcp_passive: &[SocketAddr]) -> Vec<Candidate> {
    let candidate = |(i, at): (usize, &SocketAddr), transport| {
        // Type preference 126 for UDP; TCP stands below every UDP candidate with 90, and as a passive one has
        // direction preference 4 in its local preference (RFC 6544 §4.2).
        let i = u32::try_from(i).unwrap_or(u32::MAX).min(0x1ffe);
        let (letter, type_preference, local_preference) = match transport {
            Transport::Udp => ('u', 126u32, 0xffff - i),
            Transport::Tcp => ('t', 90, (4 << 13) + 0x1fff - i),
        };
        Candidate {
            foundation: format!("{letter}{}", i + 1),
            component: 1,
            transport,
            priority: (type_preference << 24) | (local_preference << 8) | 255,
            address: at.ip().to_string(),
            port: at.port(),
            kind: CandidateKind::Host,
            tcp_type: (transport == Transport::Tcp).then_some(TcpType::Passive),
        }
    };
    let udp = udp.iter().enumerate().map(|at| candidate(at, Transport::Udp));
    udp.chain(tcp_passive.iter().enumerate().map(|at| candidate(at, Transport::Tcp))).collect()
}

impl Candidate {
    /// Reads the value of `a=candidate`. A browser's script gets one with `candidate:` before it, which is read too.
    pub fn parse(value: &str) -> Result<Self, SdpError> {
        let value = value.strip_prefix("candidate:").unwrap_or(value);
        Self::from_fields(value).map_or_else(|| malformed(format!("a=candidate:{}", printable(value))), Ok)
    }

    fn from_fields(value: &str) -> Option<Self> {
        let mut fields = value.split(' ');
        let mut next = || fields.next().filter(|f| !f.is_empty());
        let foundation = next().filter(|f| f.len() <= 32 && is_ice_string(f, 1))?.to_owned();
        let component = next()?.parse().ok().filter(|c| (1..=256).contains(c))?;
        let transport = match next()?.to_ascii_lowercase().as_str() {
            "udp" => Transport::Udp,
            "tcp" => Transport::Tcp,
            _ => return None,
        };
        let priority = next()?.parse().ok().filter(|p| (1..=0x7fff_ffff).contains(p))?;
        let address = next().filter(|a| a.len() <= 255 && is_address(a))?.to_owned();
        let port = next()?.parse().ok()?;
        let kind = match (next()?, next()?) {
            ("typ", "host") => CandidateKind::Host,
            ("typ", "srflx") => CandidateKind::ServerReflexive,
            ("typ", "prflx") => CandidateKind::PeerReflexive,
            ("typ", "relay") => CandidateKind::Relayed,
            _ => return None,
        };
        let mut tcp_type = None;
        while let Some(key) = next() {
            // Pairs of name and value (raddr, rport, generation, ufrag, network-cost…).
            let value = next()?;
            if key == "tcptype" {
                tcp_type = Some(match value {
                    "active" => TcpType::Active,
                    "passive" => TcpType::Passive,
                    "so" => TcpType::SimultaneousOpen,
                    _ => return None,
                });
            }
        }
        let whole = fields.next().is_none() && (transport == Transport::Tcp) == tcp_type.is_some();
        whole.then_some(Self { foundation, component, transport, priority, address, port, kind, tcp_type })
    }
}

fn is_address(text: &str) -> bool {
    is_token(text) || text.parse::<std::net::Ipv6Addr>().is_ok()
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let transport = match self.transport {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
        };
        let kind = match self.kind {
            CandidateKind::Host => "host",
            CandidateKind::ServerReflexive => "srflx",
            CandidateKind::PeerReflexive => "prflx",
            CandidateKind::Relayed => "relay",
        };
        let Self { foundation, component, priority, address, port, .. } = self;
        write!(f, "{foundation} {component} {transport} {priority} {address} {port} typ {kind}")?;
        match self.tcp_type {
            Some(TcpType::Active) => write!(f, " tcptype active"),
            Some(TcpType::Passive) => write!(f, " tcptype passive"),
            Some(TcpType::SimultaneousOpen) => write!(f, " tcptype so"),
            None => Ok(()),
        }
    }
}
