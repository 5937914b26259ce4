//! A span, an id and a count for every request but the origin's. Queries, addresses and headers are not logged: a query
//! may hold a token.

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderName, HeaderValue};
use tracing::Instrument as _;

use crate::metrics;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

pub(crate) async fn observe(mut request: Request, next: Next) -> Response {
    let id = request_id(&request);
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let method = method_label(request.method());
    let span = tracing::info_span!("request", id = %id.to_str().unwrap_or_default(), method, route);
    request.headers_mut().insert(X_REQUEST_ID, id.clone());
    let began = std::time::Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    let status = response.status().as_u16();
    span.in_scope(|| tracing::debug!(status, duration_ms = began.elapsed().as_millis() as u64, "answered"));
    metrics::request(route, method.to_owned(), status);
    response.headers_mut().insert(X_REQUEST_ID, id);
    response
}

/// The id that a proxy gave the request, if it is harmless, else a new one.
fn request_id(request: &Request) -> HeaderValue {
    let given = request.headers().get(X_REQUEST_ID).filter(|id| {
        let bytes = id.as_bytes();
        (1..=64).contains(&bytes.len()) && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
    });
    given.cloned().unwrap_or_else(|| {
        let text = format!("{:016x}", rand::random::<u64>());
        HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("none"))
    })
}

/// The method as a label. Clients may send any word, so unknown ones share a label.
fn method_label(method: &http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}
