//! Refusals, each described once in the document's components. Their names and statuses are those of `kind.rs`.

use std::collections::BTreeMap;

use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::response::{Response, ResponseBuilder, Responses};
use utoipa::openapi::schema::{SchemaType, Type};
use utoipa::openapi::{ComponentsBuilder, ContentBuilder, ObjectBuilder, Ref, RefOr};
use utoipa::{IntoResponses, PartialSchema as _, ToSchema as _};

use crate::problem::ProblemBody;
use crate::problem_type::ProblemType;

/// A status, the name of its component, a sentence, and the header that comes with it.
type Refusal = (u16, &'static str, &'static str, Option<&'static str>);

const REFUSALS: [Refusal; 16] = [
    (400, "Malformed", "The request does not parse.", None),
    (401, "Unauthenticated", "A token is missing, or does not hold.", Some("WWW-Authenticate")),
    (403, "Denied", "The token does not allow this.", Some("WWW-Authenticate")),
    (404, "NotFound", "The path names what does not exist, or is not the caller's to see.", None),
    (408, "Late", "The body did not arrive in time.", None),
    (
        409,
        "Conflict",
        "Another one of that name exists, or nobody is on stage yet, which may pass.",
        Some("Retry-After"),
    ),
    (412, "Stale", "`If-Match` names an ICE session that is over.", None),
    (413, "TooLarge", "The body is too long.", None),
    (415, "WrongType", "The body has another media type.", None),
    (416, "OutOfRange", "`Range` lies outside the object.", Some("Content-Range")),
    (422, "Invalid", "The request parses, and asks for the impossible.", None),
    (428, "Unconditional", "`If-Match` is missing.", None),
    (429, "TooOften", "The client asks too often, or holds too much.", Some("Retry-After")),
    (500, "Internal", "A fault of the server, which its log has.", None),
    (503, "Unavailable", "The server is full, busy or about to end.", Some("Retry-After")),
    (507, "Full", "A limit of the configuration is reached, until something is deleted.", None),
];

/// The refusals that every operation may answer with.
const COMMON: [u16; 3] = [429, 500, 503];

/// A refusal in `responses(…)`: `Refused<404>`.
pub(crate) struct Refused<const STATUS: u16>;

impl<const STATUS: u16> IntoResponses for Refused<STATUS> {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        references(&[STATUS])
    }
}

/// The refusals of a route that takes an access token.
pub(crate) struct TokenRefused;

impl IntoResponses for TokenRefused {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        references(&[401, 403])
    }
}

/// The refusals of a route that reads a body.
pub(crate) struct BodyRefused;

impl IntoResponses for BodyRefused {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        references(&[400, 408, 413, 415, 422])
    }
}

fn references(statuses: &[u16]) -> BTreeMap<String, RefOr<Response>> {
    let named = REFUSALS.iter().filter(|(status, ..)| statuses.contains(status));
    named.map(|(status, name, ..)| (status.to_string(), Ref::from_response_name(*name).into())).collect()
}

/// The same for a route that is described without the macros.
pub(crate) fn add(responses: &mut Responses, statuses: &[u16]) {
    for (status, refusal) in references(statuses) {
        responses.responses.entry(status).or_insert(refusal);
    }
}

/// Adds what every operation may answer, unless `default` describes all its refusals.
pub(super) fn add_common(responses: &mut Responses) {
    if !responses.responses.contains_key("default") {
        add(responses, &COMMON);
    }
}

/// Adds the refusals, and the schema of their body.
pub(super) fn components(components: ComponentsBuilder) -> ComponentsBuilder {
    let components = components
        .schema(ProblemBody::name(), ProblemBody::schema())
        .schema(ProblemType::name(), ProblemType::schema());
    REFUSALS.iter().fold(components, |components, (_, name, sentence, header)| {
        let body = ContentBuilder::new().schema(Some(Ref::from_schema_name(ProblemBody::name()))).build();
        let response = ResponseBuilder::new().description(*sentence).content("application/problem+json", body);
        let response = header.iter().fold(response, |response, name| response.header(*name, described_header(name)));
        components.response(*name, response.build())
    })
}

fn described_header(name: &str) -> utoipa::openapi::Header {
    let (kind, sentence) = match name {
        "Retry-After" => (Type::Integer, "After how many seconds the client may ask again."),
        "WWW-Authenticate" => (Type::String, "The challenge of RFC 6750 §3."),
        _ => (Type::String, "The object's length: `bytes */{length}`."),
    };
    let schema = ObjectBuilder::new().schema_type(SchemaType::Type(kind)).build();
    HeaderBuilder::new().schema(schema).description(Some(sentence)).build()
}
