//! The web pages, embedded in the binary: one page for `/`, `/watch/{room}`, `/stage/{room}` and
//! `/docs`, and its assets.
//!
//! The build of the pages leaves compressed copies beside the files (`web/compress.ts`): `app.js.br`, `app.js.gz`. A
//! client gets the smallest that it takes; nobody asks for a copy by its name.

use std::borrow::Cow;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use rust_embed::RustEmbed;

use crate::Error;
use crate::accept_encoding::accepts;
use crate::app::App;
use crate::problem::Problem;

#[derive(RustEmbed)]
#[folder = "../web/dist"]
struct Dist;

/// The build gives every asset a name with a hash of its content.
const ASSET_CACHE: &str = "public, max-age=31536000, immutable";
/// The page names the assets of this build, so it is asked for anew each time.
pub(super) const PAGE_CACHE: &str = "no-cache";
/// hls.js needs blob: for its worker and its MediaSource; everything else is ours. Playlists may lie with a CDN.
const CSP_START: &str = "default-src 'self'; script-src 'self'; worker-src 'self' blob:; media-src 'self' blob: mediastream:; \
    img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; connect-src 'self'";

/// Codings of the copies and what their names end in, the smallest copy first.
const CODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

/// Paths for people, which no description of the API names.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/", get(page))
        .route("/docs", get(page))
        .route("/watch/{room}", get(page))
        .route("/stage/{room}", get(page))
        .route("/{file}", get(root_file))
        .route("/assets/{*file}", get(asset))
}

async fn page(State(app): State<App>, request: HeaderMap) -> Result<Response, Problem> {
    let mut response = file("index.html", &request, PAGE_CACHE)?;
    let cdn = app.config.playlist_base_url.as_deref().unwrap_or_default();
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::try_from(format!("{CSP_START} {cdn}").trim_end()) {
        headers.insert(CONTENT_SECURITY_POLICY, value);
    }
    let features =
        "camera=(self), microphone=(self), display-capture=(self), autoplay=(self), fullscreen=(self), geolocation=()";
    headers.insert(HeaderName::from_static("permissions-policy"), HeaderValue::from_static(features));
    headers.insert(HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    // LiveKit's browser clients probe `HEAD /` to see whether they are online.
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    Ok(response)
}

async fn asset(Path(name): Path<String>, request: HeaderMap) -> Result<Response, Problem> {
    Ok(file(&format!("assets/{name}"), &request, ASSET_CACHE)?)
}

/// Icons and the like, under their own names.
async fn root_file(Path(name): Path<String>, request: HeaderMap) -> Result<Response, Problem> {
    Ok(file(&name, &request, PAGE_CACHE)?)
}

fn file(name: &str, request: &HeaderMap, cache: &'static str) -> Result<Response, Error> {
    let found = find(name, request, |name| Dist::get(name).map(|file| file.data)).ok_or(Error::NoRoute)?;
    let body = match found.data {
        Cow::Borrowed(bytes) => bytes::Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    };
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type(name)));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(coding) = found.coding {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    if found.has_copies {
        headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    }
    Ok(response)
}

/// A file as one client gets it.
#[derive(Debug, PartialEq)]
struct Found {
    data: Cow<'static, [u8]>,
    coding: Option<&'static str>,
    /// Whether other clients may get another copy.
    has_copies: bool,
}

/// The file `name` for whoever asks by `request`; `get` has files and their copies.
fn find(name: &str, request: &HeaderMap, get: impl Fn(&str) -> Option<Cow<'static, [u8]>>) -> Option<Found> {
    if CODINGS.iter().any(|(_, extension)| name.ends_with(extension)) {
        return None;
    }
    let data = get(name)?;
    let copy = |&(coding, extension): &(&'static str, &str)| Some((coding, get(&format!("{name}{extension}"))?));
    let mut copies = CODINGS.iter().filter_map(copy).peekable();
    let has_copies = copies.peek().is_some();
    match copies.find(|(coding, _)| accepts(request, coding)) {
        Some((coding, data)) => Some(Found { data, coding: Some(coding), has_copies }),
        None => Some(Found { data, coding: None, has_copies }),
    }
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests;
