//! The description of the HTTP API, judged by a checker that is not ours, and the page that shows it.

#![allow(clippy::unwrap_used)] // A test that unwraps says where it failed.

use std::path::Path;
use std::process::Command;

use rig::browser::{Browser, Page};
use rig::server::{Demo, Server};
use serde_json::Value;

/// How far the page is wider than the window, and what is shown of it.
const SHOWN: &str = "(() => {
  const page = document.documentElement;
  return {
    overflow: page.scrollWidth - page.clientWidth, operations: document.querySelectorAll('.docs-operation').length,
    open: [...document.querySelectorAll('.docs-operation[open]')].map((one) => one.id), text: document.body.innerText,
  };
})()";

/// The document follows OpenAPI 3.1 and its JSON schemas, as Python's openapi-spec-validator reads them.
fn check_document(server: &Server) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("openapi.json");
    std::fs::write(&file, server.http.text("/openapi.json").unwrap()).unwrap();
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/openapi/bin");
    let checker = Command::new(tools.join("openapi-spec-validator")).args(["--schema", "3.1.0"]).arg(&file).output();
    let checked = checker.expect("deploy/dependencies.sh test installs openapi-spec-validator");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
}

fn shown(browser: &mut Browser, page: Page) -> Value {
    browser.wait_until(page, "the operations", 15, SHOWN, |shown| shown["operations"].as_u64() > Some(20)).unwrap()
}

#[test]
fn document_is_valid_and_its_page_shows_every_operation() {
    let server = Server::start(Demo::default()).unwrap();
    check_document(&server);
    let document: Value = serde_json::from_str(&server.http.text("/openapi.json").unwrap()).unwrap();
    let operations = document["paths"].as_object().unwrap().values().map(|item| item.as_object().unwrap().len());
    let schemas = document["components"]["schemas"].as_object().unwrap().len();
    let mut browser = Browser::start().unwrap();
    let page = browser.open(&server.http.url("/docs")).unwrap();
    let first = shown(&mut browser, page);
    assert_eq!(first["operations"].as_u64().unwrap() as usize, operations.sum::<usize>() + schemas);
    for word in ["/v1/rooms/{room}", "/whip/{room}", "/live/{room}/index.m3u8", "/rtc/v1", "ProblemType"] {
        assert!(first["text"].as_str().unwrap().contains(word), "{word} is not shown");
    }
    assert_eq!(first["overflow"], 0, "the page is wider than the window");
    // A link to an operation opens it.
    let linked = browser.open(&server.http.url("/docs#create_room")).unwrap();
    let linked = shown(&mut browser, linked);
    assert_eq!(linked["open"], serde_json::json!(["create_room"]));
    assert!(linked["text"].as_str().unwrap().contains("Authorization: Bearer TOKEN"));
}
