//! Limits on the rate of joins, by network address and by identity, and of players' reports, by address.
//!
//! [`JoinLimits`] is asked before the SFU is; its tables are bounded. [`Limiter`] is a generic cell rate algorithm
//! (ITU-T I.371): one instant a key, no queue, and `now` comes in.

use std::collections::HashMap;
use std::convert::Infallible;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use access::{Identity, RoomName};
use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::request::Parts;
use interactive_sfu::Network;

use crate::extract::Caller;
use crate::{Config, Error, metrics};

/// Joins at once, as a multiple of those of a second: a crowd comes when the doors open.
const BURST_SECONDS: u32 = 10;
/// Keys that a table holds. Further keys are not limited; the ones in the table still are.
const KEYS_MAX: usize = 65_536;
/// The interval between two searches of a full table for keys that have rested.
const SWEEP: Duration = Duration::from_millis(100);

/// Allows each key so many requests a second, and more at once after a rest.
#[derive(Debug)]
struct Limiter<K> {
    interval: Duration,
    burst: Duration,
    /// The moment when each key will have rested: its burst is whole again.
    rested_at: HashMap<K, Instant>,
    sweep_at: Option<Instant>,
}

impl<K: Eq + Hash> Limiter<K> {
    fn new(per_second: u32) -> Self {
        let interval = Duration::from_secs(1) / per_second.max(1);
        let burst = interval * (per_second * BURST_SECONDS).saturating_sub(1);
        Self { interval, burst, rested_at: HashMap::new(), sweep_at: None }
    }

    /// Counts one more request of `key`. `Err`: one too many, and the time until one is allowed.
    fn take(&mut self, key: K, now: Instant) -> Result<(), Duration> {
        let rested_at = self.rested_at.get(&key).copied().unwrap_or(now).max(now);
        let ahead = rested_at - now;
        if ahead > self.burst {
            return Err(ahead - self.burst);
        }
        if self.rested_at.len() >= KEYS_MAX && self.sweep_at.is_none_or(|at| at <= now) {
            self.sweep_at = Some(now + SWEEP);
            self.rested_at.retain(|_, at| *at > now);
        }
        if self.rested_at.len() < KEYS_MAX || self.rested_at.contains_key(&key) {
            self.rested_at.insert(key, rested_at + self.interval);
        }
        Ok(())
    }
}

/// The joins and reports that clients have made lately.
#[derive(Debug)]
pub(crate) struct JoinLimits {
    config: Config,
    by_network: Mutex<Limiter<Network>>,
    /// A room and an identity in it.
    by_identity: Mutex<Limiter<(RoomName, Identity)>>,
    reports_by_network: Mutex<Limiter<Network>>,
}

impl JoinLimits {
    pub(crate) fn new(config: &Config) -> Arc<Self> {
        Arc::new(Self {
            by_network: Mutex::new(Limiter::new(config.joins_per_address_second_max)),
            by_identity: Mutex::new(Limiter::new(config.joins_per_identity_second_max)),
            reports_by_network: Mutex::new(Limiter::new(config.reports_per_address_second_max)),
            config: config.clone(),
        })
    }
}

/// A client at the door.
pub(crate) struct Joiner {
    /// The request's connection; `None` in tests without a socket.
    caller: Option<Caller>,
    limits: Option<Arc<JoinLimits>>,
}

impl<S: Sync> FromRequestParts<S> for Joiner {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let extensions = &parts.extensions;
        Ok(Self { caller: extensions.get::<Caller>().copied(), limits: extensions.get::<Arc<JoinLimits>>().cloned() })
    }
}

impl Joiner {
    /// Whether the client itself is on this machine, and not just the proxy that asks for it.
    pub(crate) fn is_local(&self, headers: &HeaderMap) -> bool {
        let (Some(caller), Some(limits)) = (self.caller, &self.limits) else { return false };
        caller.stranger(&limits.config, headers).is_none()
    }

    /// The client's address; `None` in tests without a socket.
    pub(crate) fn address(&self, config: &Config, headers: &HeaderMap) -> Option<IpAddr> {
        self.caller.map(|caller| caller.client(config, headers))
    }

    /// Counts a join of the client's address, before the token is read.
    pub(crate) fn check_address(&self, headers: &HeaderMap) -> Result<(), Error> {
        let (Some(caller), Some(limits)) = (self.caller, &self.limits) else { return Ok(()) };
        // Clients on this machine are not limited.
        let Some(client) = caller.stranger(&limits.config, headers) else { return Ok(()) };
        take(&limits.by_network, client.into(), "address")
    }

    /// Counts so many reports of a player at the client's address. Where one is too many, so are those after it.
    pub(crate) fn count_reports(&self, headers: &HeaderMap, count: usize) -> Result<(), Error> {
        let (Some(caller), Some(limits)) = (self.caller, &self.limits) else { return Ok(()) };
        let Some(client) = caller.stranger(&limits.config, headers) else { return Ok(()) };
        let mut limiter = limits.reports_by_network.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let taken = (0..count).try_for_each(|_| limiter.take(client.into(), now));
        taken.map_err(|wait| {
            metrics::cmcd("limited");
            Error::TooManyReports { retry_after_s: whole_seconds(wait) }
        })
    }

    /// Counts a join of the identity, once the token has been verified.
    pub(crate) fn check_identity(&self, room: &RoomName, identity: &Identity, ours: bool) -> Result<(), Error> {
        let Some(limits) = self.limits.as_ref().filter(|_| !ours) else { return Ok(()) };
        take(&limits.by_identity, (room.clone(), identity.clone()), "identity")
    }
}

fn take<K: Eq + Hash>(limiter: &Mutex<Limiter<K>>, key: K, by: &'static str) -> Result<(), Error> {
    let taken = limiter.lock().unwrap_or_else(PoisonError::into_inner).take(key, Instant::now());
    taken.map_err(|wait| {
        metrics::join_limited(by);
        Error::TooOften { by, retry_after_s: whole_seconds(wait) }
    })
}

/// Rounded up, so that whoever waits so long is taken.
fn whole_seconds(wait: Duration) -> u32 {
    u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn burst_is_allowed_after_a_rest_and_then_the_configured_rate() {
        let (mut limiter, start) = (Limiter::new(5), Instant::now());
        let mut passed = |ms: u64, asked: u32| {
            (0..asked).filter(|_| limiter.take("a", start + Duration::from_millis(ms)).is_ok()).count()
        };
        assert_eq!([passed(0, 1000), passed(199, 10), passed(200, 10), passed(1000, 10)], [50, 0, 1, 4]);
        assert_eq!([passed(11_000, 1000), passed(3_600_000, 1000)], [50, 50]);
        assert_eq!(limiter.take("b", start), Ok(()), "others have their own");
        let wait = limiter.take("a", start + Duration::from_millis(3_600_000)).unwrap_err();
        assert!(wait <= Duration::from_millis(200), "{wait:?}");
    }

    #[test]
    fn table_of_keys_is_bounded_and_forgets_rested_keys() {
        let (mut limiter, start) = (Limiter::new(5), Instant::now());
        for key in 0..KEYS_MAX + 1000 {
            assert_eq!(limiter.take(key, start), Ok(()));
        }
        assert_eq!(limiter.rested_at.len(), KEYS_MAX);
        let refused = (0..1000).filter(|_| limiter.take(0, start).is_err()).count();
        assert_eq!(refused, 1000 - 49, "those that are noted stay limited");
        assert_eq!(limiter.take(usize::MAX, start + Duration::from_secs(1)), Ok(()));
        assert_eq!(limiter.rested_at.len(), 2, "the busy one and the new one");
    }
}
