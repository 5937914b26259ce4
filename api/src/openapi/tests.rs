//! The document against the router, the answers, and the rules of OpenAPI 3.1.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::Config;
use crate::testing::Rig;

mod document;
mod matching;

/// Paths that are for people, or below one that is described.
const UNDESCRIBED: [&str; 6] = ["/", "/docs", "/watch/{room}", "/stage/{room}", "/{file}", "/assets/{*file}"];
/// The one pattern of many described paths.
const ORIGIN: &str = "/live/{*path}";

async fn document(rig: &Rig) -> Value {
    rig.get("/openapi.json", &[]).await.json()
}

/// Path → methods.
fn described(document: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths
        .map(|(path, item)| (path.clone(), item.as_object().unwrap().keys().map(|k| k.to_uppercase()).collect()))
        .collect()
}

/// Every pattern of a router, from how it prints itself: axum lists them nowhere else.
fn patterns(router: &axum::Router) -> BTreeSet<String> {
    let printed = format!("{router:?}");
    let (_, paths) = printed.split_once("node: Node { paths: {").unwrap();
    let (paths, _) = paths.split_once("} }").unwrap();
    let quoted = paths.split('"').skip(1).step_by(2);
    quoted.map(str::to_owned).collect()
}

#[tokio::test]
async fn every_served_path_is_described_and_every_described_path_is_served() {
    for dev_tokens in [false, true] {
        let rig = Rig::with(Config::default(), dev_tokens).await;
        let document = document(&rig).await;
        let (origin, others): (Vec<_>, Vec<_>) =
            described(&document).into_keys().partition(|path| path.starts_with("/live/"));
        let mut served = patterns(&rig.router);
        for path in UNDESCRIBED.iter().chain([&ORIGIN]) {
            assert!(served.remove(*path), "{path} is served no more");
        }
        assert_eq!(served, BTreeSet::from_iter(others));
        assert_eq!(origin.len(), 12, "the origin's objects, with and without a token");
    }
}

#[tokio::test]
async fn every_described_path_takes_the_described_methods_alone() {
    let rig = Rig::new().await;
    let described = described(&document(&rig).await);
    // The origin's paths have one pattern, and GET alone.
    for (path, mut methods) in described.into_iter().filter(|(path, _)| !path.starts_with("/live/")) {
        let reply = rig.send("TRACE", &path.replace(['{', '}'], ""), &[], "").await;
        assert_eq!(reply.status, 405, "{path}");
        let mut allowed: BTreeSet<String> = reply.header("allow").split(',').map(str::to_owned).collect();
        if methods.contains("GET") {
            methods.insert("HEAD".into());
        }
        if !methods.contains("OPTIONS") {
            allowed.remove("OPTIONS");
        }
        assert_eq!(allowed, methods, "{path}");
    }
}

#[tokio::test]
async fn description_follows_what_this_server_has() {
    let paths =
        async |config: Config, dev_tokens: bool| described(&document(&Rig::with(config, dev_tokens).await).await);
    let mut apart = Config::default();
    apart.metrics.address = Some(std::net::SocketAddr::from(([127, 0, 0, 1], 9090)));
    let (dev, without) = (paths(Config::default(), true).await, paths(apart, false).await);
    for path in ["/v1/rooms/{room}/dev-token", "/metrics"] {
        assert_eq!((dev.contains_key(path), without.contains_key(path)), (true, false), "{path}");
    }
}

#[tokio::test]
async fn anybody_reads_the_document_and_asks_for_it_anew() {
    let rig = Rig::new().await;
    let reply = rig.get("/openapi.json", &[]).await;
    assert_eq!((reply.status, reply.header("content-type")), (200, "application/json"));
    assert_eq!((reply.header("cache-control"), reply.header("access-control-allow-origin")), ("no-cache", "*"));
    let etag = reply.header("etag");
    for (tag, status) in
        [(etag.to_owned(), 304), (format!("\"x\", W/{etag}"), 304), ("*".into(), 304), ("\"x\"".into(), 200)]
    {
        assert_eq!(rig.get("/openapi.json", &[("if-none-match", &tag)]).await.status, status, "{tag}");
    }
}
