//! Our end of a peer connection, as descriptions name it: ICE credentials, fingerprint, and the addresses of its shard.

use std::net::{IpAddr, SocketAddr};

use crate::config::Config;
use crate::signalling::sdp::{
    Candidate, DtlsRole, Fingerprint, IceCredentials, LocalDescription, NegotiatedSection, host_candidates,
};
use crate::signalling::sdpfrag::restart_answer;
use plane::{LocalIce, RemoteIce};

/// Where one shard is reached.
pub(crate) struct ShardCandidates {
    /// By anybody.
    announced: Vec<Candidate>,
    /// By peers on this machine: behind 1:1 NAT what is announced leads nowhere from within.
    local: Vec<Candidate>,
}

impl ShardCandidates {
    /// Of a shard whose sockets are bound to `port` of each of `addresses`.
    pub(crate) fn new(config: &Config, addresses: &[IpAddr], port: u16) -> Self {
        let candidates = |addresses: &[IpAddr]| {
            let at: Vec<SocketAddr> = addresses.iter().map(|ip| SocketAddr::new(*ip, port)).collect();
            host_candidates(&at, if config.tcp { &at } else { &[] })
        };
        let announced = if config.announced_addresses.is_empty() { addresses } else { &config.announced_addresses };
        let beside = announced.iter().filter(|ip| !addresses.contains(ip));
        let local: Vec<IpAddr> = addresses.iter().chain(beside).copied().collect();
        Self { announced: candidates(announced), local: candidates(&local) }
    }
}

/// Our end of every transport.
pub(crate) struct OurEnd {
    pub fingerprint: Fingerprint,
    /// Each shard's.
    pub shards: Vec<ShardCandidates>,
}

impl OurEnd {
    pub(crate) fn candidates(&self, shard: u16, local: bool) -> &[Candidate] {
        let of_shard = self.shards.get(usize::from(shard));
        of_shard.map_or(&[], |of| if local { &of.local } else { &of.announced })
    }

    /// The answer to an offer. `session_id` stands in its `o=` line.
    pub(crate) fn answer(
        &self,
        ice: &LocalIce,
        shard: u16,
        local: bool,
        role: DtlsRole,
        session_id: u64,
        sections: Vec<NegotiatedSection>,
    ) -> String {
        let answer = LocalDescription {
            setup: role.into(),
            session_id,
            session_version: 1,
            ice: ice.into(),
            fingerprint: self.fingerprint,
            candidates: self.candidates(shard, local).to_vec(),
            sections,
        };
        answer.to_sdp()
    }

    /// The answer to an ICE restart; `line` and `mid` are those of the section that carries the transport.
    pub(crate) fn restart(&self, ice: &LocalIce, shard: u16, local: bool, (line, mid): &(String, String)) -> String {
        restart_answer(&ice.into(), line, mid, self.candidates(shard, local))
    }
}

impl From<&LocalIce> for IceCredentials {
    fn from(ice: &LocalIce) -> Self {
        Self { ufrag: ice.ufrag.clone(), pwd: ice.pwd.clone() }
    }
}

impl From<&IceCredentials> for RemoteIce {
    fn from(ice: &IceCredentials) -> Self {
        Self { ufrag: ice.ufrag.clone(), pwd: ice.pwd.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_of_this_machine_are_told_its_own_addresses_too() {
        let ip = |text: &str| -> IpAddr { text.parse().unwrap() };
        let config = Config { announced_addresses: vec![ip("203.0.113.1")], tcp: false, ..Config::default() };
        let candidates = ShardCandidates::new(&config, &[ip("10.0.0.5")], 7000);
        let texts = |of: &[Candidate]| of.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert!(matches!(&texts(&candidates.announced)[..], [only] if only.contains("203.0.113.1 7000")));
        assert!(matches!(&texts(&candidates.local)[..], [own, _] if own.contains("10.0.0.5 7000")));
    }
}
