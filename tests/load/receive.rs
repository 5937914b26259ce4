//! Batched receiving: `recvmmsg` with the kernel's timestamps, over epoll.

use std::io;
use std::net::UdpSocket;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

/// Datagrams a call at most.
const BATCH: usize = 16;
/// Bytes kept of a datagram.
const KEPT: usize = 2048;
/// Space for one timestamp message, in words.
const CONTROL_WORDS: usize = 8;
/// Events a wait at most.
const EVENTS: usize = 1024;

/// Which sockets have something to read.
pub(crate) struct Epoll {
    fd: OwnedFd,
    events: Vec<libc::epoll_event>,
}

impl Epoll {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: no pointers are involved.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was just made and is nobody else's.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { fd, events: vec![libc::epoll_event { events: 0, u64: 0 }; EVENTS] })
    }

    /// Watches a socket; `token` names it.
    pub(crate) fn add(&self, socket: &impl AsFd, token: usize) -> io::Result<()> {
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: token as u64 };
        // SAFETY: both descriptors are open; `event` outlives the call.
        let done = unsafe {
            libc::epoll_ctl(self.fd.as_raw_fd(), libc::EPOLL_CTL_ADD, socket.as_fd().as_raw_fd(), &mut event)
        };
        if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Watches a socket no longer.
    pub(crate) fn remove(&self, socket: &impl AsFd) {
        // SAFETY: both descriptors are open; the event may be null since Linux 2.6.9.
        unsafe {
            libc::epoll_ctl(self.fd.as_raw_fd(), libc::EPOLL_CTL_DEL, socket.as_fd().as_raw_fd(), std::ptr::null_mut());
        }
    }

    /// Waits for at most `wait`; the tokens of readable sockets.
    pub(crate) fn wait(&mut self, wait: Duration) -> impl Iterator<Item = usize> + '_ {
        let ms = wait.as_millis().clamp(1, 1000) as libc::c_int;
        // SAFETY: the array has room for EVENTS events.
        let n = unsafe { libc::epoll_wait(self.fd.as_raw_fd(), self.events.as_mut_ptr(), EVENTS as libc::c_int, ms) };
        self.events.iter().take(n.max(0) as usize).map(|event| event.u64 as usize)
    }
}

/// Asks the kernel to note when datagrams arrive on this socket.
pub(crate) fn enable_timestamps(socket: &UdpSocket) {
    set_option(socket, libc::SO_TIMESTAMPNS, 1);
}

/// Asks for a receive buffer of so many bytes: by force where that is allowed, else as much as there is.
pub(crate) fn set_receive_buffer(socket: &UdpSocket, bytes: i32) {
    if !set_option(socket, libc::SO_RCVBUFFORCE, bytes) {
        set_option(socket, libc::SO_RCVBUF, bytes);
    }
}

fn set_option(socket: &UdpSocket, option: libc::c_int, value: i32) -> bool {
    let (value, len) = (&raw const value, size_of::<i32>() as libc::socklen_t);
    // SAFETY: the pointer is to an i32 that outlives the call.
    unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, option, value.cast(), len) == 0 }
}

/// A datagram of a batch.
pub(crate) struct Datagram<'a> {
    pub bytes: &'a [u8],
    /// When the kernel received it, nanoseconds since 1970; 0 if it did not note that.
    pub received_ns: u64,
}

/// Buffers for one batch.
pub(crate) struct Batch {
    buffers: Vec<[u8; KEPT]>,
    controls: Vec<[u64; CONTROL_WORDS]>,
}

impl Batch {
    pub(crate) fn new() -> Self {
        Self { buffers: vec![[0; KEPT]; BATCH], controls: vec![[0; CONTROL_WORDS]; BATCH] }
    }

    /// Takes what waits on `socket`, at most one batch, copying only `head` bytes of each datagram; hands each to
    /// `each`.
    pub(crate) fn receive(&mut self, socket: &UdpSocket, head: usize, mut each: impl FnMut(&Datagram<'_>)) {
        // SAFETY: all-zero is a valid value of these C structs.
        let (mut iovecs, mut messages): ([libc::iovec; BATCH], [libc::mmsghdr; BATCH]) = unsafe { std::mem::zeroed() };
        for i in 0..BATCH {
            iovecs[i] = libc::iovec { iov_base: self.buffers[i].as_mut_ptr().cast(), iov_len: head.min(KEPT) };
            let header = &mut messages[i].msg_hdr;
            header.msg_iov = &raw mut iovecs[i];
            header.msg_iovlen = 1;
            header.msg_control = self.controls[i].as_mut_ptr().cast();
            header.msg_controllen = size_of::<[u64; CONTROL_WORDS]>();
        }
        // SAFETY: each message points at its own buffers, which live and stay unmoved until the end of this function.
        let n = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                messages.as_mut_ptr(),
                BATCH as u32,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        for (message, buffer) in messages.iter().zip(&self.buffers).take(n.max(0) as usize) {
            let bytes = &buffer[..(message.msg_len as usize).min(head).min(KEPT)];
            each(&Datagram { bytes, received_ns: timestamp_ns(&message.msg_hdr) });
        }
    }
}

fn timestamp_ns(header: &libc::msghdr) -> u64 {
    // SAFETY: the kernel wrote the control messages and their length; the macros stay within it.
    unsafe {
        let control = libc::CMSG_FIRSTHDR(header);
        if control.is_null() || (*control).cmsg_type != libc::SCM_TIMESTAMPNS {
            return 0;
        }
        let time: libc::timespec = std::ptr::read_unaligned(libc::CMSG_DATA(control).cast());
        time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
    }
}
