//! The server on PostgreSQL: rooms outlive it, and it outlives its database.

#![allow(clippy::unwrap_used)] // A test that unwraps says where it failed.

use rig::http::Reply;
use rig::postgres::Postgres;
use rig::server::{Demo, Server};
use rig::wait::wait_for_or;

/// Makes a room by the REST API.
fn make(server: &Server, room: &str) -> Reply {
    let authorization = format!("Bearer {}", server.keys.mint_admin());
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    let body = format!(r#"{{"room":"{room}"}}"#);
    server.http.request("POST", "/v1/rooms", &headers, Some(body.as_bytes())).unwrap()
}

/// The refusal while the database is away.
fn assert_is_away(reply: &Reply) {
    assert_eq!(reply.status, 503, "{}", reply.text());
    assert_eq!(reply.header("content-type"), Some("application/problem+json"));
    assert!(reply.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok()));
    assert_eq!(reply.json()["type"], "urn:spillway:problem:database-down");
}

#[test]
fn rooms_outlive_the_server_and_the_server_outlives_its_database() {
    let mut postgres = Postgres::start().unwrap();
    let url = postgres.database("spillway").unwrap();
    let environment = vec![("SPILLWAY__API__DATABASE".to_owned(), url)];
    let mut server = Server::start(Demo { environment, ..Demo::default() }).unwrap();
    assert_eq!(make(&server, "first").status, 201);
    server.kill();
    server.start_again().unwrap();
    assert_eq!(server.http.get("/v1/rooms/first").unwrap().status, 200);
    assert_eq!(make(&server, "first").status, 409);
    assert!(!server.data().join("spillway.db").exists());

    postgres.stop().unwrap();
    assert_is_away(&make(&server, "second"));
    assert_is_away(&server.http.get("/v1/rooms").unwrap());
    // Readiness believes the database's last answer for a moment.
    wait_for_or("/readyz saying no", 15, || match server.http.get("/readyz") {
        Ok(reply) if reply.status != 200 => {
            assert_is_away(&reply);
            Ok(())
        }
        other => Err(format!("{:?}", other.map(|reply| reply.status))),
    })
    .unwrap();
    assert_eq!(server.http.get("/healthz").unwrap().status, 200);
    assert_eq!(server.http.get("/v1/rooms/first").unwrap().status, 200, "known rooms are known meanwhile");

    postgres.start_again().unwrap();
    wait_for_or("the database's return", 30, || match server.http.get("/readyz") {
        Ok(reply) if reply.status == 200 => Ok(()),
        other => Err(format!("{:?}", other.map(|reply| reply.status))),
    })
    .unwrap();
    assert_eq!(make(&server, "second").status, 201);
    let listed = server.http.get("/v1/rooms").unwrap().text();
    assert!(["demo", "first", "second"].iter().all(|room| listed.contains(&format!("\"{room}\""))), "{listed}");
    let log = std::fs::read_to_string(server.log()).unwrap();
    assert!(log.contains("the database does not answer"), "{log}");
}
