//! Batched sending: `sendmmsg`, and `UDP_SEGMENT` where one destination gets several packets at once.

use std::io;
use std::net::{SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd as _;

/// Destinations a call at most.
pub(crate) const DESTINATIONS_MAX: usize = 32;
/// Segments that the kernel takes in one message (UDP_MAX_SEGMENTS).
const SEGMENTS_MAX: usize = 64;
/// The longest UDP payload of IPv4, bytes.
const MESSAGE_BYTES_MAX: usize = 65_507;
/// Space for one segment size message, in words.
const CONTROL_WORDS: usize = 4;

/// How many packets of this length one message may hold.
pub(crate) fn segments_max(packet_bytes: usize) -> usize {
    SEGMENTS_MAX.min(MESSAGE_BYTES_MAX / packet_bytes)
}

/// One destination's packets, all of the same length, one after the other.
pub(crate) struct Outgoing<'a> {
    pub to: SocketAddrV4,
    pub packets: &'a mut [u8],
}

/// Sends all, each in packets of `packet_bytes`; at most [`DESTINATIONS_MAX`].
pub(crate) fn send_all(socket: &UdpSocket, outgoing: &mut [Outgoing<'_>], packet_bytes: usize) -> io::Result<()> {
    let count = outgoing.len().min(DESTINATIONS_MAX);
    let mut controls = [[0_u64; CONTROL_WORDS]; DESTINATIONS_MAX];
    // SAFETY: all-zero is a valid value of these C structs.
    let (mut names, mut iovecs, mut messages): (
        [libc::sockaddr_in; DESTINATIONS_MAX],
        [libc::iovec; DESTINATIONS_MAX],
        [libc::mmsghdr; DESTINATIONS_MAX],
    ) = unsafe { std::mem::zeroed() };
    for (i, Outgoing { to, packets }) in outgoing.iter_mut().enumerate().take(count) {
        names[i].sin_family = libc::AF_INET as libc::sa_family_t;
        names[i].sin_port = to.port().to_be();
        names[i].sin_addr.s_addr = u32::from(*to.ip()).to_be();
        iovecs[i] = libc::iovec { iov_base: packets.as_mut_ptr().cast(), iov_len: packets.len() };
        let header = &mut messages[i].msg_hdr;
        header.msg_name = (&raw mut names[i]).cast();
        header.msg_namelen = size_of::<libc::sockaddr_in>() as libc::socklen_t;
        header.msg_iov = &raw mut iovecs[i];
        header.msg_iovlen = 1;
        if packets.len() > packet_bytes {
            header.msg_control = controls[i].as_mut_ptr().cast();
            set_segment_bytes(header, packet_bytes as u16);
        }
    }
    let mut sent = 0;
    while sent < count {
        // SAFETY: each message points at its own name, buffer and control space, which live and stay unmoved until the
        // end of this function.
        let n =
            unsafe { libc::sendmmsg(socket.as_raw_fd(), messages[sent..count].as_mut_ptr(), (count - sent) as u32, 0) };
        if n < 0 {
            return Err(io::Error::last_os_error());
        }
        sent += n as usize;
    }
    Ok(())
}

/// `msg_control` must have room for [`CONTROL_WORDS`].
fn set_segment_bytes(header: &mut libc::msghdr, bytes: u16) {
    // SAFETY: the control space is CONTROL_WORDS words, which hold one message of two bytes; the length is set before
    // CMSG_FIRSTHDR looks at it.
    unsafe {
        header.msg_controllen = libc::CMSG_SPACE(size_of::<u16>() as u32) as usize;
        let control = libc::CMSG_FIRSTHDR(header);
        (*control).cmsg_level = libc::SOL_UDP;
        (*control).cmsg_type = libc::UDP_SEGMENT;
        (*control).cmsg_len = libc::CMSG_LEN(size_of::<u16>() as u32) as usize;
        std::ptr::write_unaligned(libc::CMSG_DATA(control).cast(), bytes);
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_destination_gets_its_packets_one_by_one() {
        let receivers = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut buffers = [vec![1, 1, 2, 2, 3, 3], vec![4, 4]];
        let mut outgoing: Vec<Outgoing<'_>> = receivers
            .iter()
            .zip(&mut buffers)
            .map(|(receiver, packets)| match receiver.local_addr().unwrap() {
                SocketAddr::V4(to) => Outgoing { to, packets },
                SocketAddr::V6(to) => panic!("{to}"),
            })
            .collect();
        send_all(&sender, &mut outgoing, 2).unwrap();
        for (receiver, expected) in receivers.iter().zip([&[1, 2, 3][..], &[4]]) {
            receiver.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
            for byte in expected {
                let mut packet = [0; 9];
                assert_eq!((receiver.recv(&mut packet).unwrap(), packet[0], packet[1]), (2, *byte, *byte));
            }
        }
        assert_eq!((segments_max(100), segments_max(1188)), (64, 55));
    }
}
