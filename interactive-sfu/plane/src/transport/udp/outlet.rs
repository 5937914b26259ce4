//! Datagrams out.

use std::io;
use std::net::UdpSocket;
use std::os::fd::AsRawFd as _;

use super::{DATAGRAM_MAX, Destination};

/// Messages a call sends.
const FLUSH_MESSAGES: usize = 32;
/// Bytes that wait for one flush.
const SLAB: usize = 1 << 20;
/// Segments of a message, and its length: what every kernel with UDP_SEGMENT takes.
const SEGMENTS_MAX: usize = 44;
const MESSAGE_BYTES_MAX: usize = 60_000;

/// Packets to one destination that leave as one message: all of `segment` bytes, the last one perhaps shorter.
struct Message {
    to: Destination,
    start: usize,
    len: usize,
    segment: usize,
    segments: usize,
    closed: bool,
}

/// Counters since the last call.
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

    #[cfg(test)]
    pub(super) fn local_addr(&self) -> io::Result<std::net::SocketAddr> {
        self.socket.local_addr()
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
