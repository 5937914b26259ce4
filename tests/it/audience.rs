//! Seats, overflow and broadcasts on demand, by viewers that nobody helps.

#![allow(clippy::unwrap_used)] // A test that unwraps says where it failed.

use std::collections::BTreeSet;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rig::gst::{Publisher, Speaker};
use rig::hls::renditions;
use rig::http::{Http, Reply};
use rig::peer::{Credentials, Peer, Request, SrtpOffer};
use rig::sdp::Direction;
use rig::server::{Demo, Server};
use rig::wait::wait_for_or;
use serde_json::{Value, json};
use tungstenite::{Error, HandshakeError, WebSocket};

/// Joins of as many strangers, by so many at once.
const JOINS: usize = 2000;
const AT_ONCE: usize = 64;

fn ask(http: &Http, method: &str, path: &str, token: Option<&str>, body: Option<Value>) -> Reply {
    http.ask(method, path, token, body.as_ref()).unwrap()
}

/// A room that is on the air when its audience needs it, with so many seats; it is the server's from now on.
fn room(server: &mut Server, seats_max: u32) {
    let body = json!({ "room": "hall", "audience": { "seats_max": seats_max, "linger_seconds": 2 } });
    let made = ask(&server.http, "POST", "/v1/rooms", Some(&server.keys.mint_admin()), Some(body));
    assert_eq!(made.status, 201, "{}", made.text());
    "hall".clone_into(&mut server.room);
}

/// As [`join`], as often as a client that waits may.
fn join_again(server: &Server, token: Option<&str>) -> Value {
    std::thread::sleep(Duration::from_millis(500));
    join(server, token)
}

fn join(server: &Server, token: Option<&str>) -> Value {
    let reply = ask(&server.http, "POST", &format!("/v1/rooms/{}/join", server.room), token, None);
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

fn speaker(server: &Server) -> Publisher {
    let whip = server.http.url(&format!("/whip/{}", server.room));
    let speaker = Speaker { size: (320, 180), ..Speaker::new(&whip, &server.speaker_token("ann")) };
    let mut publisher = Publisher::start(&speaker).unwrap();
    publisher.wait_until_connected().unwrap();
    publisher
}

/// Takes the seat of an answer, by WHEP.
fn sit(server: &Server, token: &str) -> rig::Result<Peer> {
    let request = Request::vp8(&format!("/whep/{}", server.room), Some(token.to_owned()), Direction::Watch);
    Peer::join(&server.http, &Credentials::new(SrtpOffer::Gcm)?, &request)
}

/// Takes a seat by LiveKit's protocol, without media. `Err`: the status of the refusal.
fn signal(server: &Server, token: &str) -> Result<WebSocket<TcpStream>, u16> {
    let url = format!("ws://127.0.0.1:{}/rtc?protocol=16&auto_subscribe=1&access_token={token}", server.port());
    let stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    match tungstenite::client(url, stream) {
        Ok((socket, _)) => Ok(socket),
        Err(HandshakeError::Failure(Error::Http(refusal))) => Err(refusal.status().as_u16()),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn full_room_overflows_to_a_broadcast_that_starts_when_it_is_needed_and_ends_after_that() {
    let mut server = Server::start(Demo::default()).unwrap();
    room(&mut server, 2);
    let _ann = speaker(&server);
    server.wait_for_speakers(1).unwrap();
    let first = join(&server, None);
    assert_eq!((&first["delivery"], &first["reason"]), (&json!("interactive"), &json!("seat")), "{first}");
    let token = first["token"].as_str().unwrap().to_owned();
    assert_eq!(join(&server, Some(&token))["reason"], "seat", "a guest who asks again has the same seat");
    let seated = sit(&server, &token).unwrap();
    assert_eq!(server.look().unwrap()["reason"], "on_demand");

    let asked = Instant::now();
    let second = join(&server, None);
    assert_eq!((&second["delivery"], &second["reason"]), (&json!("broadcast"), &json!("room_full")), "{second}");
    assert!(sit(&server, second["token"].as_str().unwrap()).is_err(), "nor is there a seat by WHEP alone");
    let ready = wait_for_or("the broadcast", 20, || match join_again(&server, second["token"].as_str()) {
        answer if answer["ready"] == true => Ok(answer),
        answer => Err(answer.to_string()),
    });
    println!("ready {:.1} s after it was asked for", asked.elapsed().as_secs_f64());
    assert_eq!(ready.unwrap()["reason"], "room_full");
    assert!(!renditions(&server.http, &server.playlist()).unwrap().is_empty());

    drop(seated);
    wait_for_or("a free seat", 30, || match join_again(&server, second["token"].as_str()) {
        answer if answer["reason"] == "seat" => Ok(()),
        answer => Err(answer.to_string()),
    })
    .unwrap();
    wait_for_or("the end of a broadcast that nobody watches", 60, || match server.look().unwrap() {
        room if room["on_air"] == false => Ok(()),
        room => Err(room.to_string()),
    })
    .unwrap();
}

#[test]
fn player_that_asks_for_the_playlist_starts_the_broadcast_and_waits_for_it() {
    let mut server = Server::start(Demo::default()).unwrap();
    room(&mut server, 0);
    assert_eq!(server.http.get(&server.playlist()).unwrap().status, 404, "nobody is on stage");
    let _ann = speaker(&server);
    server.wait_for_speakers(1).unwrap();
    let asked = Instant::now();
    let reply = server.http.get(&server.playlist()).unwrap();
    println!("{} after {:.1} s", reply.status, asked.elapsed().as_secs_f64());
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(reply.text().contains("#EXT-X-STREAM-INF"));
}

#[test]
fn two_thousand_joins_at_once_fill_a_hundred_seats_and_no_more() {
    let mut server = Server::start(Demo::default()).unwrap();
    room(&mut server, 100);
    let (next, path) = (AtomicUsize::new(0), format!("/v1/rooms/{}/join", server.room));
    let body = json!({});
    let (mut seats, mut refused) = (BTreeSet::new(), 0);
    let took: Vec<Duration> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE)
            .map(|_| {
                scope.spawn(|| {
                    let mut answers = vec![];
                    while next.fetch_add(1, Ordering::Relaxed) < JOINS {
                        let asked = Instant::now();
                        let reply = ask(&server.http, "POST", &path, None, Some(body.clone()));
                        answers.push((asked.elapsed(), reply.status, reply.json()));
                    }
                    answers
                })
            })
            .collect();
        let answers = workers.into_iter().flat_map(|worker| worker.join().unwrap());
        answers
            .map(|(took, status, answer)| {
                assert_eq!(status, 200, "{answer}");
                match answer["delivery"].as_str().unwrap() {
                    "interactive" => assert!(seats.insert(answer["identity"].as_str().unwrap().to_owned())),
                    _ => refused += 1,
                }
                took
            })
            .collect()
    });
    let mut took = took;
    took.sort();
    println!("p50 {:?}, p99 {:?}", took[took.len() / 2], took[took.len() * 99 / 100]);
    assert_eq!((seats.len(), refused), (100, JOINS - 100));
}

#[test]
fn restart_between_lease_and_connect_honours_the_lease_and_sells_no_seat_twice() {
    let mut server = Server::start(Demo::default()).unwrap();
    room(&mut server, 2);
    let first = join(&server, None);
    let token = first["token"].as_str().unwrap().to_owned();
    server.kill();
    server.start_again().unwrap();
    let other = join(&server, None);
    assert_eq!((&other["delivery"], &other["reason"]), (&json!("broadcast"), &json!("node_busy")), "{other}");
    assert_eq!(signal(&server, &server.viewer_token("ben")).err(), Some(503), "nor does a token alone get one");
    let again = join(&server, Some(&token));
    assert_eq!((&again["delivery"], &again["reason"]), (&json!("interactive"), &json!("seat")), "{again}");
    let _held = signal(&server, &token).expect("the lease of before");
    wait_for_or("seats for everybody", 20, || match join_again(&server, None) {
        answer if answer["reason"] == "seat" => Ok(()),
        answer => Err(answer.to_string()),
    })
    .unwrap();
}
