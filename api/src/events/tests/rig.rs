//! A server with a room `demo`, and clients of it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use access::{RoomName, TokenSpec};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt as _, StreamExt as _};
use http::{HeaderValue, Request};
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::{Error as Broken, Message};

use super::is_events;
use crate::events::{Event, EventsHub, Lane, Seated, Seats};
use crate::server::Server;
use crate::testing::{FakeMedia, Rig};
use crate::{AppParts, Config, Tls};

/// A step of a test takes no longer.
pub(super) const SOON: Duration = Duration::from_secs(20);

pub(super) fn chat(number: u64) -> Event {
    Event::new(Lane::Droppable, &json!({ "type": "chat", "n": number })).unwrap()
}

pub(super) fn gift(number: u64) -> Event {
    Event::new(Lane::Durable, &json!({ "type": "gift", "n": number })).unwrap()
}

pub(super) fn long(number: u64, text_bytes: usize, durable: bool) -> Event {
    let lane = if durable { Lane::Durable } else { Lane::Droppable };
    Event::new(lane, &json!({ "type": "long", "n": number, "text": "x".repeat(text_bytes) })).unwrap()
}

impl Seats for FakeMedia {
    fn seated(&self, _: &RoomName) -> Vec<Seated> {
        self.seated.lock().unwrap().clone()
    }
}

/// A server with a room `demo`.
pub(super) struct EventsRig {
    pub(super) room: RoomName,
    rig: Rig,
    address: SocketAddr,
    tls: Option<(SocketAddr, CertificateDer<'static>)>,
    serving: JoinHandle<()>,
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A client of an open socket.
pub(super) struct Client {
    socket: WebSocketStream<Box<dyn Stream>>,
    /// The place that it reached.
    pub(super) offset: u64,
}

impl Drop for EventsRig {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn write_pem(path: &Path, label: &str, der: &[u8]) {
    let text = format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der));
    std::fs::write(path, text).unwrap();
}

impl EventsRig {
    pub(super) async fn start(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config { http: SocketAddr::from(([127, 0, 0, 1], 0)), ..Config::default() };
        change(&mut config);
        let rig = Rig::with(config.clone(), false).await;
        let server = Server::bind(&config).await.unwrap();
        let (address, https) = (server.http_address(), server.https_address());
        let serving = server.serve(rig.router.clone(), rig.lifecycle.clone(), Duration::from_secs(1));
        let serving = tokio::spawn(serving);
        let tls = https.zip(config.tls).map(|(address, tls)| {
            let pem = std::fs::read_to_string(tls.certificate).unwrap();
            (address, CertificateDer::from(STANDARD.decode(pem.lines().nth(1).unwrap()).unwrap()))
        });
        Self { room: "demo".parse().unwrap(), rig, address, tls, serving }
    }

    pub(super) async fn start_tls() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        write_pem(&certificate, "CERTIFICATE", pair.cert.der());
        write_pem(&key, "PRIVATE KEY", &pair.signing_key.serialize_der());
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        Self::start(|config| config.tls = Some(Tls { address, certificate, key, hsts_seconds: 0 })).await
    }

    pub(super) fn hub(&self) -> &EventsHub {
        &self.rig.events
    }

    pub(super) fn media(&self) -> &FakeMedia {
        &self.rig.media
    }

    pub(super) fn parts(&self) -> AppParts {
        self.rig.parts.clone()
    }

    pub(super) async fn set(&self, set: impl FnOnce(&mut rooms::Room) + Send + 'static) {
        self.rig.set(set).await;
    }

    pub(super) async fn delete(&self) {
        self.rig.delete().await;
    }

    pub(super) fn publish(&self, event: Event) {
        self.hub().publish(&self.room, event).unwrap().expect("somebody should be in the room");
    }

    /// An access token of `identity`, who may watch.
    pub(super) fn token(&self, identity: &str) -> String {
        let (room, identity, subscribe, ttl) = ("demo".into(), identity.into(), true, Duration::from_secs(60));
        let spec = TokenSpec { room, identity, subscribe, ttl, ..TokenSpec::default() };
        self.rig.parts.keys.mint(&spec, SystemTime::now()).unwrap()
    }

    pub(super) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    fn path(token: &str, query: &str) -> String {
        let token = if token.is_empty() { String::new() } else { format!("access_token={token}") };
        format!("/v1/rooms/demo/events?{token}{query}")
    }

    pub(super) fn handshake(&self, token: &str, query: &str) -> String {
        let (path, key) = (Self::path(token, query), generate_key());
        format!(
            "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: {key}\r\nsec-websocket-protocol: spillway.v1.json\r\n\r\n"
        )
    }

    /// Opens a socket. Without a token: as a guest.
    pub(super) async fn open(&self, token: &str, query: &str) -> Client {
        Client::open(Box::new(self.connect().await), token, query).await
    }

    /// As [`EventsRig::open`], by a client whose socket receives little ahead of its reader.
    pub(super) async fn open_through_little(&self) -> Client {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(16 << 10).unwrap();
        Client::open(Box::new(socket.connect(self.address).await.unwrap()), "", "").await
    }

    pub(super) async fn open_tls(&self) -> Client {
        let (address, certificate) = self.tls.clone().unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(certificate).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.unwrap().with_root_certificates(roots).with_no_client_auth();
        let socket = TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let socket = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, socket).await.unwrap();
        Client::open(Box::new(socket), "", "").await
    }

    /// A socket that answers nothing by itself, after the head of the answer.
    pub(super) async fn open_raw(&self) -> TcpStream {
        let mut socket = self.connect().await;
        socket.write_all(self.handshake("", "").as_bytes()).await.unwrap();
        let mut status = [0; 12];
        socket.read_exact(&mut status).await.unwrap();
        assert_eq!(&status, b"HTTP/1.1 101");
        socket
    }

    /// The status of the answer to a handshake that is refused.
    pub(super) async fn refused(&self, token: &str) -> u16 {
        let mut socket = self.connect().await;
        socket.write_all(self.handshake(token, "").as_bytes()).await.unwrap();
        let mut status = [0; 12];
        socket.read_exact(&mut status).await.unwrap();
        std::str::from_utf8(&status[9..]).unwrap().parse().unwrap()
    }
}

impl Client {
    async fn open(stream: Box<dyn Stream>, token: &str, query: &str) -> Self {
        let request = Request::get(format!("ws://localhost{}", EventsRig::path(token, query)))
            .header("host", "localhost")
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", generate_key())
            .header("sec-websocket-protocol", "other, spillway.v1.json")
            .body(())
            .unwrap();
        let (socket, response) = tokio_tungstenite::client_async(request, stream).await.unwrap();
        let agreed = response.headers().get("sec-websocket-protocol");
        assert_eq!(agreed, Some(&HeaderValue::from_static("spillway.v1.json")));
        Self { socket, offset: 0 }
    }

    async fn read(&mut self) -> Option<Result<Message, Broken>> {
        tokio::time::timeout(SOON, self.socket.next()).await.expect("the server should have said something")
    }

    /// The next message.
    pub(super) async fn next(&mut self) -> Value {
        loop {
            match self.read().await.expect("the connection has ended").unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The next message of the kind.
    pub(super) async fn until(&mut self, is_meant: impl Fn(&Value) -> bool) -> Value {
        loop {
            let message = self.next().await;
            if is_meant(&message) {
                return message;
            }
        }
    }

    /// The numbers of the next so many events.
    pub(super) async fn numbers(&mut self, count: usize) -> Vec<u64> {
        let mut numbers = Vec::new();
        while numbers.len() < count {
            let message = self.until(is_events).await;
            self.offset = message["offset"].as_u64().unwrap();
            numbers.extend(message["events"].as_array().unwrap().iter().map(|event| event["n"].as_u64().unwrap()));
        }
        numbers
    }

    /// Reads to the end. The code of the close frame.
    pub(super) async fn closed(&mut self) -> Option<u16> {
        let mut code = None;
        while let Some(Ok(message)) = self.read().await {
            if let Message::Close(Some(frame)) = message {
                code = Some(frame.code.into());
            }
        }
        code
    }

    pub(super) async fn say(&mut self, message: &Value) {
        self.say_text(&message.to_string()).await;
    }

    pub(super) async fn say_text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    pub(super) async fn say_binary(&mut self, bytes: &'static [u8]) {
        self.socket.send(Message::binary(bytes)).await.unwrap();
    }

    /// Bytes as they are.
    pub(super) async fn say_raw(&mut self, bytes: &[u8]) {
        let stream = self.socket.get_mut();
        stream.write_all(bytes).await.unwrap();
        stream.flush().await.unwrap();
    }
}
