//! Datagrams in.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd as _;

use super::DATAGRAM_MAX;

/// Datagrams a call receives.
const BATCH: usize = 64;

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
