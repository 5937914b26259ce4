//! `spillway-load events`: the server's memory for events sockets that lie idle.
//!
//! Opens many sockets as guests, from several addresses of this machine, answers pings, and reads the server's resident
//! memory before and after. The kernel's memory for sockets is not in it. Both ends need a file descriptor a socket.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rig::process::{cpu_model, raise_open_files, resident_bytes};
use rig::{Error, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// A handshake and the first message may take so long.
const OPEN_MAX: Duration = Duration::from_secs(30);
/// Handshakes at a time.
const AT_ONCE: usize = 32;
/// Files that are open beside sockets.
const FILES_BESIDE: u64 = 64;
/// A pong of a client, masked with zeros (RFC 6455 §5.3).
const PONG: &[u8] = &[0x8a, 0x80, 0, 0, 0, 0];
/// Bytes kept of an answer's head and the first message.
const FIRST_BYTES_MAX: usize = 64 * 1024;

/// Options of the measurement.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct EventsOptions {
    /// The server's address.
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub server: SocketAddr,
    /// The room.
    #[arg(long, default_value = "demo")]
    pub room: String,
    /// The server's process, to read its memory.
    #[arg(long)]
    pub pid: u32,
    /// How many sockets.
    #[arg(long, short = 'n', default_value_t = 15_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub connections: u32,
    /// Addresses to connect from, 127.0.1.1 and those after it: each has some 28,000 ports.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=200))]
    pub addresses: u8,
    /// How long the sockets lie idle before memory is read, seconds.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(0..=600))]
    pub idle_seconds: u64,
}

/// The figures.
#[derive(Debug)]
pub(crate) struct EventsReport {
    options: EventsOptions,
    before_bytes: u64,
    after_bytes: u64,
    opening: Duration,
    /// Sockets that were closed before the end.
    closed: u32,
}

impl fmt::Display for EventsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let EventsOptions { connections, addresses, idle_seconds, room, .. } = &self.options;
        let each = self.after_bytes.saturating_sub(self.before_bytes) as f64 / f64::from(*connections);
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let (before, after, opening) = (mib(self.before_bytes), mib(self.after_bytes), self.opening.as_secs_f64());
        writeln!(f, "{connections} idle events sockets in room {room}, guests, plain TCP from {addresses} addresses")?;
        writeln!(f, "cpu: {}", cpu_model())?;
        writeln!(f, "opened in {opening:.1} s, idle for {idle_seconds} s, closed meanwhile: {}", self.closed)?;
        writeln!(f, "resident memory of the server: {before:.1} MiB before, {after:.1} MiB with them")?;
        writeln!(f, "{each:.0} bytes a connection")
    }
}

/// Opens the sockets, waits, reads, and closes them.
pub(crate) fn run(options: &EventsOptions) -> Result<EventsReport> {
    let (open_files, wanted) = (raise_open_files(), u64::from(options.connections) + FILES_BESIDE);
    if open_files < wanted {
        return Err(Error::Child(format!("{wanted} open files are needed, the limit is {open_files}")));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(Error::io("starting a runtime"))?.block_on(measure(options))
}

fn resident(pid: u32) -> Result<u64> {
    resident_bytes(pid).ok_or_else(|| Error::Child(format!("there is no process {pid}")))
}

async fn measure(options: &EventsOptions) -> Result<EventsReport> {
    let before_bytes = resident(options.pid)?;
    let (began, turns, closed) = (Instant::now(), Arc::new(Semaphore::new(AT_ONCE)), Arc::new(AtomicU32::new(0)));
    let (mut opening, mut open) = (JoinSet::new(), JoinSet::new());
    for number in 0..options.connections {
        let permit = turns.clone().acquire_owned().await;
        let (from, server) = ([127, 0, 1, 1 + (number % u32::from(options.addresses)) as u8], options.server);
        let room = options.room.clone();
        opening.spawn(async move {
            let opened = tokio::time::timeout(OPEN_MAX, open_socket(Ipv4Addr::from(from).into(), server, &room)).await;
            drop(permit);
            opened.unwrap_or_else(|_| Err(Error::Child("an events socket took too long to open".into())))
        });
        while let Some(opened) = opening.try_join_next() {
            open.spawn(lie_idle(opened.map_err(|error| Error::Child(error.to_string()))??, closed.clone()));
        }
    }
    while let Some(opened) = opening.join_next().await {
        open.spawn(lie_idle(opened.map_err(|error| Error::Child(error.to_string()))??, closed.clone()));
    }
    let opening = began.elapsed();
    tokio::time::sleep(Duration::from_secs(options.idle_seconds)).await;
    let after_bytes = resident(options.pid)?;
    Ok(EventsReport { options: options.clone(), before_bytes, after_bytes, opening, closed: closed.load(Relaxed) })
}

async fn open_socket(from: IpAddr, server: SocketAddr, room: &str) -> Result<TcpStream> {
    let connecting = Error::io("connecting an events socket");
    let socket = TcpSocket::new_v4().and_then(|socket| socket.bind(SocketAddr::new(from, 0)).map(|()| socket));
    let mut stream = match socket {
        Ok(socket) => socket.connect(server).await.map_err(connecting)?,
        Err(error) => return Err(connecting(error)),
    };
    let request = format!(
        "GET /v1/rooms/{room}/events HTTP/1.1\r\nHost: {server}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: spillway.v1.json\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.map_err(Error::io("opening an events socket"))?;
    let mut first = Vec::new();
    loop {
        let read = stream.read_buf(&mut first).await.map_err(Error::io("opening an events socket"))?;
        let text = String::from_utf8_lossy(&first);
        if text.starts_with("HTTP/1.1 101") && text.contains("\"type\":\"snapshot\"") {
            return Ok(stream);
        }
        if read == 0 || first.len() > FIRST_BYTES_MAX || !"HTTP/1.1 101".starts_with(text.get(..12).unwrap_or_default())
        {
            return Err(Error::Child(format!(
                "an events socket is refused: {}",
                text.lines().next().unwrap_or_default()
            )));
        }
    }
}

/// Answers whatever comes with a pong, which answers pings and is allowed at any time (RFC 6455 §5.5.3).
async fn lie_idle(mut stream: TcpStream, closed: Arc<AtomicU32>) {
    let mut bytes = [0; 512];
    while stream.read(&mut bytes).await.is_ok_and(|read| read > 0) {
        if stream.write_all(PONG).await.is_err() {
            break;
        }
    }
    closed.fetch_add(1, Relaxed);
}
