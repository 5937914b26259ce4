use http::header::SEC_WEBSOCKET_PROTOCOL;
use rooms::Visibility;

use super::*;
use crate::testing::Rig;

const PATH: &str = "/v1/rooms/demo/events";

#[tokio::test]
async fn private_room_hides_itself_and_an_open_one_takes_anybody_as_far_as_the_handshake() {
    let rig = Rig::new().await;
    let status = async |path: &str, headers: &[(&str, &str)]| rig.get(path, headers).await.status;
    // These requests open no WebSocket, which is the last thing that is asked for.
    assert_eq!(status(PATH, &[]).await, 400);
    assert_eq!(status("/v1/rooms/nowhere/events", &[]).await, 404);
    assert_eq!(status(PATH, &[("authorization", "Bearer a.b.c")]).await, 401);
    assert_eq!(status(&format!("{PATH}?access_token=a.b.c"), &[]).await, 401);
    assert_eq!(status(&format!("{PATH}?access_token=worthless"), &[]).await, 404);

    rig.set(|room| room.visibility = Visibility::Private).await;
    let made_at = rig.rooms.access("demo").unwrap().created_at_utc_ms;
    let playback = rig.playback_token("demo", made_at, None);
    let nowhere = rig.get("/v1/rooms/nowhere/events", &[]).await;
    let hidden = rig.get(PATH, &[]).await;
    assert_eq!((hidden.status, &hidden.body), (404, &nowhere.body));
    assert_eq!(status(&format!("{PATH}?access_token={playback}"), &[]).await, 400);
    assert_eq!(status(PATH, &[("authorization", &format!("Bearer {playback}"))]).await, 400);
    for (grants, expected) in [("subscribe", 400), ("publish", 403), ("admin", 400)] {
        let (name, bearer) = rig.bearer("demo", grants);
        assert_eq!(status(PATH, &[(name, &bearer)]).await, expected, "{grants}");
        let token = bearer.trim_start_matches("Bearer ");
        assert_eq!(status(&format!("{PATH}?access_token={token}"), &[]).await, expected, "{grants}");
    }
    let (name, bearer) = rig.bearer("other", "subscribe");
    assert_eq!(status(PATH, &[(name, &bearer)]).await, 404);
}

#[tokio::test]
async fn page_of_another_origin_is_refused_where_origins_are_named() {
    let config = Config { events_origins: vec!["https://app.example".into()], ..Config::default() };
    let rig = Rig::with(config, false).await;
    for (origin, expected) in [
        (None, 400),
        (Some("https://app.example"), 400),
        (Some("https://App.example"), 400),
        (Some("http://live.example:8080"), 400),
        (Some("https://app.example.evil"), 403),
        (Some("http://app.example"), 403),
        (Some("null"), 403),
    ] {
        let headers = origin.map(|origin| ("origin", origin)).into_iter().chain([("host", "live.example:8080")]);
        let reply = rig.get(PATH, &headers.collect::<Vec<_>>()).await;
        assert_eq!(reply.status, expected, "{origin:?}");
        assert_eq!(reply.header("www-authenticate"), "", "a token would not help");
    }
    let anybody = Rig::new().await;
    assert_eq!(anybody.get(PATH, &[("origin", "https://evil.example")]).await.status, 400);
}

#[test]
fn subprotocol_is_ours_or_none_was_offered() {
    let agreed = |offered: &[&'static str]| {
        let headers = offered.iter().map(|value| (SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(value)));
        protocol(&HeaderMap::from_iter(headers)).map(|agreed| agreed.is_some()).ok()
    };
    assert_eq!(agreed(&[]), Some(false));
    assert_eq!((agreed(&["spillway.v1.json"]), agreed(&["a, spillway.v1.json"])), (Some(true), Some(true)));
    assert_eq!((agreed(&["spillway.v1.proto"]), agreed(&[""]), agreed(&["spillway"])), (None, None, None));
}

#[test]
fn bearer_of_a_token_for_another_room_is_a_guest() {
    let grants = |room: &str, identity: &str| Grants {
        room: Some(room.to_owned()),
        identity: identity.parse().ok(),
        ..access::nobody()
    };
    let known = identity(&grants("demo", "ann"), "demo").unwrap();
    assert_eq!((known.0.as_str(), known.1, known.2), ("ann", Class::Viewer, false));
    assert!(identity(&grants("other", "ann"), "demo").is_none() && identity(&grants("demo", ""), "demo").is_none());
    let (one, other) = (guest().unwrap(), guest().unwrap());
    assert!(one.starts_with("guest-") && one != other);
}
