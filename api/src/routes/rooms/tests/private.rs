//! Private rooms, and tokens for them.

use packager::NotServed;
use rooms::Visibility;

use super::JSON_TYPE;
use crate::Config;
use crate::testing::{Reply, Rig};

#[tokio::test]
async fn a_private_room_is_shown_to_its_bearers_and_to_strangers_as_one_that_does_not_exist() {
    let rig = Rig::new().await;
    rig.broadcast(Some(Err(NotServed::NotFound)));
    rig.set(|room| room.visibility = Visibility::Private).await;
    let refusal = |reply: Reply| {
        assert_eq!(reply.status, 404);
        let body = String::from_utf8(reply.body.to_vec()).unwrap();
        let mut headers = reply.headers;
        headers.remove("x-request-id");
        (headers, body)
    };
    let nothing = refusal(rig.get("/v1/rooms/nobody", &[]).await);
    let bearer = |token: String| ("authorization", format!("Bearer {token}"));
    let mut changed = rig.playback_token("demo", 0, None);
    changed.replace_range(10..11, if changed.as_bytes()[10] == b'A' { "B" } else { "A" });
    for (who, credential) in [
        ("another room's bearer", rig.bearer("other", "publish subscribe admin")),
        ("a changed playback token", bearer(changed)),
        ("another room's playback token", bearer(rig.playback_token("other", 0, None))),
        ("an earlier room's playback token", bearer(rig.playback_token("demo", 1, None))),
        ("another address's playback token", bearer(rig.playback_token("demo", 0, Some("192.0.2.0/24")))),
        ("nonsense", bearer("nonsense".into())),
        ("who may make rooms", rig.bearer("other", "create")),
    ] {
        let reply = rig.get("/v1/rooms/demo", &[(credential.0, &credential.1)]).await;
        assert_eq!(refusal(reply), nothing, "{who}");
        let reply = rig.get("/v1/rooms/nobody", &[(credential.0, &credential.1)]).await;
        assert_eq!(refusal(reply), nothing, "{who}");
    }
    assert_eq!(refusal(rig.get("/v1/rooms/demo", &[]).await), nothing);
    for room in ["demo", "nobody"] {
        let reply = rig.get(&format!("/v1/rooms/{room}"), &[("authorization", "Bearer x.y.z")]).await;
        assert_eq!(reply.status, 401, "{room}");
    }

    let playback = rig.playback_token("demo", 0, None);
    for (who, credential, watches) in [
        ("a viewer", rig.bearer("demo", "subscribe"), true),
        ("a moderator", rig.bearer("demo", "admin"), true),
        ("who may list rooms", rig.bearer("other", "list"), false),
        ("who may publish alone", rig.bearer("demo", "publish"), false),
        ("an operator", rig.bearer("other", "operator"), true),
        ("a playback token", bearer(playback), true),
    ] {
        let reply = rig.get("/v1/rooms/demo", &[(credential.0, &credential.1)]).await;
        assert_eq!((reply.status, reply.header("cache-control")), (200, "no-store"), "{who}");
        let playlist = reply.json()["playlist"].as_str().map(str::to_owned);
        assert_eq!(playlist.is_some(), watches, "{who}");
        if let Some(playlist) = playlist {
            assert!(playlist.starts_with("/live/t/") && playlist.ends_with("/demo/index.m3u8"), "{playlist}");
            let object = rig.get(&playlist, &[]).await.json()["type"].clone();
            assert_eq!(object, "urn:spillway:problem:no-such-object", "{who} reaches the broadcast");
        }
    }
}

#[tokio::test]
async fn lists_leave_out_what_is_not_public_but_for_its_bearers() {
    let rig = Rig::new().await;
    for (visibility, strangers) in [(Visibility::Public, 1), (Visibility::Unlisted, 0), (Visibility::Private, 0)] {
        rig.set(move |room| room.visibility = visibility).await;
        let seen = |reply: Reply| reply.json()["rooms"].as_array().unwrap().len();
        assert_eq!(seen(rig.get("/v1/rooms", &[]).await), strangers, "{visibility:?}");
        for (room, grants, count) in
            [("other", "publish subscribe", strangers), ("demo", "subscribe", 1), ("other", "list", 1)]
        {
            let (name, token) = rig.bearer(room, grants);
            assert_eq!(seen(rig.get("/v1/rooms", &[(name, &token)]).await), count, "{visibility:?} {room} {grants}");
        }
    }
}

#[tokio::test]
async fn playback_tokens_are_made_for_who_administers_the_room() {
    let config = Config { playlist_base_url: Some("https://cdn.example".into()), ..Config::default() };
    let rig = Rig::with(config, false).await;
    rig.set(|room| room.visibility = Visibility::Private).await;
    rig.broadcast(Some(Err(NotServed::NotFound)));
    let path = "/v1/rooms/demo/playback-token";
    for room in ["demo", "nobody"] {
        let path = format!("/v1/rooms/{room}/playback-token");
        assert_eq!(rig.send("POST", &path, &[JSON_TYPE], "{}").await.status, 401);
        let (name, token) = rig.bearer("demo", "publish subscribe list");
        assert_eq!(rig.send("POST", &path, &[(name, &token), JSON_TYPE], "{}").await.status, 403, "{room}");
    }
    let (name, token) = rig.bearer("demo", "admin");
    let headers = [(name, token.as_str()), JSON_TYPE];
    for (body, status) in [
        (r#"{"ttl_seconds":0}"#, 422),
        (r#"{"ttl_seconds":31536001}"#, 422),
        (r#"{"ttl_seconds":-1}"#, 422),
        (r#"{"address":"192.0.2.0/99"}"#, 422),
        (r#"{"room":"demo"}"#, 422),
        ("", 400),
        ("{}", 200),
        (r#"{"ttl_seconds":60,"address":"192.0.2.0/24"}"#, 200),
    ] {
        assert_eq!(rig.send("POST", path, &headers, body).await.status, status, "{body}");
    }
    let made = rig.send("POST", path, &headers, r#"{"ttl_seconds":60}"#).await;
    assert_eq!(made.header("cache-control"), "no-store");
    let (made, token) = (made.json(), made.json()["token"].as_str().unwrap().to_owned());
    assert_eq!(made["watch"], format!("/watch/demo#t={token}"));
    assert_eq!(made["playlist"], format!("https://cdn.example/live/t/{token}/demo/index.m3u8"));
    let bearer = format!("Bearer {token}");
    let seen = rig.get("/v1/rooms/demo", &[("authorization", &bearer)]).await.json();
    assert_eq!(seen["playlist"], made["playlist"]);
    let (name, token) = rig.bearer("x", "operator");
    let reply = rig.send("POST", "/v1/rooms/nobody/playback-token", &[(name, &token), JSON_TYPE], "{}").await;
    assert_eq!(reply.status, 404);
}

#[tokio::test]
async fn the_asking_gives_no_token_for_a_private_room() {
    let rig = Rig::new().await;
    rig.set(|room| room.visibility = Visibility::Private).await;
    let ask = async |room: &str| {
        let path = format!("/v1/rooms/{room}/dev-token");
        let reply = rig.send("POST", &path, &[JSON_TYPE], r#"{"identity":"ann"}"#).await;
        (reply.status, reply.body)
    };
    assert_eq!(ask("demo").await.0, 404);
    assert_eq!(ask("demo").await, ask("nobody").await);
}
