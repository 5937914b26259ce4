//! A bad network for LiveKit's own clients: a proxy in front of the server that leads their media through relays.
//!
//! They take the server's candidates from SDP that comes as protobuf on a WebSocket, so a [`Relay`] alone cannot get in
//! between. Here what the server says on `/rtc…` is decoded, and each section is left one candidate: a relay to what
//! was its first of UDP and IPv4. Candidates of TCP, which nothing could make lossy, are left out. All else passes as
//! it is: other requests, refusals, whatever clients say.
//!
//! A connection has two threads, which end with it. A relay for each of the server's media ports, so [`PEERS_MAX`]
//! peers on each.
//!
//! [`PEERS_MAX`]: crate::relay::PEERS_MAX

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use livekit_protocol as proto;
use livekit_protocol::signal_response::Message;
use prost::Message as _;
use tungstenite::protocol::{Role, WebSocket};

use crate::error::{Error, Result};
use crate::http::Http;
use crate::relay::{Hole, Impairment, Relay};
use crate::sdp;

/// The head of a request or an answer is read up to here, bytes.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// How often the listener is looked at.
const TURN: Duration = Duration::from_millis(2);

/// A running proxy. Ends, with all connections through it, when dropped.
pub struct Proxy {
    /// The server, as clients behind the proxy reach it.
    pub http: Http,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    /// Host and port.
    server: String,
    network: Mutex<Network>,
    /// Both ends of every WebSocket there was.
    signals: Mutex<Vec<TcpStream>>,
    stop: AtomicBool,
}

#[derive(Default)]
struct Network {
    impairment: Impairment,
    hole: Option<Hole>,
    /// By the media port that each leads to.
    relays: HashMap<SocketAddr, Relay>,
}

impl Proxy {
    /// Starts a proxy to the server at `http`, on a free port. The network is perfect at first: see [`Proxy::impair`].
    pub fn start(http: &Http) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(Error::io("binding a proxy"))?;
        listener.set_nonblocking(true).map_err(Error::io("setting up a proxy"))?;
        let address = listener.local_addr().map_err(Error::io("reading a proxy's address"))?;
        let shared = Arc::new(Shared {
            server: http.origin().trim_start_matches("http://").to_owned(),
            network: Mutex::default(),
            signals: Mutex::default(),
            stop: AtomicBool::new(false),
        });
        let serving = shared.clone();
        let thread = thread::spawn(move || serving.accept(&listener));
        Ok(Self { http: Http::new(&format!("http://{address}")), shared, thread: Some(thread) })
    }

    /// From now on the network is like this, both ways.
    pub fn impair(&self, impairment: Impairment) {
        let mut network = lock(&self.shared.network);
        network.impairment = impairment;
        network.relays.values().for_each(|relay| relay.impair(impairment));
    }

    /// From now on every new peer loses this datagram.
    pub fn lose(&self, hole: Hole) {
        let mut network = lock(&self.shared.network);
        network.hole = Some(hole);
        network.relays.values().for_each(|relay| relay.lose(hole));
    }

    /// Takes every WebSocket away without a word, as a network does. Media goes on.
    pub fn cut(&self) {
        for socket in lock(&self.shared.signals).drain(..) {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    /// Datagrams delivered at least once, and lost, so far.
    pub fn relayed_and_lost(&self) -> (u64, u64) {
        let counts = lock(&self.shared.network).relays.values().map(Relay::relayed_and_lost).collect::<Vec<_>>();
        (counts.iter().map(|(relayed, _)| relayed).sum(), counts.iter().map(|(_, lost)| lost).sum())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        let mut connections: Vec<(TcpStream, JoinHandle<()>)> = vec![];
        while !self.stop.load(Relaxed) {
            let Ok((client, _)) = listener.accept() else {
                thread::sleep(TURN);
                continue;
            };
            let (shared, Ok(ours)) = (self.clone(), client.try_clone()) else { continue };
            // A connection that fails is its client's to notice.
            connections.push((ours, thread::spawn(move || drop(shared.serve(&client)))));
            connections.retain(|(_, thread)| !thread.is_finished());
        }
        for (client, thread) in connections {
            let _ = client.shutdown(Shutdown::Both);
            let _ = thread.join();
        }
    }

    /// One connection. It carries one WebSocket, or any number of other requests: no client opens one after the others.
    fn serve(&self, client: &TcpStream) -> io::Result<()> {
        client.set_nonblocking(false)?;
        let server = TcpStream::connect(&self.server)?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let (head, rest) = read_head(client)?;
        (&server).write_all(&[&*head, &*rest].concat())?;
        thread::scope(|scope| {
            scope.spawn(|| {
                let _ = io::copy(&mut &*client, &mut &server);
                let _ = server.shutdown(Shutdown::Write);
            });
            let done = if is_signal(&head) {
                self.say(&server, client)
            } else {
                io::copy(&mut &server, &mut &*client).map(drop)
            };
            let _ = client.shutdown(Shutdown::Both);
            let _ = server.shutdown(Shutdown::Both);
            done
        })
    }

    /// Carries what the server says on a WebSocket, until it says no more.
    fn say(&self, server: &TcpStream, mut client: &TcpStream) -> io::Result<()> {
        let (head, rest) = read_head(server)?;
        client.write_all(&head)?;
        if !head.starts_with(b"HTTP/1.1 101") {
            client.write_all(&rest)?;
            return io::copy(&mut &*server, &mut client).map(drop);
        }
        lock(&self.signals).extend([server.try_clone()?, client.try_clone()?]);
        let mut from = WebSocket::from_partially_read(Deaf(server), rest, Role::Client, None);
        let mut to = WebSocket::from_raw_socket(client, Role::Server, None);
        let failed = |error: tungstenite::Error| io::Error::other(error);
        loop {
            let message = match from.read().map_err(failed)? {
                tungstenite::Message::Binary(bytes) => {
                    tungstenite::Message::Binary(self.led_through(&bytes).map_or(bytes, Into::into))
                }
                other => other,
            };
            to.send(message).map_err(failed)?;
        }
    }

    /// A message with candidates in it, led through the relays; `None` for one that is to pass as it is.
    fn led_through(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut response = proto::SignalResponse::decode(bytes).ok()?;
        let relay = |media| self.relay(media);
        match response.message.as_mut()? {
            Message::Offer(description) | Message::Answer(description) => {
                description.sdp = sdp::with_one_candidate(&description.sdp, relay);
            }
            Message::Trickle(trickle) => {
                let mut init: serde_json::Value = serde_json::from_str(&trickle.candidate_init).ok()?;
                // The empty candidate ends them.
                init["candidate"] = sdp::redirected(init["candidate"].as_str()?, relay).unwrap_or_default().into();
                trickle.candidate_init = init.to_string();
            }
            _ => return None,
        }
        Some(response.encode_to_vec())
    }

    /// Where the relay to a media port listens.
    fn relay(&self, media: SocketAddr) -> Option<SocketAddr> {
        let mut network = lock(&self.network);
        if let Some(known) = network.relays.get(&media) {
            return Some(known.address());
        }
        let relay = Relay::start(media).ok()?;
        relay.impair(network.impairment);
        network.hole.iter().for_each(|hole| relay.lose(*hole));
        let address = relay.address();
        network.relays.insert(media, relay);
        Some(address)
    }
}

/// What the server says on a WebSocket is only listened to: its client answers pings and closes for itself.
struct Deaf<'a>(&'a TcpStream);

impl Read for Deaf<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Deaf<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads up to the empty line; what was read beyond it is second.
fn read_head(mut stream: &TcpStream) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let (mut head, mut some) = (vec![], [0; 4096]);
    loop {
        if let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = head.split_off(end + 4);
            return Ok((head, rest));
        }
        let n = stream.read(&mut some)?;
        if n == 0 || head.len() > HEAD_BYTES_MAX {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        head.extend(&some[..n]);
    }
}

/// Whether a request's head asks for a WebSocket to signal on.
fn is_signal(head: &[u8]) -> bool {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let upgrade = |line: &str| line.strip_prefix("upgrade:").is_some_and(|value| value.trim() == "websocket");
    head.starts_with("get /rtc") && head.lines().any(upgrade)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_websocket_to_signal_on_is_listened_to() {
        let upgrade = "Upgrade: WebSocket\r\n\r\n";
        for (head, signal) in [
            (format!("GET /rtc/v1?join_request=x HTTP/1.1\r\n{upgrade}"), true),
            (format!("GET /rtc?access_token=x HTTP/1.1\r\nHost: x\r\n{upgrade}"), true),
            (format!("GET /live HTTP/1.1\r\n{upgrade}"), false),
            ("GET /rtc/validate HTTP/1.1\r\n\r\n".to_owned(), false),
        ] {
            assert_eq!(is_signal(head.as_bytes()), signal, "{head}");
        }
    }
}
