use http::header::ACCEPT_ENCODING;

use super::*;
use crate::Config;
use crate::testing::Rig;

#[tokio::test]
async fn every_page_is_the_same_document_asked_for_anew() {
    let rig = Rig::new().await;
    for path in ["/", "/docs", "/watch/demo", "/stage/demo"] {
        let reply = rig.get(path, &[]).await;
        assert_eq!((reply.status, reply.header("cache-control")), (200, "no-cache"), "{path}");
        assert_eq!(reply.header("content-type"), "text/html; charset=utf-8");
        assert!(reply.header("content-security-policy").contains("worker-src 'self' blob:"));
        assert!(reply.header("permissions-policy").contains("camera=(self)"));
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
    }
    let probe = rig.send("HEAD", "/", &[], "").await;
    assert_eq!((probe.status, probe.header("access-control-allow-origin")), (200, "*"));
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_with_a_request_id() {
    let rig = Rig::new().await;
    for path in ["/nothing", "/assets/nothing.js", "/assets/../Cargo.toml", "/v1/nothing", "/a/b/c"] {
        let reply = rig.get(path, &[("x-request-id", "abc-1")]).await;
        assert_eq!((reply.status, reply.header("x-request-id")), (404, "abc-1"), "{path}");
        assert_eq!(reply.header("cache-control"), "no-store");
    }
    let reply = rig.get("/nothing", &[("x-request-id", "not good")]).await;
    assert_eq!(reply.header("x-request-id").len(), 16);
}

#[tokio::test]
async fn health_readiness_and_metrics_are_never_cached() {
    let rig = Rig::new().await;
    for (path, body) in [("/healthz", "ok\n"), ("/readyz", "ready\n"), ("/metrics", "spillway_up 1\n")] {
        let reply = rig.get(path, &[]).await;
        assert_eq!((reply.status, &reply.body[..], reply.header("cache-control")), (200, body.as_bytes(), "no-store"));
    }
    rig.lifecycle.drain();
    assert_eq!(rig.get("/readyz", &[]).await.status, 503);
    assert_eq!(rig.get("/healthz", &[]).await.status, 200);
    let rig = Rig::new().await;
    rig.rooms.close().await;
    assert_eq!(rig.get("/readyz", &[]).await.status, 503);
}

#[test]
fn client_gets_the_smallest_copy_that_it_takes() {
    let files = ["app.js", "app.js.br", "app.js.gz", "only.js", "only.js.gz", "icon.png"];
    let get = |name: &str| files.contains(&name).then(|| name.as_bytes().to_vec().into());
    let find = |name: &str, accept: &'static str| {
        let request = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(accept))]);
        let found = super::find(name, &request, get)?;
        Some((String::from_utf8(found.data.into_owned()).unwrap(), found.coding, found.has_copies))
    };
    for (name, accept, data, coding, has_copies) in [
        ("app.js", "gzip, deflate, br", "app.js.br", Some("br"), true),
        ("app.js", "gzip", "app.js.gz", Some("gzip"), true),
        ("app.js", "br;q=0, gzip;q=0", "app.js", None, true),
        ("only.js", "gzip, br", "only.js.gz", Some("gzip"), true),
        ("only.js", "br", "only.js", None, true),
        ("icon.png", "gzip, br", "icon.png", None, false),
    ] {
        assert_eq!(find(name, accept), Some((data.into(), coding, has_copies)), "{name} {accept}");
    }
    assert_eq!(find("app.js.br", "br"), None, "a copy has no name of its own");
    assert_eq!(find("missing.js", "br"), None);
}

#[tokio::test]
async fn metrics_with_a_token_are_for_whoever_presents_it() {
    let mut config = Config::default();
    config.metrics.token = "0123456789abcdef".into();
    let rig = Rig::with(config, false).await;
    for (authorization, status) in [
        (None, 401),
        (Some("Basic 0123456789abcdef"), 401),
        (Some("Bearer 0123456789abcdee"), 403),
        (Some("Bearer 0123456789abcdef0"), 403),
        (Some("Bearer 0123456789abcdef"), 200),
    ] {
        let headers: Vec<_> = authorization.map(|value| ("authorization", value)).into_iter().collect();
        assert_eq!(rig.get("/metrics", &headers).await.status, status, "{authorization:?}");
    }
}

#[tokio::test]
async fn metrics_with_an_address_of_their_own_are_not_beside_everything_else() {
    let mut config = Config::default();
    config.metrics.address = Some(std::net::SocketAddr::from(([127, 0, 0, 1], 9090)));
    let rig = Rig::with(config, false).await;
    assert_eq!(rig.get("/metrics", &[]).await.status, 404);
    assert_eq!(rig.get("/healthz", &[]).await.status, 200);
}

#[tokio::test]
async fn readiness_asks_the_database_once_a_second_however_many_ask() {
    let rig = Rig::new().await;
    assert_eq!(rig.get("/readyz", &[]).await.status, 200);
    rig.rooms.close().await;
    assert_eq!(rig.get("/readyz", &[]).await.status, 200, "believed for a second");
    tokio::time::sleep(std::time::Duration::from_millis(1_050)).await;
    assert_eq!(rig.get("/readyz", &[]).await.status, 503);
}
