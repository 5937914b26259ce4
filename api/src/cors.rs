//! CORS: pages of every origin may read our answers. No request is authorized by a cookie, so `*` gives no page more
//! than its own token allows.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

const TIMING_ALLOW_ORIGIN: HeaderName = HeaderName::from_static("timing-allow-origin");
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Browsers keep the answer to a preflight for a day.
const PREFLIGHT_MAX_AGE_S: &str = "86400";

fn set(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.insert(name, HeaderValue::from_static(value));
}

fn allow(headers: &mut HeaderMap, methods: &'static str, request_headers: &'static str) {
    set(headers, ACCESS_CONTROL_ALLOW_METHODS, methods);
    set(headers, ACCESS_CONTROL_ALLOW_HEADERS, request_headers);
    set(headers, ACCESS_CONTROL_MAX_AGE, PREFLIGHT_MAX_AGE_S);
}

/// CORS of WHIP and WHEP. RFC 9725 §4.2 names the headers that a browser's client must be able to read.
pub(crate) async fn signalling(request: Request, next: Next) -> Response {
    let preflight = request.method() == Method::OPTIONS;
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    set(headers, ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    set(
        headers,
        ACCESS_CONTROL_EXPOSE_HEADERS,
        "Accept-Patch, Accept-Post, ETag, Link, Location, Retry-After, WWW-Authenticate, X-Request-Id",
    );
    if preflight {
        allow(headers, "OPTIONS, POST, PATCH, DELETE", "Authorization, Content-Type, If-Match");
    }
    response
}

/// LiveKit's signalling. Browsers ask `validate` why a WebSocket failed, and take an answer that they may not read for
/// a server that is not there.
pub(crate) async fn rtc(request: Request, next: Next) -> Response {
    let preflight = request.method() == Method::OPTIONS;
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    set(headers, ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    if preflight {
        allow(headers, "GET, OPTIONS", "Authorization");
    }
    response
}

/// CORS of the REST API, `/v1`.
pub(crate) async fn rest(request: Request, next: Next) -> Response {
    let preflight = request.method() == Method::OPTIONS;
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    set(headers, ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    set(headers, ACCESS_CONTROL_EXPOSE_HEADERS, "Location, Retry-After, WWW-Authenticate, X-Request-Id");
    if preflight {
        allow(headers, "GET, HEAD, OPTIONS, POST, PATCH, DELETE", "Authorization, Content-Type");
    }
    response
}

/// CORS of the LL-HLS origin: the headers that players read, and those that resource timing needs.
pub(crate) fn live(headers: &mut HeaderMap) {
    set(headers, ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    set(headers, ACCESS_CONTROL_EXPOSE_HEADERS, "Age, Content-Length, Content-Range, Date");
    set(headers, TIMING_ALLOW_ORIGIN, "*");
    set(headers, CROSS_ORIGIN_RESOURCE_POLICY, "cross-origin");
}

/// Answers a preflight of the LL-HLS origin. Older browsers send one before a request with `Range`.
pub(crate) fn live_preflight(headers: &mut HeaderMap) {
    allow(headers, "GET, HEAD, OPTIONS", "Range");
}
