use interactive_sfu::SfuError;

use super::*;
use crate::Config;
use crate::testing::Rig;

const SDP_TYPE: (&str, &str) = ("content-type", "application/sdp");
const FRAGMENT_TYPE: (&str, &str) = ("content-type", "application/trickle-ice-sdpfrag");
const JSON_TYPE: (&str, &str) = ("content-type", "application/json");

fn asked(rig: &Rig) -> Vec<String> {
    std::mem::take(&mut *rig.media.asked.lock().unwrap())
}

#[tokio::test]
async fn a_whip_post_is_answered_with_a_session() {
    let ice_servers = vec![
        IceServer { url: "stun:s.example".into(), ..IceServer::default() },
        IceServer {
            url: "turn:t.example?transport=udp".into(),
            username: Some("u".into()),
            credential: Some("c".into()),
            ..IceServer::default()
        },
    ];
    let rig = Rig::with(Config { ice_servers, ..Config::default() }, false).await;
    let (name, token) = rig.bearer("demo", "publish");
    let reply = rig.send("POST", "/whip/demo", &[(name, &token), SDP_TYPE], "v=0 offer").await;
    assert_eq!((reply.status, reply.header("location"), reply.header("etag")), (201, "/whip/demo/s1", "\"e1\""));
    assert_eq!((reply.header("content-type"), &reply.body[..]), ("application/sdp", &b"v=0 answer"[..]));
    assert_eq!(reply.header("accept-patch"), "application/trickle-ice-sdpfrag");
    assert!(reply.header("access-control-expose-headers").contains("Location"));
    let links: Vec<_> = reply.headers.get_all("link").iter().map(|link| link.to_str().unwrap()).collect();
    assert_eq!(
        links,
        [
            r#"<stun:s.example>; rel="ice-server""#,
            r#"<turn:t.example?transport=udp>; rel="ice-server"; username="u"; credential="c"; credential-type="password""#
        ]
    );
    assert_eq!(asked(&rig), ["publish demo ann None v=0 offer"]);
}

#[tokio::test]
async fn a_whep_post_may_name_a_participant_and_is_told_of_layers() {
    let rig = Rig::new().await;
    let (name, token) = rig.bearer("demo", "subscribe");
    let reply = rig.send("POST", "/whep/demo?participant=bob", &[(name, &token), SDP_TYPE], "v=0").await;
    assert_eq!((reply.status, reply.header("location")), (201, "/whep/demo/s1"));
    assert_eq!(reply.header("link"), r#"</whep/demo/s1/layer>; rel="urn:ietf:params:whep:ext:core:layer""#);
    assert_eq!(asked(&rig), [r#"subscribe demo ann Some("bob") v=0"#]);
    let nobody = rig.send("POST", "/whep/demo?participant=", &[(name, &token), SDP_TYPE], "v=0").await;
    assert_eq!(nobody.status, 422, "an empty text is no identity");
}

#[tokio::test]
async fn tokens_open_what_they_grant_and_nothing_else() {
    let rig = Rig::new().await;
    for (path, grants, room, status) in [
        ("/whip/demo", "publish", "demo", 201),
        ("/whip/demo", "subscribe", "demo", 403),
        ("/whip/demo", "publish", "other", 403),
        ("/whip/other", "publish", "demo", 403),
        ("/whip/other", "publish", "other", 404),
        ("/whip/a%20b", "publish", "a b", 404),
        ("/whep/demo", "subscribe", "demo", 201),
        ("/whep/demo", "publish", "demo", 403),
        ("/whep/demo", "subscribe", "other", 403),
        ("/whip/demo", "operator", "other", 201),
        ("/whep/demo", "operator", "other", 201),
    ] {
        let (name, token) = rig.bearer(room, grants);
        let reply = rig.send("POST", path, &[(name, &token), SDP_TYPE], "v=0").await;
        assert_eq!(reply.status, status, "{path} with {grants} for {room}");
        assert_eq!(reply.header("www-authenticate").contains("insufficient_scope"), status == 403);
    }
    for session_request in [("PATCH", "/whip/demo/s1"), ("DELETE", "/whip/demo/s1"), ("POST", "/whep/demo/s1/layer")] {
        let reply = rig.send(session_request.0, session_request.1, &[FRAGMENT_TYPE], "").await;
        assert_eq!((reply.status, reply.header("www-authenticate")), (401, "Bearer"), "{session_request:?}");
    }
    for bad in ["Bearer x.y.z", "Basic abc", "Bearer", ""] {
        let reply = rig.send("POST", "/whip/demo", &[("authorization", bad), SDP_TYPE], "v=0").await;
        assert_eq!(reply.status, 401, "{bad}");
        assert!(reply.header("www-authenticate").starts_with("Bearer"));
        assert_eq!(reply.header("access-control-allow-origin"), "*", "a page must be able to read why");
    }
}

#[tokio::test]
async fn what_the_sfu_refuses_comes_back_with_its_status() {
    let rig = Rig::new().await;
    let (name, token) = rig.bearer("demo", "publish subscribe");
    for (error, status) in [
        (SfuError::MalformedSdp("x".into()), 400),
        (SfuError::UnacceptableOffer("x".into()), 422),
        (SfuError::NotLive, 409),
        (SfuError::Full("x".into()), 503),
        (SfuError::ShuttingDown, 503),
    ] {
        *rig.media.join.lock().unwrap() = Some(Err(error));
        let reply = rig.send("POST", "/whep/demo", &[(name, &token), SDP_TYPE], "v=0").await;
        assert_eq!(reply.status, status);
        assert_eq!(reply.header("retry-after").is_empty(), !matches!(status, 409 | 503));
    }
    for (error, status) in [
        (SfuError::PreconditionRequired, 428),
        (SfuError::StaleIceSession, 412),
        (SfuError::UnacceptableOffer("x".into()), 422),
        (SfuError::UnknownSession, 404),
    ] {
        *rig.media.patch.lock().unwrap() = Some(Err(error));
        let reply = rig.send("PATCH", "/whip/demo/s1", &[(name, &token), FRAGMENT_TYPE], "a=x").await;
        assert_eq!(reply.status, status);
    }
    *rig.media.other.lock().unwrap() = Some(SfuError::UnknownSession);
    assert_eq!(rig.send("DELETE", "/whip/demo/s1", &[(name, &token)], "").await.status, 404);
}

#[tokio::test]
async fn bodies_have_a_type_and_a_size() {
    let rig = Rig::new().await;
    let (name, token) = rig.bearer("demo", "publish subscribe");
    let long = "x".repeat(extract::BODY_BYTES_MAX + 1);
    for (method, path, content_type, body, status) in [
        ("POST", "/whip/demo", "text/plain", "v=0", 415),
        ("POST", "/whip/demo", "Application/SDP; charset=utf-8", "v=0", 201),
        ("POST", "/whip/demo", "application/sdp", &long, 413),
        ("PATCH", "/whip/demo/s1", "application/sdp", "a=x", 415),
        ("POST", "/whep/demo/s1/layer", "text/plain", "{}", 415),
        ("POST", "/whep/demo/s1/layer", "application/json", "{", 400),
        ("POST", "/whep/demo/s1/layer", "application/json", r#"{"maxWidth":-1,"maxHeight":0}"#, 422),
        ("POST", "/whep/demo/s1/layer", "application/json", r#"{"maxWidth":99999,"maxHeight":0}"#, 422),
    ] {
        let reply = rig.send(method, path, &[(name, &token), ("content-type", content_type)], body).await;
        assert_eq!(reply.status, status, "{method} {path} {content_type}");
    }
    let reply = rig.send("POST", "/whip/demo", &[(name, &token)], "v=0").await;
    assert_eq!(reply.status, 415, "no content type at all");
}

#[tokio::test]
async fn offer_is_not_read_before_the_token_and_the_room_are_known() {
    let rig = Rig::new().await;
    let (name, token) = rig.bearer("demo", "publish");
    let (_, elsewhere) = rig.bearer("other", "publish");
    for (path, token, status) in [
        ("/whip/demo", "", Some(401)),
        ("/whep/demo", &token, Some(403)),
        ("/whip/other", &elsewhere, Some(404)),
        ("/whip/demo", &token, None),
    ] {
        let reply = rig.send_without_end("POST", path, &[(name, token), SDP_TYPE]).await;
        assert_eq!(reply.map(|reply| reply.status), status, "{path}; None: the offer is waited for");
    }
}

#[tokio::test]
async fn a_session_is_patched_limited_and_left() {
    let rig = Rig::new().await;
    let (name, token) = rig.bearer("demo", "publish subscribe");
    let auth = (name, token.as_str());
    let reply = rig.send("PATCH", "/whip/demo/s1", &[auth, FRAGMENT_TYPE, ("if-match", "\"e1\"")], "a=1").await;
    assert_eq!((reply.status, reply.body.len()), (204, 0));

    let restarted = Patched::Restarted { etag: "e2".into(), fragment: "a=ice".into() };
    *rig.media.patch.lock().unwrap() = Some(Ok(restarted));
    let reply = rig.send("PATCH", "/whep/demo/s1", &[auth, FRAGMENT_TYPE, ("if-match", "\"*\"")], "a=2").await;
    assert_eq!((reply.status, reply.header("etag"), &reply.body[..]), (200, "\"e2\"", &b"a=ice"[..]));
    assert_eq!(reply.header("content-type"), "application/trickle-ice-sdpfrag");

    let limit = r#"{"maxWidth":640,"maxHeight":360}"#;
    assert_eq!(rig.send("POST", "/whep/demo/s1/layer", &[auth, JSON_TYPE], limit).await.status, 204);
    assert_eq!(rig.send("DELETE", "/whep/demo/s1", &[auth], "").await.status, 200);
    assert_eq!(
        asked(&rig),
        [r#"patch demo s1 Some("e1") a=1"#, r#"patch demo s1 Some("*") a=2"#, "layer demo s1 640x360", "leave demo s1"]
    );
}

#[tokio::test]
async fn options_need_no_token_and_other_methods_are_refused() {
    let rig = Rig::new().await;
    for (path, header, value) in [
        ("/whip/demo", "accept-post", "application/sdp"),
        ("/whep/demo", "accept-post", "application/sdp"),
        ("/whip/demo/s1", "accept-patch", "application/trickle-ice-sdpfrag"),
        ("/whep/demo/s1/layer", "accept-post", "application/json"),
    ] {
        let reply = rig.send("OPTIONS", path, &[("origin", "https://x")], "").await;
        assert_eq!((reply.status, reply.header(header)), (204, value), "{path}");
        assert!(reply.header("access-control-allow-headers").contains("Authorization"));
        assert!(reply.header("access-control-allow-methods").contains("PATCH"));
    }
    for (method, path) in
        [("GET", "/whip/demo"), ("PUT", "/whep/demo"), ("POST", "/whip/demo/s1"), ("GET", "/whep/demo/s1")]
    {
        let reply = rig.send(method, path, &[], "").await;
        assert_eq!(reply.status, 405, "{method} {path}");
        assert!(reply.header("allow").contains("OPTIONS"));
    }
}
