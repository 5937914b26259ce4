//! Settings of `/metrics`: its address, and the token that its readers need.

use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::Config;
use crate::ConfigFault;
use crate::ice_servers::is_header_safe;

/// The shortest token that takes long to guess, bytes.
const TOKEN_BYTES_MIN: usize = 16;

/// The address of `/metrics`, and the token that its readers need. `Debug` leaves the token out.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MetricsAccess {
    /// An address of its own, in the clear: `127.0.0.1:9090`. Metrics name no user and no room but public ones; with an
    /// address or a token of their own they name the others too. They tell how busy the server is; and the watch
    /// page's latency table reads them. Default none: beside everything else.
    pub address: Option<SocketAddr>,
    /// A token that has to be presented as `Authorization: Bearer …`, at least 16 bytes. Default none.
    pub token: String,
}

impl fmt::Debug for MetricsAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsAccess").field("address", &self.address).finish_non_exhaustive()
    }
}

impl MetricsAccess {
    /// Refuses what cannot work beside the rest of the configuration, naming the key.
    pub(super) fn validate(&self, config: &Config) -> Result<(), ConfigFault> {
        let taken = [Some(config.http), config.tls.as_ref().map(|tls| tls.address)];
        // With port 0 the system chooses, and chooses differently.
        if self.address.is_some_and(|address| address.port() != 0 && taken.contains(&Some(address))) {
            return Err(ConfigFault::new("metrics.address", "must differ from http and tls.address"));
        }
        if !self.token.is_empty() && (self.token.len() < TOKEN_BYTES_MIN || !is_header_safe(&self.token)) {
            let sentence = "bytes long and hold no quotes, brackets, commas or blanks";
            return Err(ConfigFault::new("metrics.token", format!("must be at least {TOKEN_BYTES_MIN} {sentence}")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_in_debug_output_is_left_out() {
        let access = MetricsAccess { token: "0123456789abcdef".into(), ..MetricsAccess::default() };
        assert!(!format!("{access:?}").contains("0123456789abcdef"));
    }

    #[test]
    fn address_with_port_0_differs_from_every_other() {
        let mut config = Config { http: SocketAddr::from(([127, 0, 0, 1], 0)), ..Config::default() };
        config.metrics.address = Some(config.http);
        assert_eq!(config.metrics.validate(&config), Ok(()));
    }
}
