//! Counts the connections of each address, so that one host cannot hold all of them.
//!
//! The table has at most one entry a connection: an address without connections is forgotten.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use interactive_sfu::Network;

use crate::address_prefix::AddressPrefix;

/// The connections that are open, by network.
#[derive(Clone)]
pub(crate) struct Addresses {
    open: Open,
    each_max: u32,
    /// Proxies hold connections for many clients.
    exempt: Arc<[AddressPrefix]>,
}

#[derive(Clone, Default)]
struct Open(Arc<Mutex<HashMap<Network, u32>>>);

impl Open {
    fn lock(&self) -> MutexGuard<'_, HashMap<Network, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection of an address, counted until this is dropped. `None`: it is a trusted proxy's, which is not counted.
pub(crate) struct Counted(Option<(Open, Network)>);

impl Addresses {
    /// At most `each_max` connections from a network; from `exempt`, any number.
    pub(crate) fn new(each_max: u32, exempt: &[AddressPrefix]) -> Self {
        Self { open: Open::default(), each_max, exempt: exempt.into() }
    }

    /// Counts one more connection from `address`. `None`: the address holds as many as it may.
    pub(crate) fn count(&self, address: IpAddr) -> Option<Counted> {
        let address = address.to_canonical();
        if self.exempt.iter().any(|proxies| proxies.covers(address)) {
            return Some(Counted(None));
        }
        let network = Network::from(address);
        let mut open = self.open.lock();
        let connections = open.entry(network).or_default();
        if *connections >= self.each_max {
            return None;
        }
        *connections += 1;
        Some(Counted(Some((self.open.clone(), network))))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let Some((open, network)) = &self.0 else { return };
        let mut open = open.lock();
        if let Some(connections) = open.get_mut(network) {
            *connections -= 1;
            if *connections == 0 {
                open.remove(network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_at_its_limit_gets_no_connection_until_one_of_its_own_ends() {
        let addresses = Addresses::new(2, &[]);
        let count = |address: &str| addresses.count(address.parse().unwrap());
        let (first, _second) = (count("192.0.2.1").unwrap(), count("::ffff:192.0.2.1").unwrap());
        assert!(count("192.0.2.1").is_none());
        assert!(count("192.0.2.2").is_some(), "others have their own");
        drop(first);
        assert!(count("192.0.2.1").is_some());
    }

    #[test]
    fn network_of_64_bits_is_one_address_of_ipv6() {
        let addresses = Addresses::new(1, &[]);
        let _held = addresses.count("2001:db8:1:2::1".parse().unwrap()).unwrap();
        assert!(addresses.count("2001:db8:1:2:ffff::9".parse().unwrap()).is_none());
        assert!(addresses.count("2001:db8:1:3::1".parse().unwrap()).is_some());
    }

    #[test]
    fn trusted_proxy_is_not_counted_and_idle_address_is_forgotten() {
        let addresses = Addresses::new(1, &AddressPrefix::loopback());
        let held: Vec<_> = (0..3).filter_map(|_| addresses.count("127.0.0.1".parse().unwrap())).collect();
        assert_eq!(held.len(), 3);
        drop(addresses.count("192.0.2.1".parse().unwrap()));
        assert!(addresses.open.lock().is_empty());
    }
}
