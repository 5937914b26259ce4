//! Prefixes of IP addresses: the networks of proxies, and the addresses that a playback token holds for.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A prefix of IPv4 or IPv6 addresses: `192.0.2.0/24`, `2001:db8::/48`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AddressPrefix {
    /// Bits beyond the prefix are zero.
    address: IpAddr,
    bits: u8,
}

/// A text that is no prefix of addresses.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no address or prefix such as 192.0.2.0/24")]
pub struct BadAddressPrefix(String);

impl AddressPrefix {
    /// The addresses that share their first `bits` with this one. `None`: an address has fewer bits.
    pub(crate) fn new(address: IpAddr, bits: u8) -> Option<Self> {
        Some(Self { address: masked(address, bits)?, bits })
    }

    /// This machine's own addresses.
    pub(crate) fn loopback() -> Vec<Self> {
        let v4 = Self { address: Ipv4Addr::new(127, 0, 0, 0).into(), bits: 8 };
        vec![v4, Self { address: Ipv6Addr::LOCALHOST.into(), bits: 128 }]
    }

    /// Whether the address begins with this prefix. An IPv4 address that came over an IPv6 socket counts as IPv4.
    pub(crate) fn covers(self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && masked(address, self.bits) == Some(self.address)
    }

    /// The first address.
    pub(crate) fn address(self) -> IpAddr {
        self.address
    }

    /// The length of the prefix, bits.
    pub(crate) fn bits(self) -> u8 {
        self.bits
    }
}

fn masked(address: IpAddr, bits: u8) -> Option<IpAddr> {
    match address {
        IpAddr::V4(address) => {
            let host_bits = 32_u32.checked_sub(bits.into())?;
            let mask = u32::MAX.checked_shl(host_bits).unwrap_or(0);
            Some(Ipv4Addr::from_bits(address.to_bits() & mask).into())
        }
        IpAddr::V6(address) => {
            let host_bits = 128_u32.checked_sub(bits.into())?;
            let mask = u128::MAX.checked_shl(host_bits).unwrap_or(0);
            Some(Ipv6Addr::from_bits(address.to_bits() & mask).into())
        }
    }
}

impl FromStr for AddressPrefix {
    type Err = BadAddressPrefix;

    fn from_str(text: &str) -> Result<Self, BadAddressPrefix> {
        let prefix = match text.split_once('/') {
            None => text.parse().ok().map(|address: IpAddr| (address, if address.is_ipv4() { 32 } else { 128 })),
            Some((address, bits)) => address.parse().ok().zip(bits.parse().ok()),
        };
        let prefix = prefix.and_then(|(address, bits)| Self::new(address, bits));
        prefix.ok_or_else(|| BadAddressPrefix(text.to_owned()))
    }
}

impl TryFrom<String> for AddressPrefix {
    type Error = BadAddressPrefix;

    fn try_from(text: String) -> Result<Self, BadAddressPrefix> {
        text.parse()
    }
}

impl From<AddressPrefix> for String {
    fn from(prefix: AddressPrefix) -> Self {
        prefix.to_string()
    }
}

impl fmt::Display for AddressPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
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
            assert_eq!(text.parse::<AddressPrefix>().unwrap().to_string(), printed);
        }
        for wrong in ["", "proxy", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "/8"] {
            assert!(wrong.parse::<AddressPrefix>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn prefix_covers_its_network_and_nothing_else() {
        let covers =
            |text: &str, address: &str| text.parse::<AddressPrefix>().unwrap().covers(address.parse().unwrap());
        assert!(covers("0.0.0.0/0", "192.0.2.1") && covers("10.0.0.0/8", "10.255.0.1") && covers("::1", "::1"));
        assert!(!covers("10.0.0.0/8", "11.0.0.1") && !covers("::/0", "192.0.2.1") && !covers("192.0.2.1", "192.0.2.2"));
    }
}
