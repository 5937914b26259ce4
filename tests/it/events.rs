//! The events socket of the real server, by clients of another library.

#![allow(clippy::unwrap_used)] // A test that unwraps says where it failed.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rig::server::{Demo, Server};
use rig::wait::wait_for_or;
use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest as _;
use tungstenite::{Error, Message, WebSocket};

/// A message may take so long.
const MESSAGE_MAX: Duration = Duration::from_secs(20);
/// A socket that takes nothing is cut after ten seconds.
const STALL_MAX: Duration = Duration::from_secs(30);

fn start(settings: &[(&str, &str)]) -> Server {
    let environment = settings.iter().map(|(key, value)| (format!("SPILLWAY__API__{key}"), (*value).to_owned()));
    Server::start(Demo { environment: environment.collect(), ..Demo::default() }).unwrap()
}

/// Opens a socket; `query` begins with `&` or is empty. `Err`: the status of the refusal, and its body.
fn try_open(
    server: &Server,
    token: Option<&str>,
    query: &str,
    headers: &[(&'static str, &str)],
) -> Result<WebSocket<TcpStream>, (u16, Value)> {
    let token = token.map(|token| format!("access_token={token}")).unwrap_or_default();
    let url = format!("ws://127.0.0.1:{}/v1/rooms/{}/events?{token}{query}", server.port(), server.room);
    let mut request = url.into_client_request().unwrap();
    for (name, value) in [("sec-websocket-protocol", "spillway.v1.json")].iter().chain(headers) {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    let stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    stream.set_read_timeout(Some(MESSAGE_MAX)).unwrap();
    match tungstenite::client(request, stream) {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::HandshakeError::Failure(Error::Http(refusal))) => {
            let body = refusal.body().as_ref().map(|body| serde_json::from_slice(body).unwrap_or_default());
            Err((refusal.status().as_u16(), body.unwrap_or_default()))
        }
        Err(other) => panic!("{other}"),
    }
}

fn open(server: &Server, token: Option<&str>, query: &str) -> WebSocket<TcpStream> {
    try_open(server, token, query, &[]).unwrap()
}

/// The next message. `None`: the connection has ended.
fn next(socket: &mut WebSocket<TcpStream>) -> Option<Value> {
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).unwrap()),
            Ok(Message::Close(_)) | Err(Error::ConnectionClosed) => return None,
            Ok(_) => {}
            Err(other) => panic!("{other}"),
        }
    }
}

/// The next message of that type.
fn next_of(socket: &mut WebSocket<TcpStream>, kind: &str) -> Value {
    loop {
        let message = next(socket).expect("the connection has ended");
        if message["type"] == kind {
            return message;
        }
    }
}

/// The titles in the next so many events.
fn titles(socket: &mut WebSocket<TcpStream>, count: usize) -> (Vec<String>, u64) {
    let (mut titles, mut offset) = (Vec::new(), 0);
    while titles.len() < count {
        let message = next_of(socket, "events");
        offset = message["offset"].as_u64().unwrap();
        let events = message["events"].as_array().unwrap().iter().filter(|event| event["type"] == "room");
        titles.extend(events.map(|event| event["room"]["title"].as_str().unwrap().to_owned()));
    }
    (titles, offset)
}

fn set_title(server: &Server, title: &str) {
    change(server, &json!({ "title": title }));
}

fn change(server: &Server, change: &Value) {
    let (path, token) = (format!("/v1/rooms/{}", server.room), server.keys.mint_moderator(&server.room));
    let bearer = format!("Bearer {token}");
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    let reply = server.http.request("PATCH", &path, &headers, Some(change.to_string().as_bytes()));
    assert_eq!(reply.unwrap().status, 200);
}

/// Sets so many titles, each when the one before was told.
fn set_titles(server: &Server, watching: &mut WebSocket<TcpStream>, numbers: std::ops::Range<u32>) -> Vec<String> {
    let set = numbers.map(|number| {
        let title = format!("title {number}");
        set_title(server, &title);
        assert_eq!(titles(watching, 1).0, std::slice::from_ref(&title));
        title
    });
    set.collect()
}

#[test]
fn change_of_a_rooms_thresholds_is_told_to_its_sockets() {
    let server = start(&[]);
    let mut socket = open(&server, None, "");
    assert_eq!(next(&mut socket).unwrap()["room"]["audience"]["seats_max"], 0);
    change(&server, &json!({ "audience": { "seats_max": 7, "promote": "never" } }));
    let audience = loop {
        let message = next_of(&mut socket, "events");
        let events = message["events"].as_array().unwrap();
        if let Some(event) = events.iter().find(|event| event["type"] == "room") {
            break event["room"]["audience"].clone();
        }
    };
    assert_eq!((&audience["seats_max"], &audience["promote"]), (&json!(7), &json!("never")), "{audience}");
}

#[test]
fn two_thousand_sockets_get_every_event_once_and_one_that_returns_gets_those_it_missed() {
    let server = start(&[]);
    let mut watching = open(&server, None, "");
    assert_eq!(next(&mut watching).unwrap()["type"], "snapshot");
    let mut sockets: Vec<_> = (0..2000).map(|_| open(&server, None, "")).collect();
    let token = server.viewer_token("ann");
    let mut ann = open(&server, Some(&token), "");
    let snapshot = next(&mut ann).unwrap();
    assert_eq!((&snapshot["you"]["identity"], &snapshot["room"]["room"]), (&json!("ann"), &json!(server.room)));

    let first = set_titles(&server, &mut watching, 0..3);
    let (told, offset) = titles(&mut ann, 3);
    assert_eq!(told, first);
    drop(ann);
    let rest = set_titles(&server, &mut watching, 3..6);
    let place = format!("&epoch={}&offset={offset}", snapshot["epoch"].as_str().unwrap());
    let mut ann = open(&server, Some(&token), &place);
    assert_eq!(next(&mut ann).unwrap()["type"], "resumed");
    assert_eq!(titles(&mut ann, 3).0, rest);

    let all = [first, rest].concat();
    for socket in &mut sockets {
        assert_eq!(titles(socket, 6).0, all);
    }
    let metrics = server.metrics().unwrap();
    assert_eq!(metrics.sum("spillway_events_connections", &[]), 2002.0);
    let log = std::fs::read_to_string(server.log()).unwrap();
    assert!(!log.contains(&token), "a token is in the log");
}

#[test]
fn viewers_of_the_broadcast_are_counted_and_told_to_all() {
    let server = start(&[]);
    let mut sockets: Vec<_> = (0..3).map(|_| open(&server, None, "")).collect();
    for socket in &mut sockets {
        let watching = json!({ "type": "watching", "delivery": "broadcast", "state": "playing" });
        socket.send(Message::text(watching.to_string())).unwrap();
    }
    loop {
        let presence = next_of(&mut sockets[0], "presence");
        if presence["broadcast"] == 3 {
            assert_eq!((&presence["total"], &presence["by_class"]["anonymous"]), (&json!(3), &json!(3)));
            break;
        }
    }
}

#[test]
fn handshakes_of_other_origins_and_protocols_and_too_many_of_one_address_are_refused() {
    let server = start(&[
        ("EVENTS_ORIGINS", "[\"https://app.example\"]"),
        ("TRUSTED_PROXIES", "[\"127.0.0.1/32\"]"),
        ("CONNECTIONS_PER_ADDRESS_MAX", "20"),
    ]);
    assert!(try_open(&server, None, "", &[("origin", "https://app.example")]).is_ok());
    let (status, problem) = try_open(&server, None, "", &[("origin", "https://evil.example")]).unwrap_err();
    assert_eq!((status, &problem["type"]), (403, &json!("urn:spillway:problem:origin")));
    let (status, _) = try_open(&server, None, "", &[("sec-websocket-protocol", "spillway.v9")]).unwrap_err();
    assert_eq!(status, 400);

    let from = |address: &'static str| try_open(&server, None, "", &[("x-forwarded-for", address)]);
    let held: Vec<_> = (0..20).map(|_| from("198.51.100.7").unwrap()).collect();
    let (status, problem) = from("198.51.100.7").unwrap_err();
    assert_eq!((status, &problem["type"]), (429, &json!("urn:spillway:problem:too-many-connections")));
    assert!(from("198.51.100.8").is_ok());
    drop(held);
    wait_for_or("places of the address", 10, || match from("198.51.100.7") {
        Ok(_) => Ok(()),
        Err((status, _)) => Err(status.to_string()),
    })
    .unwrap();
}

#[test]
fn client_without_pongs_and_one_that_sends_too_much_are_closed() {
    let server = start(&[("EVENTS_PING_INTERVAL_MS", "1000")]);
    let mut silent = open(&server, None, "");
    let mut long = open(&server, None, "");
    next(&mut long).unwrap();
    long.send(Message::text("x".repeat(5000))).unwrap();
    let closed = loop {
        match long.read().unwrap() {
            Message::Close(frame) => break frame.unwrap(),
            _ => continue,
        }
    };
    assert_eq!(u16::from(closed.code), 1009);
    // A library answers pings when it is read: this reads below it.
    let stream = silent.get_mut();
    let began = Instant::now();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    assert!(began.elapsed() < STALL_MAX);
    assert!(bytes.windows(2).any(|pair| pair == [0x89, 0]), "it was not pinged");
    stream.write_all(b"x").ok();
}

#[test]
fn shutdown_closes_every_socket_with_its_code() {
    let mut server = start(&[]);
    let mut sockets: Vec<_> = (0..20).map(|_| open(&server, None, "")).collect();
    sockets.iter_mut().for_each(|socket| drop(next(socket).unwrap()));
    server.terminate();
    for socket in &mut sockets {
        let code = loop {
            match socket.read().unwrap() {
                Message::Close(frame) => break u16::from(frame.unwrap().code),
                _ => continue,
            }
        };
        assert_eq!(code, 1001);
    }
    assert!(server.wait_for_end(30).unwrap().success());
}
