//! The client behind a proxy: `X-Forwarded-For` is believed of proxies that the operator trusts, and of nobody else.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use http::HeaderMap;
use serde::{Deserialize, Serialize};

/// Addresses of proxies: one address, or a network, `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Proxies {
    network: IpAddr,
    bits: u8,
}

/// Not an address, nor a network.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is neither an address nor a network like 10.0.0.0/8")]
pub struct NotAddresses(String);

impl FromStr for Proxies {
    type Err = NotAddresses;

    fn from_str(text: &str) -> Result<Self, NotAddresses> {
        let wrong = || NotAddresses(text.to_owned());
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let network: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if network.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), |bits| bits.parse().map_err(|_| wrong()))?;
        if bits > most { Err(wrong()) } else { Ok(Self { network, bits }) }
    }
}

impl TryFrom<String> for Proxies {
    type Error = NotAddresses;

    fn try_from(text: String) -> Result<Self, NotAddresses> {
        text.parse()
    }
}

impl From<Proxies> for String {
    fn from(proxies: Proxies) -> Self {
        proxies.to_string()
    }
}

impl fmt::Display for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.bits)
    }
}

impl Proxies {
    /// This machine's own.
    pub(crate) fn local() -> Vec<Self> {
        let local = |network: [u8; 4]| Self { network: network.into(), bits: 8 };
        vec![local([127, 0, 0, 0]), Self { network: std::net::Ipv6Addr::LOCALHOST.into(), bits: 128 }]
    }

    /// Whether `address`, canonical, is one of them.
    pub(crate) fn contain(&self, address: IpAddr) -> bool {
        match (self.network, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => (network.to_bits() ^ address.to_bits())
                .checked_shr(32 - u32::from(self.bits))
                .is_none_or(|rest| rest == 0),
            (IpAddr::V6(network), IpAddr::V6(address)) => (network.to_bits() ^ address.to_bits())
                .checked_shr(128 - u32::from(self.bits))
                .is_none_or(|rest| rest == 0),
            _ => false,
        }
    }
}

/// The client of a request that came from `address`: itself, or the one that trusted proxies ask for. `None`: this
/// machine itself.
pub(crate) fn client_of(address: IpAddr, headers: &HeaderMap, trusted: &[Proxies]) -> Option<IpAddr> {
    let is_trusted = |address: IpAddr| trusted.iter().any(|proxies| proxies.contain(address));
    let mut client = address.to_canonical();
    // Each proxy adds, at the end, where a request came to it from.
    let told = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let told: Vec<&str> = told.flat_map(|value| value.split(',')).collect();
    let mut hops = told.iter().rev();
    let proxied = !told.is_empty();
    while is_trusted(client) {
        let Some(before) = hops.next().and_then(|hop| address_of(hop.trim())) else { break };
        client = before;
    }
    (proxied || !client.is_loopback()).then_some(client)
}

/// Some proxies give the port as well.
fn address_of(hop: &str) -> Option<IpAddr> {
    let bare = hop.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|address| address.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_networks_are_read_and_printed() {
        for (text, printed) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("192.0.2.1", "192.0.2.1/32"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("0.0.0.0/0", "0.0.0.0/0"),
        ] {
            assert_eq!(text.parse::<Proxies>().unwrap().to_string(), printed);
        }
        for wrong in ["", "proxy", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "/8"] {
            assert!(wrong.parse::<Proxies>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_trusted_proxies_speak_for_others() {
        let trusted: Vec<Proxies> = Proxies::local().into_iter().chain(["10.0.0.0/8".parse().unwrap()]).collect();
        let client = |address: &str, told: &[&str]| {
            let headers = told.iter().map(|value| ("x-forwarded-for".parse().unwrap(), value.parse().unwrap()));
            let client = client_of(address.parse().unwrap(), &HeaderMap::from_iter(headers), &trusted);
            client.map_or("this machine".into(), |client| client.to_string())
        };
        for (address, told, expected) in [
            ("192.0.2.1", &[][..], "192.0.2.1"),
            ("::ffff:192.0.2.1", &[], "192.0.2.1"),
            ("192.0.2.1", &["198.51.100.7"], "192.0.2.1"),
            ("127.0.0.1", &[], "this machine"),
            ("::1", &["192.0.2.1"], "192.0.2.1"),
            // A client may claim anything; what counts is what our own proxies saw.
            ("10.0.0.1", &["198.51.100.7, 192.0.2.1"], "192.0.2.1"),
            ("10.0.0.1", &["198.51.100.7", "192.0.2.1,10.2.3.4"], "192.0.2.1"),
            ("127.0.0.1", &["192.0.2.1:4711"], "192.0.2.1"),
            ("127.0.0.1", &["[2001:db8::1]:4711"], "2001:db8::1"),
            ("127.0.0.1", &["unknown"], "127.0.0.1"),
            ("10.0.0.1", &["127.0.0.1"], "127.0.0.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
        ] {
            assert_eq!(client(address, told), expected, "{address} {told:?}");
        }
    }

    #[test]
    fn all_of_a_network_and_nothing_else_is_trusted() {
        let contain = |text: &str, address: &str| text.parse::<Proxies>().unwrap().contain(address.parse().unwrap());
        assert!(contain("0.0.0.0/0", "192.0.2.1") && contain("10.0.0.0/8", "10.255.0.1") && contain("::1", "::1"));
        assert!(
            !contain("10.0.0.0/8", "11.0.0.1") && !contain("::/0", "192.0.2.1") && !contain("192.0.2.1", "192.0.2.2")
        );
    }
}
