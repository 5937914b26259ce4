//! The web pages, embedded in the binary: one page for `/`, `/watch/{room}` and `/stage/{room}`, and its assets.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderName, HeaderValue};
use rust_embed::RustEmbed;
use tower_http::compression::CompressionLayer;

use crate::Error;
use crate::app::App;
use crate::problem::Problem;

#[derive(RustEmbed)]
#[folder = "../web/dist"]
struct Dist;

/// The build gives every asset a name with a hash of its content.
const ASSET_CACHE: &str = "public, max-age=31536000, immutable";
/// The page names the assets of this build, so it is asked for anew each time.
const PAGE_CACHE: &str = "no-cache";
/// hls.js needs blob: for its worker and its MediaSource; everything else is ours. Playlists may lie with a CDN.
const CSP_START: &str = "default-src 'self'; script-src 'self'; worker-src 'self' blob:; media-src 'self' blob: mediastream:; \
    img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; connect-src 'self'";

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/", get(page))
        .route("/watch/{room}", get(page))
        .route("/stage/{room}", get(page))
        .route("/{file}", get(root_file))
        .route("/assets/{*file}", get(asset))
        .layer(CompressionLayer::new().gzip(true))
}

async fn page(State(app): State<App>) -> Result<Response, Problem> {
    let mut response = file("index.html", PAGE_CACHE)?;
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

async fn asset(Path(name): Path<String>) -> Result<Response, Problem> {
    Ok(file(&format!("assets/{name}"), ASSET_CACHE)?)
}

/// Icons and the like, under their own names.
async fn root_file(Path(name): Path<String>) -> Result<Response, Problem> {
    Ok(file(&name, PAGE_CACHE)?)
}

fn file(name: &str, cache: &'static str) -> Result<Response, Error> {
    let file = Dist::get(name).ok_or(Error::NoRoute)?;
    let body = match file.data {
        std::borrow::Cow::Borrowed(bytes) => bytes::Bytes::from_static(bytes),
        std::borrow::Cow::Owned(bytes) => bytes.into(),
    };
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type(name)));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
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
