//! The description of the origin: one pattern of routes, told apart by the objects that its paths name
//! (`packager::ObjectKey`), each with and without a playback token.

use utoipa::ToSchema as _;
use utoipa::openapi::path::{OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{KnownFormat, SchemaFormat};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{
    ContentBuilder, HttpMethod, ObjectBuilder, OpenApi, OpenApiBuilder, PathItem, PathsBuilder, Ref, Required,
    ResponsesBuilder, Schema, Type,
};

use crate::openapi::{RoomNameSchema, add_refusals};

/// A kind of object.
struct Described {
    /// Below the room's.
    path: &'static str,
    /// Operations are called `get_{name}`, and those with a token `get_{name}_by_token`.
    name: &'static str,
    summary: &'static str,
    description: &'static str,
    content: Content,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Content {
    Multivariant,
    Playlist,
    Media,
}

const OBJECTS: [Described; 6] = [
    Described {
        path: "index.m3u8",
        name: "stage",
        summary: "Play a room",
        description: "The multivariant playlist of whichever broadcast runs: the address to give to a player.",
        content: Content::Multivariant,
    },
    Described {
        path: "{epoch}/index.m3u8",
        name: "broadcast",
        summary: "Play a broadcast or its recording",
        description: "The multivariant playlist of one broadcast, which its recording keeps.",
        content: Content::Multivariant,
    },
    Described {
        path: "{epoch}/{rendition}.m3u8",
        name: "playlist",
        summary: "Read a media playlist",
        description: "With `_HLS_msn` the answer waits for that segment or part, for three target durations at most. Directives \
            that lie further ahead than the protocol allows are a 400, a playlist that did not move on a 503. Recordings \
            ignore them.",
        content: Content::Playlist,
    },
    Described {
        path: "{epoch}/{rendition}/init-{map}.mp4",
        name: "init_segment",
        summary: "Get an init segment",
        description: "Its URI stands in EXT-X-MAP.",
        content: Content::Media,
    },
    Described {
        path: "{epoch}/{rendition}/{msn}.m4s",
        name: "segment",
        summary: "Get a segment",
        description: "A segment of a broadcast or of its recording: the URI is the same, and its bytes never change.",
        content: Content::Media,
    },
    Described {
        path: "{epoch}/{rendition}/{msn}.{part}.m4s",
        name: "part",
        summary: "Get a part",
        description: "The part that a preload hint names may be asked for before it exists; the answer waits for it.",
        content: Content::Media,
    },
];

/// Every path, without a token first.
pub(super) fn description() -> OpenApi {
    let open = OBJECTS.iter().map(|object| (format!("/live/{{room}}/{}", object.path), object, false));
    let by_token = OBJECTS.iter().map(|object| (format!("/live/t/{{token}}/{{room}}/{}", object.path), object, true));
    let paths = open.chain(by_token).fold(PathsBuilder::new(), |paths, (path, object, by_token)| {
        let operation = operation(&path, object, by_token);
        paths.path(path, PathItem::new(HttpMethod::Get, operation))
    });
    OpenApiBuilder::new().paths(paths).build()
}

fn operation(path: &str, object: &Described, by_token: bool) -> OperationBuilder {
    let in_path = IN_PATH.iter().filter(|(name, ..)| path.contains(&format!("{{{name}}}")));
    let in_path = in_path.map(|(name, kind, sentence)| parameter(name, ParameterIn::Path, text(kind), sentence));
    let directives = DIRECTIVES.iter().filter(|_| object.content == Content::Playlist);
    let directives = directives.map(|(name, kind, sentence)| {
        let skip =
            |schema: ObjectBuilder| if *name == "_HLS_skip" { schema.enum_values(Some(["YES", "v2"])) } else { schema };
        parameter(name, ParameterIn::Query, skip(text(kind)), sentence)
    });
    let range = (object.content == Content::Media)
        .then(|| parameter("Range", ParameterIn::Header, text(&Type::String), "One range of bytes (RFC 9110 §14.2)."));
    let suffix = if by_token { "_by_token" } else { "" };
    let also = if by_token { " With a playback token, for a private room." } else { "" };
    OperationBuilder::new()
        .operation_id(Some(format!("get_{}{suffix}", object.name)))
        .summary(Some(object.summary))
        .description(Some(format!("{}{also}", object.description)))
        .parameters(Some(in_path.chain(directives).chain(range).collect::<Vec<_>>()))
        .securities(Some([SecurityRequirement::default()]))
        .responses(responses(object.content))
}

/// Name, type and meaning of what a path may name.
const IN_PATH: [(&str, Type, &str); 7] = [
    ("token", Type::String, "A playback token."),
    ("room", Type::String, "The room's name."),
    ("epoch", Type::String, "The broadcast: when it began, and 64 random bits."),
    ("rendition", Type::String, "A rendition of the multivariant playlist, such as `720p` or `audio`."),
    ("map", Type::Integer, "Number of the init segment, from 0."),
    ("msn", Type::Integer, "Media sequence number of the segment."),
    ("part", Type::Integer, "Index of the part in its segment, from 0."),
];

/// The delivery directives (RFC 8216bis §6.2.5).
const DIRECTIVES: [(&str, Type, &str); 3] = [
    ("_HLS_msn", Type::Integer, "Answer once the playlist has this segment."),
    ("_HLS_part", Type::Integer, "Answer once the playlist has this part of it."),
    ("_HLS_skip", Type::String, "Leave out what the player has already: a delta update."),
];

fn text(kind: &Type) -> ObjectBuilder {
    let schema = ObjectBuilder::new().schema_type(kind.clone());
    if *kind == Type::Integer { schema.minimum(Some(0)) } else { schema }
}

fn parameter(name: &str, parameter_in: ParameterIn, schema: ObjectBuilder, sentence: &str) -> Parameter {
    let required = if parameter_in == ParameterIn::Path { Required::True } else { Required::False };
    let parameter = ParameterBuilder::new().name(name).parameter_in(parameter_in).required(required);
    let parameter = parameter.description(Some(sentence));
    match name {
        "room" => parameter.schema(Some(Ref::from_schema_name(RoomNameSchema::name()))).build(),
        _ => parameter.schema(Some(schema)).build(),
    }
}

fn responses(content: Content) -> utoipa::openapi::Responses {
    let (statuses, refusals): (&[(&str, &str)], &[u16]) = match content {
        Content::Multivariant => (&[("200", "The playlist.")], &[404]),
        Content::Playlist => (&[("200", "The playlist, or its delta.")], &[400, 404]),
        Content::Media => (&[("200", "The media."), ("206", "The range of the media.")], &[404, 416]),
    };
    let media_types: &[&str] = match content {
        Content::Multivariant | Content::Playlist => &["application/vnd.apple.mpegurl"],
        Content::Media => &["video/mp4", "audio/mp4"],
    };
    let answered = |sentence: &str| {
        media_types.iter().fold(ResponseBuilder::new().description(sentence), |response, media_type| {
            response.content(*media_type, ContentBuilder::new().schema(Some(body(content))).build())
        })
    };
    let responses = statuses
        .iter()
        .fold(ResponsesBuilder::new(), |responses, (status, sentence)| responses.response(*status, answered(sentence)));
    let mut responses = responses.build();
    add_refusals(&mut responses, refusals);
    responses
}

fn body(content: Content) -> Schema {
    let text = ObjectBuilder::new().schema_type(Type::String);
    let binary = SchemaFormat::KnownFormat(KnownFormat::Binary);
    if content == Content::Media { text.format(Some(binary)).into() } else { text.into() }
}
