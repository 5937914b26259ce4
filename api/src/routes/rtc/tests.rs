use crate::testing::Rig;

const UPGRADE: [(&str, &str); 4] = [
    ("connection", "upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

#[tokio::test]
async fn validate_says_who_gets_in_and_any_page_may_read_it() {
    let rig = Rig::new().await;
    let bearer = |room: &str, grants: &str| rig.bearer(room, grants).1;
    let token = |room: &str, grants: &str| bearer(room, grants).trim_start_matches("Bearer ").to_owned();
    let table = [(token("demo", "publish"), 200), (token("other", "publish"), 404), ("nonsense".to_owned(), 401)];
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
async fn what_is_not_there_yet_sends_clients_to_what_is() {
    let rig = Rig::new().await;
    for path in ["/rtc/v1", "/rtc/v1/validate"] {
        let reply = rig.send_raw("GET", path, &[], vec![]).await;
        assert_eq!((reply.status, reply.header("access-control-allow-origin")), (404, "*"));
        // Those words mean something else to clients.
        assert!(!String::from_utf8_lossy(&reply.body).contains("requested room does not exist"));
    }
}

#[tokio::test]
async fn a_socket_is_for_websockets() {
    let rig = Rig::new().await;
    let bearer = rig.bearer("demo", "publish").1;
    let plain = rig.send_raw("GET", "/rtc", &[("authorization", &bearer)], vec![]).await;
    assert_eq!((plain.status, plain.header("access-control-allow-origin")), (400, "*"));
    let nobody = rig.send_raw("GET", "/rtc", &UPGRADE, vec![]).await;
    assert_eq!(nobody.status, 401);
}
