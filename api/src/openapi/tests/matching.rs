//! Real answers against the schemas that describe them.

use interactive_sfu::{SessionId, Speaker};
use rooms::{BroadcastSetting, Layout, RecordSetting, Visibility};
use serde_json::{Value, json};

use super::document;
use crate::Config;
use crate::testing::{Reply, Rig};

/// Fails where `value` is not as `schema` says, or has a property that `schema` does not name.
fn check(document: &Value, schema: &Value, value: &Value, place: &str) -> Result<(), String> {
    if let Some(reference) = schema["$ref"].as_str() {
        return check(document, document.pointer(&reference[1..]).unwrap(), value, place);
    }
    if let Some(cases) = schema["oneOf"].as_array() {
        let fitting = cases.iter().filter(|case| check(document, case, value, place).is_ok()).count();
        return if fitting == 1 { Ok(()) } else { Err(format!("{place}: {fitting} cases fit {value}")) };
    }
    let types = match &schema["type"] {
        Value::Array(types) => types.clone(),
        Value::Null => return Ok(()),
        one => vec![one.clone()],
    };
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    if !types.contains(&json!(found)) {
        return Err(format!("{place}: {found} instead of {types:?}"));
    }
    if schema["enum"].as_array().is_some_and(|words| !words.contains(value)) {
        return Err(format!("{place}: {value} is no word of {}", schema["enum"]));
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        check(document, &schema["items"], item, &format!("{place}[{index}]"))?;
    }
    let required = schema["required"].as_array().into_iter().flatten();
    if let Some(missing) = required.filter_map(Value::as_str).find(|name| value.get(name).is_none()) {
        return Err(format!("{place}: {missing} is missing"));
    }
    for (name, field) in value.as_object().into_iter().flatten() {
        let schema = schema["properties"].get(name).ok_or(format!("{place}: {name} is not described"))?;
        check(document, schema, field, &format!("{place}.{name}"))?;
    }
    Ok(())
}

/// Checks an answer against what its operation says of its status.
#[track_caller]
fn check_answer(document: &Value, method: &str, path: &str, reply: &Reply) {
    let responses = &document["paths"][path][method]["responses"];
    let response = responses.get(reply.status.to_string()).or(responses.get("default"));
    let mut response = response.unwrap_or_else(|| panic!("{method} {path} does not describe {}", reply.status));
    if let Some(reference) = response["$ref"].as_str() {
        response = document.pointer(&reference[1..]).unwrap();
    }
    // A conflict that does not pass by itself has no Retry-After.
    let headers = response["headers"].as_object().filter(|_| reply.status != 409);
    for name in headers.into_iter().flat_map(|headers| headers.keys()) {
        assert!(reply.headers.contains_key(name), "{method} {path} {}: no {name}", reply.status);
    }
    let Some(content) = response["content"].as_object() else { return assert!(reply.body.is_empty()) };
    let media_type = reply.header("content-type").split(';').next().unwrap();
    let body = content.get(media_type).unwrap_or_else(|| panic!("{path}: {media_type} is not described"));
    let value = if media_type.ends_with("json") { reply.json() } else { String::from_utf8_lossy(&reply.body).into() };
    check(document, &body["schema"], &value, path).unwrap();
}

#[tokio::test]
async fn answers_are_as_their_schemas_say() {
    let rig = Rig::with(Config::default(), true).await;
    let document = document(&rig).await;
    let (identity, name, session) = ("ada".parse().unwrap(), "Ada".into(), SessionId::from("s1"));
    let speaker = Speaker { identity, name, session, audio: true, video: false };
    rig.media.speakers.lock().unwrap().push(speaker);
    let everything = rig.bearer("demo", "create list admin operator publish subscribe").1;
    let (all, none, json) = (Some(everything.as_str()), None, "application/json");
    for (method, path, url, token, kind, body) in [
        ("get", "/v1/rooms", "/v1/rooms", none, "", ""),
        ("get", "/v1/rooms", "/v1/rooms", Some("Bearer x"), "", ""),
        ("get", "/v1/rooms/{room}", "/v1/rooms/demo", none, "", ""),
        ("get", "/v1/rooms/{room}", "/v1/rooms/missing", none, "", ""),
        ("post", "/v1/rooms", "/v1/rooms", all, json, r#"{"room": "new", "layout": {"single": "ada"}}"#),
        ("post", "/v1/rooms", "/v1/rooms", all, json, r#"{"room": "demo"}"#),
        ("post", "/v1/rooms", "/v1/rooms", all, json, r#"{"room": "no name"}"#),
        ("post", "/v1/rooms", "/v1/rooms", all, json, "{"),
        ("post", "/v1/rooms", "/v1/rooms", all, "text/plain", ""),
        ("post", "/v1/rooms", "/v1/rooms", none, json, ""),
        ("patch", "/v1/rooms/{room}", "/v1/rooms/demo", all, json, r#"{"layout": "active-speaker"}"#),
        ("post", "/v1/rooms/{room}/playback-token", "/v1/rooms/demo/playback-token", all, json, "{}"),
        ("post", "/v1/rooms/{room}/join", "/v1/rooms/demo/join", none, json, "{}"),
        ("post", "/v1/rooms/{room}/join", "/v1/rooms/demo/join", all, json, r#"{"delivery": "broadcast"}"#),
        ("post", "/v1/rooms/{room}/join", "/v1/rooms/nobody/join", none, json, "{}"),
        ("post", "/v1/rooms/{room}/dev-token", "/v1/rooms/demo/dev-token", none, json, r#"{"identity": "ada"}"#),
        ("delete", "/v1/rooms/{room}", "/v1/rooms/new", all, "", ""),
        ("options", "/whip/{room}", "/whip/demo", none, "", ""),
        ("post", "/whip/{room}", "/whip/demo", none, "application/sdp", ""),
        ("delete", "/whep/{room}/{session}", "/whep/demo/s1", all, "", ""),
        ("patch", "/whep/{room}/{session}", "/whep/demo/s1", all, "application/trickle-ice-sdpfrag", ""),
        ("options", "/whep/{room}/{session}/layer", "/whep/demo/s1/layer", none, "", ""),
        ("get", "/rtc", "/rtc", none, "", ""),
        ("get", "/rtc/validate", "/rtc/validate", none, "", ""),
        ("post", "/twirp/livekit.RoomService/{method}", "/twirp/livekit.RoomService/ListRooms", none, json, "{}"),
        ("post", "/twirp/livekit.RoomService/{method}", "/twirp/livekit.RoomService/ListRooms", all, json, "{}"),
        ("get", "/live/{room}/index.m3u8", "/live/demo/index.m3u8", none, "", ""),
        ("get", "/healthz", "/healthz", none, "", ""),
        ("get", "/readyz", "/readyz", none, "", ""),
        ("get", "/metrics", "/metrics", none, "", ""),
        ("get", "/openapi.json", "/openapi.json", none, "", ""),
    ] {
        let token = token.map(|token| ("authorization", token));
        let kind = Some(("content-type", kind)).filter(|(_, kind)| !kind.is_empty());
        let headers: Vec<_> = token.into_iter().chain(kind).collect();
        let reply = rig.send_raw(&method.to_uppercase(), url, &headers, body.into()).await;
        check_answer(&document, method, path, &reply);
    }
}

/// The words of a setting's schema are those of its type: a new variant does not compile here until it is added.
#[tokio::test]
async fn schemas_have_every_word_of_the_settings() {
    let rig = Rig::new().await;
    let document = document(&rig).await;
    let check = |schema: &str, value: Value| {
        check(&document, &json!({ "$ref": format!("#/components/schemas/{schema}") }), &value, schema).unwrap();
    };
    let next = |setting| match setting {
        BroadcastSetting::Off => Some(BroadcastSetting::Auto),
        BroadcastSetting::Auto => Some(BroadcastSetting::On),
        BroadcastSetting::On => None,
    };
    for setting in std::iter::successors(Some(BroadcastSetting::Off), |setting| next(*setting)) {
        check("BroadcastSetting", json!(setting));
    }
    let next = |setting| match setting {
        Visibility::Public => Some(Visibility::Unlisted),
        Visibility::Unlisted => Some(Visibility::Private),
        Visibility::Private => None,
    };
    for setting in std::iter::successors(Some(Visibility::Public), |setting| next(*setting)) {
        check("Visibility", json!(setting));
    }
    let next = |setting| match setting {
        RecordSetting::Off => Some(RecordSetting::On),
        RecordSetting::On => None,
    };
    for setting in std::iter::successors(Some(RecordSetting::Off), |setting| next(*setting)) {
        check("RecordSetting", json!(setting));
    }
    let next = |layout: &Layout| match layout {
        Layout::Grid => Some(Layout::ActiveSpeaker),
        Layout::ActiveSpeaker => Some(Layout::Single("ada".into())),
        Layout::Single(_) => None,
    };
    for layout in std::iter::successors(Some(Layout::Grid), |layout| next(layout)) {
        check("Layout", json!(layout));
    }
}
