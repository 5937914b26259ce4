//! Datagrams in batches: `recvmmsg` in, `sendmmsg` and segmentation offload (UDP_SEGMENT) out.
//!
//! A packet is written once, where it is sent from; nothing is allocated per packet. The output queue is as long as one
//! flush, and what the kernel refuses is dropped and counted: a full socket buffer must not delay anybody else's media.

mod inlet;
mod outlet;

use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd as _;

pub(crate) use inlet::Inlet;
pub(crate) use outlet::{Outlet, Sent};

/// The longest datagram taken. Peers keep to the path's MTU, which is less.
pub(crate) const DATAGRAM_MAX: usize = 2048;

/// A destination as the kernel wants it.
#[derive(Clone, Copy)]
pub(crate) struct Destination {
    pub(super) storage: [u8; size_of::<libc::sockaddr_in6>()],
    pub(super) len: u8,
}

impl Destination {
    pub(crate) fn new(address: SocketAddr) -> Self {
        let mut storage = [0; size_of::<libc::sockaddr_in6>()];
        let port = address.port().to_be_bytes();
        let family = |family: i32| (family as libc::sa_family_t).to_ne_bytes();
        // sockaddr_in and sockaddr_in6 as ip(7) and ipv6(7) lay them out.
        match address {
            SocketAddr::V4(v4) => {
                storage[..2].copy_from_slice(&family(libc::AF_INET));
                storage[2..4].copy_from_slice(&port);
                storage[4..8].copy_from_slice(&v4.ip().octets());
                Self { storage, len: size_of::<libc::sockaddr_in>() as u8 }
            }
            SocketAddr::V6(v6) => {
                storage[..2].copy_from_slice(&family(libc::AF_INET6));
                storage[2..4].copy_from_slice(&port);
                storage[8..24].copy_from_slice(&v6.ip().octets());
                storage[24..28].copy_from_slice(&v6.scope_id().to_ne_bytes());
                Self { storage, len: size_of::<libc::sockaddr_in6>() as u8 }
            }
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.storage[..usize::from(self.len)]
    }
}

/// Asks for buffers of `bytes`; the kernel gives as much as it allows.
pub(crate) fn set_buffers(socket: &UdpSocket, receive_bytes: u32, send_bytes: u32) {
    for (force, option, bytes) in
        [(libc::SO_RCVBUFFORCE, libc::SO_RCVBUF, receive_bytes), (libc::SO_SNDBUFFORCE, libc::SO_SNDBUF, send_bytes)]
    {
        let value = bytes.cast_signed();
        let set = |option| {
            // SAFETY: the option's value is an int.
            unsafe {
                libc::setsockopt(
                    socket.as_raw_fd(),
                    libc::SOL_SOCKET,
                    option,
                    (&raw const value).cast(),
                    size_of::<i32>() as u32,
                )
            }
        };
        // Beyond the system's limit only with privileges.
        if set(force) != 0 {
            set(option);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::time::Duration;

    fn push(outlet: &mut Outlet, to: &Destination, datagram: &[u8]) {
        outlet.slot()[..datagram.len()].copy_from_slice(datagram);
        outlet.commit(to, datagram.len());
    }

    fn pair(ip: &str) -> (UdpSocket, Outlet, Destination) {
        let receiver = UdpSocket::bind((ip, 0)).unwrap();
        receiver.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let outlet = Outlet::new(UdpSocket::bind((ip, 0)).unwrap());
        let to = Destination::new(receiver.local_addr().unwrap());
        (receiver, outlet, to)
    }

    #[test]
    fn packets_arrive_whole_and_in_order_with_fewer_calls_than_packets() {
        for ip in ["127.0.0.1", "::1"] {
            let (receiver, mut outlet, to) = pair(ip);
            let lengths = [1200, 1200, 900, 1200, 1201, 1201, 10, 1201];
            for (i, len) in lengths.into_iter().enumerate() {
                outlet.slot()[..len].fill(i as u8);
                outlet.commit(&to, len);
            }
            outlet.flush();
            let mut buffer = [0; 4096];
            for (i, len) in lengths.into_iter().enumerate() {
                let got = receiver.recv(&mut buffer).unwrap();
                assert_eq!((got, buffer[0], buffer[got - 1]), (len, i as u8, i as u8), "{ip}");
            }
            let sent = outlet.take_sent();
            assert_eq!((sent.datagrams, sent.refused, sent.calls), (8, 0, 1));
        }
    }

    #[test]
    fn a_batch_tells_who_sent_what() {
        for ip in ["127.0.0.1", "::1"] {
            let (receiver, mut outlet, to) = pair(ip);
            (0..100u8).for_each(|i| push(&mut outlet, &to, &[i; 20]));
            outlet.flush();
            let source = outlet.local_addr().unwrap();
            let (mut inlet, mut seen) = (Inlet::new(), 0);
            while seen < 100 {
                let (got, _) = inlet.receive(&receiver);
                for i in 0..got {
                    let (from, data) = inlet.datagram(i);
                    assert_eq!((from, &data[..]), (source, &[seen as u8; 20][..]));
                    seen += 1;
                }
            }
        }
    }

    #[test]
    fn an_unreachable_destination_costs_its_own_packets_alone() {
        let (receiver, mut outlet, to) = pair("127.0.0.1");
        let nowhere = Destination::new("[::1]:9".parse().unwrap());
        for to in [&to, &nowhere, &to] {
            push(&mut outlet, to, b"x");
        }
        outlet.flush();
        let mut buffer = [0; 10];
        assert!(receiver.recv(&mut buffer).is_ok() && receiver.recv(&mut buffer).is_ok());
        assert_eq!((outlet.take_sent().datagrams, outlet.take_sent().refused), (2, 0));
    }
}
