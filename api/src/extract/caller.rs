//! The client that asks: where it comes from, also through proxies.
//!
//! `X-Forwarded-For` is believed of the proxies that the operator trusts, and of no other client.

use std::net::{IpAddr, SocketAddr};

use http::header::{FORWARDED, HOST, VIA};
use http::request::Parts;
use http::{HeaderMap, HeaderName};

use crate::address_prefix::AddressPrefix;
use crate::{Config, Error};

/// Headers by which a proxy says that it asks for somebody else.
const OF_PROXIES: [HeaderName; 4] =
    [FORWARDED, VIA, HeaderName::from_static("x-forwarded-for"), HeaderName::from_static("x-real-ip")];

/// The other end of a request's connection; put into its extensions by [`crate::server`].
#[derive(Clone, Copy)]
pub(crate) struct Caller {
    pub(crate) address: SocketAddr,
    /// Came by HTTPS.
    pub(crate) tls: bool,
}

impl Caller {
    /// The client's address: that of the connection, or the one that a trusted proxy asks for.
    pub(crate) fn client(self, config: &Config, headers: &HeaderMap) -> IpAddr {
        let address = self.address.ip();
        self.stranger(config, headers).unwrap_or_else(|| address.to_canonical())
    }

    /// The same; `None`: this machine itself asks, and not a proxy on it.
    pub(crate) fn stranger(self, config: &Config, headers: &HeaderMap) -> Option<IpAddr> {
        client_of(self.address.ip(), headers, &config.trusted_proxies)
    }
}

/// This server's URL as clients see it, without a slash at its end: the configured one, else the host that this request
/// came to.
pub(crate) fn public_url(config: &Config, head: &Parts) -> Result<String, Error> {
    if let Some(url) = &config.public_url {
        return Ok(url.clone());
    }
    let header = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
    let host = header(HOST).or(head.uri.authority().map(|host| host.as_str()));
    let host = host.ok_or(Error::Malformed("the request has no Host".into()))?;
    let tls = head.extensions.get::<Caller>().is_some_and(|caller| caller.tls);
    // A proxy that ends TLS for us says so.
    let https = tls || header(HeaderName::from_static("x-forwarded-proto")) == Some("https");
    Ok(format!("{}://{host}", if https { "https" } else { "http" }))
}

/// The client of a request that came from `address`: itself, or the one that trusted proxies ask for. `None`: this
/// machine itself.
fn client_of(address: IpAddr, headers: &HeaderMap, trusted: &[AddressPrefix]) -> Option<IpAddr> {
    let is_trusted = |address: IpAddr| trusted.iter().any(|proxies| proxies.covers(address));
    let mut client = address.to_canonical();
    // Each proxy adds, at the end, where a request came to it from.
    let told = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let told: Vec<&str> = told.flat_map(|value| value.split(',')).collect();
    let mut hops = told.iter().rev();
    while is_trusted(client) {
        let Some(before) = hops.next().and_then(|hop| address_of(hop.trim())) else { break };
        client = before;
    }
    let is_proxied = OF_PROXIES.iter().any(|name| headers.contains_key(name));
    (is_proxied || !client.is_loopback()).then_some(client)
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
    fn proxy_on_this_machine_is_not_taken_for_its_client() {
        let is_local = |ip: &str, headers: &HeaderMap| {
            let caller = Caller { address: SocketAddr::new(ip.parse().unwrap(), 1), tls: false };
            caller.stranger(&Config::default(), headers).is_none()
        };
        let proxied =
            |name: &'static str| HeaderMap::from_iter([(name.parse().unwrap(), "for=192.0.2.1".parse().unwrap())]);
        assert!(is_local("127.0.0.1", &HeaderMap::new()) && is_local("::ffff:127.0.0.1", &HeaderMap::new()));
        assert!(!is_local("192.0.2.1", &HeaderMap::new()));
        for name in ["forwarded", "x-forwarded-for", "via", "x-real-ip"] {
            assert!(!is_local("::1", &proxied(name)), "{name}");
        }
    }

    #[test]
    fn public_url_is_the_configured_one_or_else_the_host_of_the_request() {
        let found = |url: &str, tls: bool, proto: &str, public_url: Option<&str>| {
            let request = http::Request::get(url).header("x-forwarded-proto", proto);
            let request = if url.starts_with('/') { request.header("host", "a.example:8") } else { request };
            let (mut head, ()) = request.body(()).unwrap().into_parts();
            head.extensions.insert(Caller { address: SocketAddr::from(([127, 0, 0, 1], 1)), tls });
            let config = Config { public_url: public_url.map(str::to_owned), ..Config::default() };
            super::public_url(&config, &head).unwrap()
        };
        assert_eq!(found("/", false, "", None), "http://a.example:8");
        assert_eq!(found("/", true, "", None), "https://a.example:8");
        assert_eq!(found("/", false, "https", None), "https://a.example:8");
        assert_eq!(found("http://b.example/", false, "", None), "http://b.example", "HTTP/2 has no Host");
        assert_eq!(found("/", true, "https", Some("http://c.example")), "http://c.example");
    }

    #[test]
    fn forwarded_address_is_believed_from_trusted_proxies_only() {
        let trusted: Vec<AddressPrefix> =
            AddressPrefix::loopback().into_iter().chain(["10.0.0.0/8".parse().unwrap()]).collect();
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
}
