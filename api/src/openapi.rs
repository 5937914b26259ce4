//! The description of the HTTP API, OpenAPI 3.1, made of the routes themselves.
//!
//! A handler carries its description as `#[utoipa::path(…)]`, and [`routes!`] serves it by the method and the path that
//! stand there. `refusals.rs` has the refusals that routes share, `schemas.rs` the types of crates that know nothing of
//! HTTP. The test of `tests.rs` asks the router for its paths, and fails on one that is not described.

use utoipa::openapi::external_docs::ExternalDocsBuilder;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder};

mod refusals;
mod routes;
mod schemas;

pub(crate) use refusals::{BodyRefused, Refused, TokenRefused, add as add_refusals};
pub(crate) use routes::{Routes, routes};
pub(crate) use schemas::{
    BroadcastSchema, LayoutSchema, RecordSchema, RoomNameSchema, ThresholdsSchema, VisibilitySchema,
};

/// The scheme of an access token, as operations name it.
const ACCESS_TOKEN: &str = "accessToken";
/// The scheme of an access token in the query of `/rtc`.
const ACCESS_TOKEN_IN_QUERY: &str = "accessTokenInQuery";
/// The scheme of a playback token.
const PLAYBACK_TOKEN: &str = "playbackToken";
const PLAYBACK_TOKEN_SENTENCE: &str =
    "A token of `POST /v1/rooms/{room}/playback-token`. Below `/live/` it stands in the path, and not in a header.";
/// The scheme of the token of `[api.metrics]`.
const METRICS_TOKEN: &str = "metricsToken";

const INTRODUCTION: &str = "\
Speakers publish by WebRTC, and everybody else watches the same stage by low-latency HLS.

Every refusal but those of LiveKit's server API is a `Problem` (RFC 9457) with the media type `application/problem+json`; \
its `type` names the reason. A refusal that passes by itself has `Retry-After`. Every answer but those below `/live/` \
has an `X-Request-Id`, which the log repeats.

Each `GET` answers `HEAD` too. Pages of other origins may use `/v1`, `/whip`, `/whep`, `/rtc` and `/live` (CORS).";

/// A chapter of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tag {
    Rooms,
    Whip,
    Live,
    LiveKit,
    Server,
}

impl Tag {
    const ALL: [Self; 5] = [Self::Rooms, Self::Whip, Self::Live, Self::LiveKit, Self::Server];

    fn name(self) -> &'static str {
        match self {
            Self::Rooms => "Rooms",
            Self::Whip => "WHIP and WHEP",
            Self::Live => "LL-HLS",
            Self::LiveKit => "LiveKit",
            Self::Server => "Server",
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::Rooms => "Make, find, change and delete rooms, and hand out tokens for them.",
            Self::Whip => {
                "Publish by WHIP (RFC 9725), and watch from a seat by WHEP (draft-ietf-wish-whep). Every request but \
                 `OPTIONS` carries the token, those to a session's URL too."
            }
            Self::Live => {
                "Playlists and media of broadcasts and recordings (RFC 8216bis, CMAF). A private room is watched below \
                 `/live/t/{token}/{room}/`; URIs in playlists are relative, so a player keeps the token."
            }
            Self::LiveKit => "LiveKit's clients and server SDKs connect as to LiveKit's own server.",
            Self::Server => "Health, metrics and this description.",
        }
    }
}

/// The whole document: what stands above the paths, and the paths of each of `parts`.
pub(crate) fn document(parts: impl IntoIterator<Item = OpenApi>) -> OpenApi {
    let schemes = ComponentsBuilder::new()
        .security_scheme(ACCESS_TOKEN, bearer("JWT", "An access token in LiveKit's form (HS256, `video` grants)."))
        .security_scheme(ACCESS_TOKEN_IN_QUERY, access_token_in_query())
        .security_scheme(PLAYBACK_TOKEN, bearer("playback token", PLAYBACK_TOKEN_SENTENCE))
        .security_scheme(METRICS_TOKEN, bearer("text", "`[api.metrics] token`, where the configuration has one."));
    let tags = Tag::ALL.map(|tag| {
        let livekit =
            ExternalDocsBuilder::new().url("https://docs.livekit.io/").description(Some("LiveKit's documentation"));
        let docs = (tag == Tag::LiveKit).then(|| livekit.build());
        TagBuilder::new().name(tag.name()).description(Some(tag.description())).external_docs(docs).build()
    });
    let license = LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build();
    let info = InfoBuilder::new()
        .title("Spillway")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(INTRODUCTION))
        .license(Some(license));
    let mut document = OpenApiBuilder::new()
        .info(info)
        .tags(Some(tags))
        .components(Some(refusals::components(schemes).build()))
        .build();
    for part in parts {
        document.merge(part);
    }
    document
}

fn bearer(format: &str, description: &str) -> SecurityScheme {
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format(format);
    SecurityScheme::Http(bearer.description(Some(description)).build())
}

fn access_token_in_query() -> SecurityScheme {
    let sentence = "The same token, where a client can set no headers: a browser that opens a WebSocket.";
    SecurityScheme::ApiKey(ApiKey::Query(ApiKeyValue::with_description("access_token", sentence)))
}

#[cfg(test)]
mod tests;
