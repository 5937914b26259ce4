//! Over real sockets, with timeouts short enough to be waited for.

mod tls;

use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing::get;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::*;
use crate::websocket::MaybeUpgrade;

const SOON: Duration = Duration::from_secs(5);
/// More than the sockets of [`Rig::send_through_little`] keep for a client that does not read.
const LARGE_BYTES: usize = 8 << 20;

struct Rig {
    address: SocketAddr,
    lifecycle: Lifecycle,
    serving: JoinHandle<()>,
}

async fn start(change: impl FnOnce(&mut Config)) -> Rig {
    let mut config = Config { http: SocketAddr::from(([127, 0, 0, 1], 0)), ..Config::default() };
    change(&mut config);
    let lifecycle = Lifecycle::default();
    let waiting = lifecycle.clone();
    let router = Router::new()
        .route("/", get(async || "hello"))
        .route("/large", get(async || Bytes::from(vec![7; LARGE_BYTES])));
    let router = router.route(
        "/wait",
        get(async move || {
            waiting.closing().await;
            "closed"
        }),
    );
    let socket = async |MaybeUpgrade(upgrade): MaybeUpgrade| {
        upgrade.unwrap().on_upgrade(1024, async |mut socket| while let Some(Ok(_)) = socket.read().await {})
    };
    let router = router.route("/socket", get(socket));
    let server = Server::bind(&config).await.unwrap();
    let address = server.http_address();
    let serving = tokio::spawn(server.serve(router, lifecycle.clone(), Duration::from_secs(2)));
    Rig { address, lifecycle, serving }
}

impl Rig {
    async fn send(&self, request: &[u8]) -> TcpStream {
        let mut socket = TcpStream::connect(self.address).await.unwrap();
        socket.write_all(request).await.unwrap();
        socket
    }
}

impl Rig {
    /// As [`Rig::send`], by a client whose socket receives little ahead of its reader.
    async fn send_through_little(&self, request: &[u8]) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(64 << 10).unwrap();
        let mut socket = socket.connect(self.address).await.unwrap();
        socket.write_all(request).await.unwrap();
        socket
    }

    /// Waits for a place.
    async fn is_free(&self) {
        loop {
            let reply = to_end(self.send(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await).await;
            if reply.starts_with("HTTP/1.1 200") {
                return;
            }
        }
    }
}

async fn to_end(mut socket: TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = timeout(SOON, socket.read_to_end(&mut bytes)).await.expect("the server should have closed");
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn http_1_and_http_2_with_prior_knowledge_share_the_port() {
    let rig = start(|_| {}).await;
    let reply = to_end(rig.send(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await).await;
    assert!(reply.starts_with("HTTP/1.1 200") && reply.ends_with("hello"), "{reply}");

    // The preface (RFC 9113 §3.4) and an empty SETTINGS frame are answered with SETTINGS.
    let mut socket = rig.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await;
    let mut frame = [0; 9];
    timeout(SOON, socket.read_exact(&mut frame)).await.unwrap().unwrap();
    assert_eq!(frame[3], 4);
}

#[tokio::test]
async fn connection_beyond_the_limit_is_closed_at_once() {
    let rig = start(|config| config.connections_max = 1).await;
    let mut first = rig.send(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut byte = [0];
    first.read_exact(&mut byte).await.unwrap();
    assert_eq!(to_end(rig.send(b"").await).await, "");
    drop(first);
    timeout(SOON, rig.is_free()).await.expect("the place is free again");
}

#[tokio::test]
async fn a_websocket_keeps_its_connections_place_until_it_ends() {
    let rig = start(|config| config.connections_max = 1).await;
    let head = b"GET /socket HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
        sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let mut first = rig.send(head).await;
    let mut status = [0; 12];
    first.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 101");
    assert_eq!(to_end(rig.send(b"").await).await, "", "its place is taken");
    drop(first);
    timeout(SOON, rig.is_free()).await.expect("the place is free again");
}

#[tokio::test]
async fn slow_heads_and_idle_connections_are_closed() {
    let rig = start(|config| (config.header_read_timeout_ms, config.keep_alive_idle_ms) = (200, 400)).await;
    let began = Instant::now();
    for start_of_request in [&b""[..], b"GET / HT", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"] {
        to_end(rig.send(start_of_request).await).await;
    }
    let reply = to_end(rig.send(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await).await;
    assert!(reply.ends_with("hello"), "{reply}");
    assert!(began.elapsed() < SOON);
}

#[tokio::test]
async fn a_request_that_waits_is_not_idle() {
    let rig = start(|config| (config.header_read_timeout_ms, config.keep_alive_idle_ms) = (100, 100)).await;
    let socket = rig.send(b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\n").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    rig.lifecycle.close();
    assert!(to_end(socket).await.ends_with("closed"));
}

#[tokio::test]
async fn closing_answers_waiting_requests_and_ends_within_its_bound() {
    let rig = start(|_| {}).await;
    let waiting = rig.send(b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let idle = rig.send(b"").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    rig.lifecycle.close();
    assert!(to_end(waiting).await.ends_with("closed"));
    timeout(SOON, rig.serving).await.unwrap().unwrap();
    assert_eq!(to_end(idle).await, "");
    assert!(TcpStream::connect(rig.address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn address_at_its_connection_limit_gets_429_until_one_ends() {
    let rig = start(|config| {
        config.trusted_proxies = Vec::new();
        config.connections_per_address_max = 1;
    })
    .await;
    let mut first = rig.send(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    first.read_exact(&mut [0]).await.unwrap();
    let reply = to_end(rig.send(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nhi").await).await;
    assert!(reply.starts_with("HTTP/1.1 429") && reply.contains("retry-after: 5\r\n"), "{reply}");
    assert!(reply.contains("urn:spillway:problem:too-many-connections"), "{reply}");
    drop(first);
    timeout(SOON, rig.is_free()).await.expect("the address may have another connection");
}

#[tokio::test]
async fn trusted_proxy_has_no_connection_limit() {
    let rig = start(|config| config.connections_per_address_max = 1).await;
    let _held = [rig.send(b"").await, rig.send(b"").await];
    let reply = to_end(rig.send(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await).await;
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
}

/// RFC 9113 §4.1.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend_from_slice(&[kind, flags]);
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// HEADERS of a whole GET, without a dynamic table (RFC 7541 §6).
fn get_frame(stream: u32, path: &str) -> Vec<u8> {
    let mut head = vec![0x82, 0x86, 0x04, path.len() as u8];
    head.extend_from_slice(path.as_bytes());
    head.extend_from_slice(&[0x01, 1, b'x']);
    frame(1, 0x05, stream, &head)
}

#[tokio::test]
async fn busy_http_2_client_without_a_window_is_cut_off() {
    let rig = start(|config| config.write_stall_timeout_ms = 300).await;
    // SETTINGS_INITIAL_WINDOW_SIZE is 0: answers have heads and never bodies.
    let opening = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(4, 0, 0, &[0, 4, 0, 0, 0, 0])].concat();
    let requests = [get_frame(1, "/large"), get_frame(3, "/"), get_frame(5, "/wait")].concat();
    let began = Instant::now();
    to_end(rig.send(&[opening, requests].concat()).await).await;
    assert!(began.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn http_1_client_that_does_not_read_is_cut_off() {
    let rig = start(|config| (config.connections_max, config.write_stall_timeout_ms) = (1, 300)).await;
    let mut stuck = rig.send_through_little(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await;
    stuck.read_exact(&mut [0]).await.unwrap();
    timeout(SOON, rig.is_free()).await.expect("its place is free again");
}

#[tokio::test]
async fn slow_client_that_keeps_reading_gets_everything() {
    let rig = start(|config| (config.keep_alive_idle_ms, config.write_stall_timeout_ms) = (100, 2_000)).await;
    let mut socket = rig.send_through_little(b"GET /large HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    let (mut chunk, mut received_bytes) = (vec![0; 64 << 10], 0);
    loop {
        match timeout(SOON, socket.read(&mut chunk)).await.unwrap().unwrap() {
            0 => break,
            bytes => received_bytes += bytes,
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert!(received_bytes > LARGE_BYTES, "{received_bytes}");
}
