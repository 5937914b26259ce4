//! URLs of this server, made from the addresses that it is bound to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The URL by which a browser on this machine opens `bound`, without a slash at its end. Browsers allow cameras on
/// `localhost` without TLS.
pub(crate) fn local_url(scheme: &str, bound: SocketAddr) -> String {
    let host = match bound.ip() {
        ip if ip.is_unspecified() || ip.is_loopback() => "localhost".to_owned(),
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    format!("{scheme}://{host}:{}", bound.port())
}

/// The URL by which clients within this process reach `bound`, without a slash at its end.
pub(crate) fn loopback_url(bound: SocketAddr) -> String {
    let ip = match bound.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, bound.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_url_opens_in_a_browser_on_this_machine() {
        for (address, url) in [
            ("0.0.0.0:8080", "http://localhost:8080"),
            ("127.0.0.1:80", "http://localhost:80"),
            ("[::]:80", "http://localhost:80"),
            ("192.0.2.1:80", "http://192.0.2.1:80"),
            ("[2001:db8::1]:80", "http://[2001:db8::1]:80"),
        ] {
            assert_eq!(local_url("http", address.parse().unwrap()), url);
        }
    }

    #[test]
    fn loopback_url_reaches_every_bound_address_from_within() {
        for (address, url) in [
            ("0.0.0.0:8080", "http://127.0.0.1:8080"),
            ("[::]:80", "http://[::1]:80"),
            ("127.0.0.1:80", "http://127.0.0.1:80"),
            ("192.0.2.1:80", "http://192.0.2.1:80"),
        ] {
            assert_eq!(loopback_url(address.parse().unwrap()), url);
        }
    }
}
