//! Schemas of types whose crates know nothing of HTTP. Their words come from the types' own serializers.

use std::borrow::Cow;

use access::limits::ROOM_NAME_BYTES_MAX;
use rooms::{BroadcastSetting, RecordSetting, Visibility};
use serde_json::Value;
use utoipa::openapi::schema::{AdditionalProperties, OneOfBuilder, Schema};
use utoipa::openapi::{ObjectBuilder, RefOr, Type};
use utoipa::{PartialSchema, ToSchema};

/// Stands for `$type` in `#[schema(value_type = …)]`.
macro_rules! schema_of {
    ($(#[$doc:meta])* $schema:ident, $name:literal, $build:expr) => {
        $(#[$doc])*
        pub(crate) struct $schema;

        impl PartialSchema for $schema {
            fn schema() -> RefOr<Schema> {
                RefOr::T($build)
            }
        }

        impl ToSchema for $schema {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed($name)
            }
        }
    };
}

schema_of!(
    /// Of [`access::RoomName`].
    RoomNameSchema,
    "RoomName",
    {
        let pattern = format!("^[A-Za-z0-9_-]{{1,{ROOM_NAME_BYTES_MAX}}}$");
        let schema = text("The name of a room.").pattern(Some(pattern)).examples(["demo"]);
        schema.build().into()
    }
);

/// Of [`access::ByClass`].
#[derive(ToSchema)]
#[schema(as = ByClass, example = json!({ "host": 2, "premium": 20 }))]
#[expect(dead_code, reason = "describes a type of another crate")]
pub(crate) struct ByClassSchema {
    speaker: Option<u32>,
    host: Option<u32>,
    premium: Option<u32>,
    viewer: Option<u32>,
    anonymous: Option<u32>,
}

/// Of [`rooms::overflow::Thresholds`].
#[derive(ToSchema)]
#[schema(as = Audience)]
#[expect(dead_code, reason = "describes a type of another crate")]
pub(crate) struct ThresholdsSchema {
    /// Seats of the room, those of speakers included; 0: as many as the server allows a room.
    seats_max: Option<u32>,
    /// Seats that only people of a class get, by class.
    reserved: Option<ByClassSchema>,
    /// The last class, in the order `speaker`, `host`, `premium`, `viewer`, `anonymous`, that gets seats at all.
    lowest_class: Option<String>,
    /// Viewers from which the broadcast runs before anybody needs it, where `broadcast` is `auto`; 0: when it is
    /// needed.
    broadcast_start_at: Option<u32>,
    /// Percent of the seats above which people are moved to the broadcast, where `demote` allows it.
    high_watermark: Option<u32>,
    /// Percent of the seats down to which people are moved to the broadcast, and up to which they are moved to seats.
    low_watermark: Option<u32>,
    /// Seconds for which somebody who was moved stays where they are.
    dwell_seconds: Option<u32>,
    /// The people who are moved to the broadcast: `never`, `idle-first` or `lowest-class-first`.
    demote: Option<String>,
    /// The people who are moved to a free seat: `ask`, `auto` or `never`.
    promote: Option<String>,
    /// Seconds for which a broadcast that nobody needs goes on.
    linger_seconds: Option<u32>,
}

schema_of!(
    /// Of [`rooms::Layout`].
    LayoutSchema,
    "Layout",
    {
        let words = text("`grid`: everybody the same size. `active-speaker`: whoever speaks is big.");
        let single = ObjectBuilder::new()
            .property("single", text("This identity fills the picture; the others are heard."))
            .required("single")
            .additional_properties(Some(AdditionalProperties::FreeForm(false)));
        OneOfBuilder::new()
            .item(words.enum_values(Some(["grid", "active-speaker"])))
            .item(single)
            .description(Some("How the speakers share the picture of the broadcast."))
            .build()
            .into()
    }
);

schema_of!(
    /// Of [`rooms::BroadcastSetting`].
    BroadcastSchema,
    "BroadcastSetting",
    words(
        "When the stage is broadcast. `off`: never. `on`: while somebody is on stage. `auto`: when it is worth it, which in \
         this version is as `on`.",
        [BroadcastSetting::Off, BroadcastSetting::Auto, BroadcastSetting::On],
    )
);

schema_of!(
    /// Of [`rooms::Visibility`].
    VisibilitySchema,
    "Visibility",
    words(
        "Who may watch. `public`: everybody, and the room is listed. `unlisted`: everybody who knows the name. `private`: \
         whoever has a playback token, or an access token for the room.",
        [Visibility::Public, Visibility::Unlisted, Visibility::Private],
    )
);

schema_of!(
    /// Of [`rooms::RecordSetting`].
    RecordSchema,
    "RecordSetting",
    words(
        "Whether broadcasts are kept. `off`: for as long as the live playlist lists them. `on`: whole.",
        [RecordSetting::Off, RecordSetting::On],
    )
);

fn text(sentence: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).description(Some(sentence))
}

fn words<const N: usize>(sentence: &str, values: [impl serde::Serialize; N]) -> Schema {
    let words = values.iter().map(|value| serde_json::to_value(value).unwrap_or(Value::Null));
    text(sentence).enum_values(Some(words)).build().into()
}
