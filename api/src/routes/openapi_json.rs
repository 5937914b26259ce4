//! `GET /openapi.json`: the description of every route, this one among them. The page `/docs` shows it.

use aws_lc_rs::digest::{SHA256, digest};
use axum::Extension;
use axum::body::Bytes;
use axum::response::{IntoResponse as _, Response};
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, StatusCode};
use utoipa::openapi::OpenApi;

use super::pages::PAGE_CACHE;
use crate::openapi::{Routes, Tag, document, routes};

/// The document as it is sent.
#[derive(Clone)]
struct Served {
    json: Bytes,
    etag: HeaderValue,
}

/// The route, which describes itself and the routes of `parts`.
pub(super) fn routes(parts: impl IntoIterator<Item = OpenApi>) -> Routes {
    let routes = routes!(Tag::Server, get_openapi);
    let document = document(parts.into_iter().chain([routes.document()]));
    let served = Served::new(&document);
    routes.map(|router| router.layer(Extension(served)))
}

impl Served {
    fn new(document: &OpenApi) -> Self {
        let json = Bytes::from(serde_json::to_vec(document).unwrap_or_default());
        let hash = digest(&SHA256, &json);
        let hex: String = hash.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let etag = HeaderValue::try_from(format!("\"{hex}\"")).unwrap_or(HeaderValue::from_static("\"\""));
        Self { json, etag }
    }
}

/// Read this description.
#[utoipa::path(
    get,
    path = "/openapi.json",
    params(("If-None-Match" = Option<String>, Header, description = "An `ETag` that the client has.")),
    security(()),
    responses(
        (
            status = 200, description = "OpenAPI 3.1.", body = serde_json::Value,
            headers(("ETag" = String, description = "Another for another document.")),
        ),
        (status = 304, description = "The client has it."),
    ),
)]
async fn get_openapi(Extension(Served { json, etag }): Extension<Served>, request: HeaderMap) -> Response {
    let is_known = request.get(IF_NONE_MATCH).is_some_and(|known| names(known, &etag));
    let mut response = if is_known { StatusCode::NOT_MODIFIED.into_response() } else { json.into_response() };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(PAGE_CACHE));
    headers.insert(ETAG, etag);
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

/// Whether `If-None-Match` names the tag; caches may have made it a weak one (RFC 9110 §13.1.2).
fn names(if_none_match: &HeaderValue, etag: &HeaderValue) -> bool {
    let tags = if_none_match.to_str().unwrap_or_default().split(',').map(str::trim);
    tags.map(|tag| tag.strip_prefix("W/").unwrap_or(tag)).any(|tag| tag == "*" || tag.as_bytes() == etag.as_bytes())
}
