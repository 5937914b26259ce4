//! One attempt to POST a signed body to a receiver, and the pause after one that failed.

use std::time::{Duration, SystemTime};

use access::Keys;
use bytes::Bytes;

use crate::StartError;

/// Time for one attempt.
pub(super) const ATTEMPT_MAX: Duration = Duration::from_secs(10);
/// The pause after the first attempt; it doubles with each further one.
const PAUSE: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// A body's token expires after this.
const TOKEN_TTL: Duration = Duration::from_secs(300);

/// Signs bodies as LiveKit's server does, and sends them.
pub(super) struct Sender {
    keys: Keys,
    client: reqwest::Client,
}

impl Sender {
    pub(super) fn new(keys: Keys) -> Result<Self, StartError> {
        // The process has one provider: the first caller installs it, and all callers install the same.
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let client = reqwest::Client::builder().timeout(ATTEMPT_MAX).build();
        Ok(Self { keys, client: client.map_err(|error| StartError::Webhooks(error.into()))? })
    }

    /// `Err` says why the receiver did not take the body. Never names the URL, which may carry a secret of its own.
    pub(super) async fn attempt(&self, url: &str, body: &Bytes) -> Result<(), String> {
        let token = self.keys.sign_body(body, TOKEN_TTL, SystemTime::now()).map_err(|error| error.to_string())?;
        let request = self.client.post(url).header("authorization", token);
        let request = request.header("content-type", "application/webhook+json").body(body.clone());
        let response = request.send().await.map_err(|error| error.without_url().to_string())?;
        if response.status().is_success() { Ok(()) } else { Err(response.status().to_string()) }
    }
}

/// The pause after so many failures in a row: it doubles, up to a minute, and is shortened by up to half, so that what
/// failed together is not tried again together. `chance` lies in 0 to 1.
pub(super) fn pause(failures: u32, chance: f64) -> Duration {
    let doubled = PAUSE.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
    doubled.min(PAUSE_MAX).mul_f64(1.0 - chance.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_minute_and_are_shortened_by_chance() {
        let pauses: Vec<u128> = (1..10).map(|failures| pause(failures, 0.0).as_millis()).collect();
        assert_eq!(pauses, [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
        assert_eq!((pause(u32::MAX, 0.0), pause(1, 1.0)), (PAUSE_MAX, PAUSE / 2));
    }
}
