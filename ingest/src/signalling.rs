//! Signalling with the media server: WHEP (draft-ietf-wish-whep) to watch a speaker, WHIP (RFC 9725) to publish.
//!
//! One POST with a complete offer, one answer with all candidates, one DELETE. Blocking: call it from a thread of its
//! own, never from a streaming thread. Every request is bounded in time and size; who calls decides about retries.

use std::sync::Arc;
use std::time::Duration;

/// Gives the bearer token for the next request. Asked each time, because tokens expire.
pub type TokenProvider = Arc<dyn Fn() -> String + Send + Sync>;

/// The WHEP endpoint of a stage.
#[derive(Clone)]
pub struct WhepSource {
    /// Scheme, host and port, `http://127.0.0.1:8080`. Plain HTTP only: TLS ends in front of the server.
    pub base_url: String,
    /// Token with the right to subscribe in the room.
    pub token: TokenProvider,
}

/// An answer and the session's resource.
#[derive(Clone, Debug)]
pub struct Answer {
    /// SDP answer, candidates included.
    pub sdp: String,
    /// Absolute URL of the session.
    pub resource: String,
}

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignalError {
    /// 409 or 503: not now.
    #[error("the server asks to come back after {0:?}")]
    Later(Duration),
    /// 404 or 410: no such room, speaker or session.
    #[error("there is no such session or speaker")]
    Gone,
    /// Any other status.
    #[error("the server refused with status {0}")]
    Refused(u16),
    /// The response makes no sense.
    #[error("the server's response has no {0}")]
    Malformed(&'static str),
    /// No connection, or it broke.
    #[error("reaching the media server")]
    Transport(#[source] Box<ureq::Error>),
}

impl From<ureq::Error> for SignalError {
    fn from(error: ureq::Error) -> Self {
        Self::Transport(Box::new(error))
    }
}

/// One side of the exchange; tests answer in process.
pub trait Exchange: Send + Sync {
    /// POSTs an offer.
    fn offer(&self, sdp: &str) -> Result<Answer, SignalError>;
    /// Asks for the simulcast layer that fits a tile of this size in pixels; 0 × 0: no picture.
    fn limit_layer(&self, resource: &str, width: u32, height: u32) -> Result<(), SignalError>;
    /// Ends the session. Best effort.
    fn leave(&self, resource: &str);
    /// The peer lives on this machine and can be reached by its loopback address only.
    fn is_loopback(&self) -> bool;
}

const TIMEOUT: Duration = Duration::from_secs(8);
const ANSWER_BYTES_MAX: u64 = 256 * 1024;
const RETRY_AFTER_DEFAULT: Duration = Duration::from_secs(1);
const RETRY_AFTER_MAX: Duration = Duration::from_secs(30);

/// A WHIP or WHEP endpoint over HTTP.
pub struct Endpoint {
    url: String,
    token: TokenProvider,
    agent: ureq::Agent,
}

impl Endpoint {
    /// `POST {base}/whep/{room}?participant={identity}`.
    pub fn whep(source: &WhepSource, room: &str, identity: &str) -> Self {
        let (base, room, identity) = (source.base_url.trim_end_matches('/'), escape(room), escape(identity));
        Self::new(format!("{base}/whep/{room}?participant={identity}"), source.token.clone())
    }

    /// `POST {base}/whip/{room}`.
    pub fn whip(base_url: &str, room: &str, token: TokenProvider) -> Self {
        Self::new(format!("{}/whip/{}", base_url.trim_end_matches('/'), escape(room)), token)
    }

    fn new(url: String, token: TokenProvider) -> Self {
        let config =
            ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(TIMEOUT)).proxy(None);
        Self { url, token, agent: config.build().new_agent() }
    }

    fn post(&self, url: &str, kind: &str, body: &str) -> Result<ureq::http::Response<ureq::Body>, SignalError> {
        let bearer = format!("Bearer {}", (self.token)());
        let request = self.agent.post(url).header("Authorization", bearer).header("Content-Type", kind);
        let response = request.send(body)?;
        let retry_after = || {
            let header = response.headers().get("Retry-After")?.to_str().ok()?;
            header.parse().ok().map(Duration::from_secs)
        };
        match response.status().as_u16() {
            200..=299 => Ok(response),
            404 | 410 => Err(SignalError::Gone),
            409 | 429 | 503 => {
                Err(SignalError::Later(retry_after().unwrap_or(RETRY_AFTER_DEFAULT).min(RETRY_AFTER_MAX)))
            }
            status => Err(SignalError::Refused(status)),
        }
    }
}

impl Exchange for Endpoint {
    fn offer(&self, sdp: &str) -> Result<Answer, SignalError> {
        let mut response = self.post(&self.url, "application/sdp", sdp)?;
        let location = response.headers().get("Location").and_then(|value| value.to_str().ok());
        let resource = resolve(&self.url, location.ok_or(SignalError::Malformed("Location"))?);
        let sdp = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string()?;
        Ok(Answer { sdp, resource })
    }

    fn limit_layer(&self, resource: &str, width: u32, height: u32) -> Result<(), SignalError> {
        let body = serde_json::json!({ "maxWidth": width, "maxHeight": height }).to_string();
        self.post(&format!("{resource}/layer"), "application/json", &body).map(drop)
    }

    fn leave(&self, resource: &str) {
        let bearer = format!("Bearer {}", (self.token)());
        if let Err(error) = self.agent.delete(resource).header("Authorization", bearer).call() {
            tracing::debug!(%error, "ending a media session");
        }
    }

    fn is_loopback(&self) -> bool {
        let host = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        ["127.", "localhost", "[::1]"].iter().any(|loopback| host.starts_with(loopback))
    }
}

/// A Location as an absolute URL (RFC 3986 §5, the two forms servers send).
fn resolve(base: &str, location: &str) -> String {
    if location.contains("://") {
        return location.to_owned();
    }
    let host_from = base.find("://").map_or(0, |at| at + 3);
    let path_from = base[host_from..].find('/').map_or(base.len(), |at| host_from + at);
    if location.starts_with('/') {
        return format!("{}{location}", &base[..path_from]);
    }
    let path = base[..base.find('?').unwrap_or(base.len())].rfind('/').unwrap_or(path_from);
    format!("{}/{location}", &base[..path.max(path_from.min(path))])
}

/// Percent-encodes a path segment or query value (RFC 3986 §2.3).
fn escape(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// How long to wait before the next attempt: doubling from 250 ms to 8 s, back to the start after a success.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
    }

    pub(crate) fn failed(&mut self) -> Duration {
        let wait = Duration::from_millis(250) * (1 << self.failures.min(5));
        self.failures += 1;
        wait
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn locations_resolve_against_the_endpoint() {
        let base = "http://127.0.0.1:8080/whep/lobby?participant=a%2Fb";
        for (location, want) in [
            ("/whep/lobby/x1", "http://127.0.0.1:8080/whep/lobby/x1"),
            ("x1", "http://127.0.0.1:8080/whep/x1"),
            ("http://other/y", "http://other/y"),
        ] {
            assert_eq!(resolve(base, location), want);
        }
    }

    #[test]
    fn room_and_identity_are_escaped_in_the_url() {
        let token: TokenProvider = Arc::new(String::new);
        let source = WhepSource { base_url: "http://localhost:1/".into(), token };
        let endpoint = Endpoint::whep(&source, "a b", "x&y=/ö");
        assert_eq!(endpoint.url, "http://localhost:1/whep/a%20b?participant=x%26y%3D%2F%C3%B6");
        assert!(endpoint.is_loopback());
    }

    #[test]
    fn pauses_between_attempts_double_and_reset_after_success() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..7).map(|_| backoff.failed().as_millis()).collect();
        assert_eq!(waits, [250, 500, 1000, 2000, 4000, 8000, 8000]);
        backoff.succeeded();
        assert_eq!(backoff.failed().as_millis(), 250);
    }
}
