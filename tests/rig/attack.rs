//! Attacks on a server, as cheap as they come: by TCP without ICE, by signalling without media.
//!
//! Each runs in threads of its own until it is dropped, and counts what it did.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::FromRawFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::http::Http;
use crate::peer::Credentials;
use crate::sdp::{Direction, Offer, Video};

/// Bytes written at a time.
const WRITE_BYTES: usize = 64 * 1024;
/// A connection that takes nothing for so long is given up.
const WRITE_MAX: Duration = Duration::from_secs(2);

/// What an attack did so far.
#[derive(Debug, Default)]
pub struct Counts {
    /// Connections made, or requests sent.
    pub tries: AtomicU64,
    /// Connections that the server closed or refused, or requests that it refused.
    pub refused: AtomicU64,
    /// Bytes that it took.
    pub bytes: AtomicU64,
}

/// A running attack.
pub struct Attack {
    /// What it did so far.
    pub counts: Arc<Counts>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Attack {
    /// `step` is called again and again, in so many threads.
    fn start(threads: usize, step: impl Fn(&Counts, &AtomicBool) + Send + Sync + 'static) -> Self {
        let (counts, stop, step) = (Arc::new(Counts::default()), Arc::new(AtomicBool::new(false)), Arc::new(step));
        let threads = (0..threads).map(|_| {
            let (counts, stop, step) = (counts.clone(), stop.clone(), step.clone());
            std::thread::spawn(move || {
                while !stop.load(Relaxed) {
                    step(&counts, &stop);
                }
            })
        });
        Self { threads: threads.collect(), counts, stop }
    }

    /// Connects and streams `frame` for as long as it is let, then connects again.
    pub fn tcp_frames(server: SocketAddr, from: IpAddr, frame: &[u8], connections: usize) -> Self {
        let bytes = frame.repeat((WRITE_BYTES / frame.len().max(1)).max(1));
        Self::start(connections, move |counts, stop| {
            counts.tries.fetch_add(1, Relaxed);
            let Ok(mut stream) = connect_from(from, server) else {
                counts.refused.fetch_add(1, Relaxed);
                return std::thread::sleep(Duration::from_millis(1));
            };
            let _ = stream.set_write_timeout(Some(WRITE_MAX));
            while !stop.load(Relaxed) {
                match stream.write(&bytes) {
                    Ok(n) => drop(counts.bytes.fetch_add(n as u64, Relaxed)),
                    Err(_) => {
                        counts.refused.fetch_add(1, Relaxed);
                        return;
                    }
                }
            }
        })
    }

    /// Connects and says nothing, holding the last `held` connections open.
    pub fn tcp_silence(server: SocketAddr, from: IpAddr, held: usize) -> Self {
        Self::start(1, move |counts, stop| {
            let mut open = std::collections::VecDeque::new();
            while !stop.load(Relaxed) {
                counts.tries.fetch_add(1, Relaxed);
                match connect_from(from, server) {
                    Ok(stream) => open.push_back(stream),
                    Err(_) => {
                        counts.refused.fetch_add(1, Relaxed);
                        std::thread::sleep(Duration::from_millis(1));
                    }
                }
                if open.len() > held {
                    open.pop_front();
                }
            }
        })
    }

    /// Posts offers and never connects, with each token in turn.
    pub fn offers(http: &Http, path: &str, tokens: Vec<String>, credentials: &Credentials, threads: usize) -> Self {
        let (http, path, next) = (http.clone(), path.to_owned(), AtomicU64::new(0));
        let offer = offer_to_watch(credentials);
        Self::start(threads, move |counts, _| {
            let n = next.fetch_add(1, Relaxed) as usize;
            counts.tries.fetch_add(1, Relaxed);
            let reply = http.offer(&path, tokens.get(n % tokens.len().max(1)).map(String::as_str), offer.as_bytes());
            let refused = reply.is_ok_and(|reply| reply.status != 201);
            counts.refused.fetch_add(refused.into(), Relaxed);
        })
    }
}

impl Drop for Attack {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
    }
}

/// The offer of a viewer that never connects.
pub fn offer_to_watch(credentials: &Credentials) -> String {
    let (ufrag, pwd) = ("abcd".into(), "abcdefghijklmnopqrstuvwx".into());
    let fingerprint = credentials.fingerprint().to_owned();
    Offer { direction: Direction::Watch, video: Some(Video::Vp8), audio: false, ufrag, pwd, fingerprint, ssrc: 7 }
        .print()
}

/// The first ICE-TCP candidate of IPv4 in an answer (RFC 6544 §4.5).
pub fn tcp_candidate(answer: &str) -> Option<SocketAddr> {
    answer.lines().filter_map(|line| line.strip_prefix("a=candidate:")).find_map(|candidate| {
        let words: Vec<&str> = candidate.split_whitespace().collect();
        let [_, _, transport, _, address, port, ..] = words[..] else { return None };
        let address = SocketAddr::new(address.parse().ok()?, port.parse().ok()?);
        (transport.eq_ignore_ascii_case("tcp") && address.is_ipv4()).then_some(address)
    })
}

/// Connects to an address of IPv4, by an address of our own: all of 127.0.0.0/8 is this machine's.
pub fn connect_from(from: IpAddr, to: SocketAddr) -> io::Result<TcpStream> {
    let address = |ip: IpAddr, port: u16| match ip {
        IpAddr::V4(ip) => Ok(libc::sockaddr_in {
            sin_family: libc::AF_INET as libc::sa_family_t,
            sin_port: port.to_be(),
            sin_addr: libc::in_addr { s_addr: u32::from(ip).to_be() },
            sin_zero: [0; 8],
        }),
        IpAddr::V6(_) => Err(io::Error::from(io::ErrorKind::Unsupported)),
    };
    let (from, to) = (address(from, 0)?, address(to.ip(), to.port())?);
    let length = size_of::<libc::sockaddr_in>() as libc::socklen_t;
    let check = |result: libc::c_int| if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) };
    // SAFETY: no pointers are involved.
    let fd = check(unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0) })?;
    // SAFETY: the descriptor was just made and is nobody else's.
    let stream = unsafe { TcpStream::from_raw_fd(fd) };
    // SAFETY: the addresses outlive the calls, and are as long as is said.
    unsafe {
        check(libc::bind(fd, (&raw const from).cast(), length))?;
        check(libc::connect(fd, (&raw const to).cast(), length))?;
    }
    Ok(stream)
}

/// Sends one packet, framed (RFC 4571 §2), and returns the first that comes back.
pub fn exchange(stream: &mut TcpStream, packet: &[u8]) -> io::Result<Vec<u8>> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(&[&(packet.len() as u16).to_be_bytes()[..], packet].concat())?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}
