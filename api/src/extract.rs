//! What handlers take in: names and bodies, checked and bounded.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use access::{BadName, RoomName};
use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, RawPathParams};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, FORWARDED, HOST};
use http::request::Parts;
use http::{HeaderMap, HeaderName};
use interactive_sfu::{SessionId, SfuError};
use serde::de::DeserializeOwned;
use tokio::sync::OwnedSemaphorePermit;

use crate::addresses::Counted;
use crate::problem::Problem;
use crate::proxies::client_of;
use crate::{Config, Error, metrics};

/// A longer body is refused with 413. SDP of a dozen simulcast sections is a fifth of it.
pub(crate) const BODY_BYTES_MAX: usize = 64 * 1024;

/// A connection's place among `connections_max`, taken until the connection ends. A handler that takes the connection
/// over, as for a WebSocket, keeps it.
#[derive(Clone)]
pub(crate) struct Place {
    _held: Arc<(OwnedSemaphorePermit, Counted, metrics::Connection)>,
}

impl Place {
    pub(crate) fn new(permit: OwnedSemaphorePermit, of_address: Counted) -> Self {
        Self { _held: Arc::new((permit, of_address, metrics::Connection::open())) }
    }
}

/// The other end of a request's connection; put into its extensions by [`crate::server`].
#[derive(Clone, Copy)]
pub(crate) struct Caller {
    pub(crate) address: SocketAddr,
    /// Came by HTTPS.
    pub(crate) tls: bool,
}

impl Caller {
    /// The address of whoever asks: that of the connection, or the one that a trusted proxy asks for.
    pub(crate) fn client(self, config: &Config, headers: &HeaderMap) -> IpAddr {
        let address = self.address.ip();
        client_of(address, headers, &config.trusted_proxies).unwrap_or_else(|| address.to_canonical())
    }

    /// Whether whoever asks is on this machine, and not just a proxy that asks for somebody else.
    pub(crate) fn is_local(self, headers: &HeaderMap) -> bool {
        let forwarded = headers.contains_key(FORWARDED) || headers.contains_key("x-forwarded-for");
        self.address.ip().to_canonical().is_loopback() && !forwarded
    }
}

/// Where clients find this server, without a slash at its end: as configured, else where this request came to.
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

/// The room that the path names, `{room}`. A text that cannot be the name of a room is refused as an unknown room.
pub(crate) struct RoomInPath(pub(crate) RoomName);

impl<S: Send + Sync> FromRequestParts<S> for RoomInPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        room_in_path(parts, state).await.map(Self)
    }
}

/// A session in a room, `{room}/{session}`.
pub(crate) struct SessionInPath {
    pub(crate) room: RoomName,
    pub(crate) session: SessionId,
}

impl<S: Send + Sync> FromRequestParts<S> for SessionInPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let room = room_in_path(parts, state).await?;
        let session = text_in_path(parts, state, "session").await.ok_or(SfuError::UnknownSession)?;
        Ok(Self { room, session: SessionId::from(session.as_str()) })
    }
}

async fn room_in_path<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<RoomName, Problem> {
    let name = text_in_path(parts, state, "room").await;
    Ok(name.and_then(|name| name.parse().ok()).ok_or(Error::UnknownRoom)?)
}

async fn text_in_path<S: Send + Sync>(parts: &mut Parts, state: &S, key: &str) -> Option<String> {
    let texts = RawPathParams::from_request_parts(parts, state).await.ok()?;
    texts.iter().find(|(name, _)| *name == key).map(|(_, text)| text.to_owned())
}

/// A text of a request as what it has to be; `field` is what the request calls it.
pub(crate) fn parsed<T: FromStr<Err = BadName>>(field: &str, text: &str) -> Result<T, Error> {
    text.parse().map_err(|bad| Error::Invalid(format!("{field} {bad}")))
}

/// The whole body as text of the media type `media_type`.
pub(crate) async fn text(
    config: &Config,
    headers: &HeaderMap,
    body: Body,
    media_type: &'static str,
) -> Result<String, Error> {
    let said = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !said.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(media_type) {
        return Err(Error::ContentType(media_type));
    }
    let bytes = bytes(config, headers, body, BODY_BYTES_MAX).await?;
    String::from_utf8(bytes.into()).map_err(|_| Error::Malformed("the body is not UTF-8".into()))
}

/// The whole body as JSON.
pub(crate) async fn json<T: DeserializeOwned>(config: &Config, headers: &HeaderMap, body: Body) -> Result<T, Error> {
    let text = text(config, headers, body, "application/json").await?;
    serde_json::from_str(&text).map_err(|error| {
        let sentence = format!("the body is not what is expected: {error}");
        if error.is_data() { Error::Invalid(sentence) } else { Error::Malformed(sentence) }
    })
}

/// The whole body, of at most `bytes_max`.
pub(crate) async fn bytes(config: &Config, headers: &HeaderMap, body: Body, bytes_max: usize) -> Result<Bytes, Error> {
    let said_bytes = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if said_bytes.is_some_and(|bytes| bytes > bytes_max) {
        return Err(Error::BodyTooLarge(bytes_max));
    }
    let whole = axum::body::to_bytes(body, bytes_max);
    let whole = tokio::time::timeout(config.body_read_timeout(), whole).await.map_err(|_| Error::BodyLate)?;
    whole.map_err(|error| match is_length_limit(&error) {
        true => Error::BodyTooLarge(bytes_max),
        false => Error::BodyLate,
    })
}

fn is_length_limit(error: &axum::Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if error.is::<http_body_util::LengthLimitError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_on_this_machine_is_not_who_it_asks_for() {
        let caller = |ip: &str| Caller { address: SocketAddr::new(ip.parse().unwrap(), 1), tls: false };
        let proxied =
            |name: &'static str| HeaderMap::from_iter([(name.parse().unwrap(), "for=192.0.2.1".parse().unwrap())]);
        assert!(
            caller("127.0.0.1").is_local(&HeaderMap::new()) && caller("::ffff:127.0.0.1").is_local(&HeaderMap::new())
        );
        assert!(!caller("192.0.2.1").is_local(&HeaderMap::new()));
        assert!(!caller("::1").is_local(&proxied("forwarded")) && !caller("::1").is_local(&proxied("x-forwarded-for")));
    }

    #[test]
    fn we_are_found_where_the_operator_says_or_else_where_the_request_came_to() {
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
}
