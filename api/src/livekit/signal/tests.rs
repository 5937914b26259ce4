use rooms::{BroadcastSetting, RecordSetting, RoomSettings, Visibility};

use crate::Config;
use crate::testing::Rig;

const UPGRADE: [(&str, &str); 4] = [
    ("connection", "upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

#[tokio::test]
async fn validate_answers_by_token_and_any_page_may_read_it() {
    let rig = Rig::new().await;
    let bearer = |room: &str, grants: &str| rig.bearer(room, grants).1;
    let token = |room: &str, grants: &str| bearer(room, grants).trim_start_matches("Bearer ").to_owned();
    let table = [(token("demo", "publish"), 200), (token("a b", "publish"), 404), ("nonsense".to_owned(), 401)];
    for (token, status) in table {
        let reply = rig.send_raw("GET", &format!("/rtc/validate?access_token={token}"), &[], vec![]).await;
        assert_eq!((reply.status, reply.header("access-control-allow-origin")), (status, "*"), "{token}");
    }
    let by_header = bearer("demo", "publish");
    let reply = rig.send_raw("GET", "/rtc/validate", &[("authorization", &by_header)], vec![]).await;
    assert_eq!((reply.status, &reply.body[..]), (200, &b"success"[..]));
    assert_eq!(rig.send_raw("GET", "/rtc/validate", &[], vec![]).await.status, 401);
}

#[tokio::test]
async fn token_makes_its_missing_room_only_if_auto_create_rooms_is_on() {
    for (auto_create_rooms, status) in [(true, 200), (false, 404)] {
        let rig = Rig::with(Config { auto_create_rooms, room_idle_end_seconds: 77, ..Config::default() }, false).await;
        let bearer = rig.bearer("new", "publish").1;
        let reply = rig.send_raw("GET", "/rtc/validate", &[("authorization", &bearer)], vec![]).await;
        assert_eq!(reply.status, status);
        let made = rig.rooms.get("new").await.ok();
        assert_eq!(made.map(|room| room.idle_end_seconds), auto_create_rooms.then_some(77));
    }
}

#[tokio::test]
async fn room_made_by_a_token_has_the_configured_settings_private_by_default() {
    let open = RoomSettings { record: RecordSetting::On, ..RoomSettings::REST };
    for livekit_rooms in [RoomSettings::default(), open] {
        let rig = Rig::with(Config { livekit_rooms, ..Config::default() }, false).await;
        let bearer = rig.bearer("new", "publish").1;
        let reply = rig.send_raw("GET", "/rtc/validate", &[("authorization", &bearer)], vec![]).await;
        assert_eq!(reply.status, 200);
        let made = rig.rooms.get("new").await.unwrap();
        let (broadcast, visibility, record) = (made.broadcast.setting, made.visibility, made.record);
        assert_eq!(RoomSettings { broadcast, visibility, record }, livekit_rooms);
    }
    let closed = RoomSettings::default();
    assert_eq!(
        (closed.broadcast, closed.visibility, closed.record),
        (BroadcastSetting::Off, Visibility::Private, RecordSetting::Off)
    );
}

#[tokio::test]
async fn join_request_of_v1_is_decoded_and_a_malformed_one_refused() {
    let rig = Rig::new().await;
    let bearer = rig.bearer("demo", "publish").1;
    let validate = async |query: &str| {
        let headers = [("authorization", bearer.as_str())];
        let reply = rig.send_raw("GET", &format!("/rtc/v1/validate{query}"), &headers, vec![]).await;
        assert_eq!(reply.header("access-control-allow-origin"), "*", "{query}");
        reply.status
    };
    // A `WrappedJoinRequest` of nothing is one that asks for nothing in particular.
    assert_eq!(validate("?join_request=").await, 200);
    assert_eq!(validate("").await, 200);
    for nonsense in ["%25%25", "_____w", "CAEaAXg"] {
        assert_eq!(validate(&format!("?join_request={nonsense}")).await, 400, "{nonsense}");
    }
    let stranger = rig.send_raw("GET", "/rtc/v1/validate?join_request=_____w", &[], vec![]).await;
    assert_eq!(stranger.status, 401, "a stranger's request is not decoded");
    // The older path ignores the parameter of the newer one, and the other way round.
    let older = rig.send_raw("GET", "/rtc/validate?join_request=_____w", &[("authorization", &bearer)], vec![]).await;
    assert_eq!(older.status, 200);
}

#[tokio::test]
async fn plain_request_to_a_socket_is_refused() {
    let rig = Rig::new().await;
    let bearer = rig.bearer("demo", "publish").1;
    let plain = rig.send_raw("GET", "/rtc", &[("authorization", &bearer)], vec![]).await;
    assert_eq!((plain.status, plain.header("access-control-allow-origin")), (400, "*"));
    let nobody = rig.send_raw("GET", "/rtc", &UPGRADE, vec![]).await;
    assert_eq!(nobody.status, 401);
}
