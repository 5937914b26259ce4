//! Datagrams in batches: `recvmmsg` in, `sendmmsg` and segmentation offload (UDP_SEGMENT) out.
//!
//! A packet is written once, where it is sent from; nothing is allocated per packet. The output queue is as long as one flush,
//! and what the kernel refuses is dropped and counted: a full socket buffer must not delay anybody else's media.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd as _;

/// The longest datagram taken. Peers keep to the path's MTU, which is less.
pub(crate) const DATAGRAM_MAX: usize = 2048;
/// Datagrams a call receives.
const BATCH: usize = 64;
/// Messages a call sends.
const FLUSH_MESSAGES: usize = 32;
/// Bytes that wait for one flush.
const SLAB: usize = 1 << 20;
/// Segments of a message, and its length: what every kernel with UDP_SEGMENT takes.
const SEGMENTS_MAX: usize = 44;
const MESSAGE_BYTES_MAX: usize = 60_000;

/// A destination as the kernel wants it.
#[derive(Clone, Copy)]
pub(crate) struct Destination {
    storage: [u8; size_of::<libc::sockaddr_in6>()],
    len: u8,
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

    fn bytes(&self) -> &[u8] {
        &self.storage[..usize::from(self.len)]
    }
}

/// Where received datagrams lie.
pub(crate) struct Inlet {
    buffers: Box<[[u8; DATAGRAM_MAX]; BATCH]>,
    names: Box<[libc::sockaddr_in6; BATCH]>,
    lengths: [usize; BATCH],
}

impl Inlet {
    pub(crate) fn new() -> Self {
        // SAFETY: sockaddr_in6 is plain integers.
        let name: libc::sockaddr_in6 = unsafe { std::mem::zeroed() };
        Self { buffers: Box::new([[0; DATAGRAM_MAX]; BATCH]), names: Box::new([name; BATCH]), lengths: [0; BATCH] }
    }

    /// Receives what is there, at most a batch. Returns how many, and whether there may be more.
    pub(crate) fn receive(&mut self, socket: &UdpSocket) -> (usize, bool) {
        // SAFETY: both are plain integers and pointers, for which zeros are valid.
        let (mut iov, mut headers): ([libc::iovec; BATCH], [libc::mmsghdr; BATCH]) =
            unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
        for i in 0..BATCH {
            iov[i] = libc::iovec { iov_base: self.buffers[i].as_mut_ptr().cast(), iov_len: DATAGRAM_MAX };
            let header = &mut headers[i].msg_hdr;
            header.msg_iov = &raw mut iov[i];
            header.msg_iovlen = 1;
            header.msg_name = (&raw mut self.names[i]).cast();
            header.msg_namelen = size_of::<libc::sockaddr_in6>() as u32;
        }
        // SAFETY: every header points to buffers and names that live in `self`, and to `iov`; their lengths are true.
        let got = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                headers.as_mut_ptr(),
                BATCH as u32,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        let got = usize::try_from(got).unwrap_or(0);
        for (length, header) in self.lengths.iter_mut().zip(&headers[..got]) {
            // A datagram that did not fit is none of ours.
            *length = if header.msg_hdr.msg_flags & libc::MSG_TRUNC == 0 { header.msg_len as usize } else { 0 };
        }
        (got, got == BATCH)
    }

    /// Datagram `i` of the last batch, and who sent it.
    pub(crate) fn datagram(&mut self, i: usize) -> (SocketAddr, &mut [u8]) {
        let name = &self.names[i];
        let source = if i32::from(name.sin6_family) == libc::AF_INET6 {
            let ip = Ipv6Addr::from(name.sin6_addr.s6_addr);
            SocketAddr::V6(std::net::SocketAddrV6::new(ip, u16::from_be(name.sin6_port), 0, name.sin6_scope_id))
        } else {
            // sockaddr_in has its address where sockaddr_in6 has its flow label.
            SocketAddr::new(IpAddr::V4(Ipv4Addr::from(name.sin6_flowinfo.to_ne_bytes())), u16::from_be(name.sin6_port))
        };
        (source, &mut self.buffers[i][..self.lengths[i]])
    }
}

/// Packets to one destination that leave as one message: all of `segment` bytes, the last one perhaps shorter.
struct Message {
    to: Destination,
    start: usize,
    len: usize,
    segment: usize,
    segments: usize,
    closed: bool,
}

/// What happened since it was last asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sent {
    pub datagrams: u64,
    pub bytes: u64,
    pub refused: u64,
    pub calls: u64,
}

/// A socket's output queue.
pub(crate) struct Outlet {
    socket: UdpSocket,
    segmentation: bool,
    messages: Vec<Message>,
    slab: Box<[u8]>,
    used: usize,
    sent: Sent,
}

impl Outlet {
    pub(crate) fn new(socket: UdpSocket) -> Self {
        Self {
            socket,
            segmentation: true,
            messages: Vec::with_capacity(2 * FLUSH_MESSAGES),
            slab: vec![0; SLAB].into(),
            used: 0,
            sent: Sent::default(),
        }
    }

    /// Room for one datagram, of [`DATAGRAM_MAX`] bytes. [`commit`](Self::commit) queues what was written there.
    #[inline]
    pub(crate) fn slot(&mut self) -> &mut [u8] {
        if self.used + DATAGRAM_MAX > SLAB || self.messages.len() >= 2 * FLUSH_MESSAGES - 1 {
            self.flush();
        }
        &mut self.slab[self.used..self.used + DATAGRAM_MAX]
    }

    /// Queues the first `len` bytes of the slot.
    #[inline]
    pub(crate) fn commit(&mut self, to: &Destination, len: usize) {
        let start = self.used;
        self.used += len;
        if let Some(last) = self.messages.last_mut()
            && self.segmentation
            && !last.closed
            && len <= last.segment
            && last.segments < SEGMENTS_MAX
            && last.len + len <= MESSAGE_BYTES_MAX
            && last.to.bytes() == to.bytes()
        {
            last.len += len;
            last.segments += 1;
            last.closed = len < last.segment;
            return;
        }
        self.messages.push(Message { to: *to, start, len, segment: len, segments: 1, closed: false });
    }

    /// Sends what is queued, if that fills a call. To be called between destinations.
    #[inline]
    pub(crate) fn flush_if_full(&mut self) {
        if self.messages.len() >= FLUSH_MESSAGES {
            self.flush();
        }
    }

    /// Sends what is queued.
    pub(crate) fn flush(&mut self) {
        let mut from = 0;
        while from < self.messages.len() {
            let until = self.messages.len().min(from + FLUSH_MESSAGES);
            self.send(from, until);
            from = until;
        }
        self.messages.clear();
        self.used = 0;
    }

    /// Counters since the last call.
    pub(crate) fn take_sent(&mut self) -> Sent {
        std::mem::take(&mut self.sent)
    }

    fn send(&mut self, from: usize, until: usize) {
        // SAFETY: plain integers and pointers, for which zeros are valid.
        let (mut iov, mut headers): ([libc::iovec; FLUSH_MESSAGES], [libc::mmsghdr; FLUSH_MESSAGES]) =
            unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
        let mut controls = [Control::default(); FLUSH_MESSAGES];
        let count = until - from;
        for i in 0..count {
            let message = &mut self.messages[from + i];
            iov[i] = libc::iovec { iov_base: self.slab[message.start..].as_mut_ptr().cast(), iov_len: message.len };
            let header = &mut headers[i].msg_hdr;
            header.msg_name = message.to.storage.as_mut_ptr().cast();
            header.msg_namelen = u32::from(message.to.len);
            header.msg_iov = &raw mut iov[i];
            header.msg_iovlen = 1;
            if message.segments > 1 {
                controls[i] = Control::segments_of(message.segment as u16);
                header.msg_control = (&raw mut controls[i]).cast();
                header.msg_controllen = size_of::<Control>();
            }
        }
        let mut at = 0;
        while at < count {
            // SAFETY: headers `at..count` point into `self.messages`, `self.slab`, `iov` and `controls`, all alive.
            let done = unsafe {
                libc::sendmmsg(
                    self.socket.as_raw_fd(),
                    headers[at..].as_mut_ptr(),
                    (count - at) as u32,
                    libc::MSG_DONTWAIT,
                )
            };
            self.sent.calls += 1;
            let Ok(done @ 1..) = usize::try_from(done) else {
                // The first of them failed; the others are tried again.
                self.refused(from + at, &io::Error::last_os_error());
                at += 1;
                continue;
            };
            for message in &self.messages[from + at..from + at + done] {
                self.sent.datagrams += message.segments as u64;
                self.sent.bytes += message.len as u64;
            }
            at += done;
        }
    }

    /// Where the device cannot segment, packets go out one by one from now on.
    fn refused(&mut self, index: usize, error: &io::Error) {
        let message = &self.messages[index];
        let unsupported =
            matches!(error.raw_os_error(), Some(libc::EIO | libc::EINVAL | libc::EOPNOTSUPP | libc::EMSGSIZE));
        if message.segments == 1 || !unsupported {
            self.sent.refused += message.segments as u64;
            return;
        }
        self.segmentation = false;
        for segment in self.slab[message.start..message.start + message.len].chunks(message.segment) {
            // SAFETY: pointers and lengths are those of live slices.
            let done = unsafe {
                let (data, len) = (segment.as_ptr().cast(), segment.len());
                let name = message.to.storage.as_ptr().cast();
                libc::sendto(self.socket.as_raw_fd(), data, len, libc::MSG_DONTWAIT, name, u32::from(message.to.len))
            };
            self.sent.calls += 1;
            if done < 0 {
                self.sent.refused += 1;
            } else {
                self.sent.datagrams += 1;
                self.sent.bytes += segment.len() as u64;
            }
        }
    }
}

/// The control message of udp(7)'s UDP_SEGMENT, laid out as cmsg(3) asks on 64-bit systems.
#[derive(Clone, Copy, Default)]
#[repr(C, align(8))]
struct Control {
    len: usize,
    level: i32,
    kind: i32,
    segment: u16,
    pad: [u16; 3],
}

impl Control {
    fn segments_of(segment: u16) -> Self {
        let len = size_of::<usize>() + 2 * size_of::<i32>() + size_of::<u16>();
        Self { len, level: libc::SOL_UDP, kind: libc::UDP_SEGMENT, segment, pad: [0; 3] }
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
            let source = outlet.socket.local_addr().unwrap();
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
