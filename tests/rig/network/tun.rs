//! TUN devices: network interfaces whose packets a program reads and writes.
//!
//! Without IFF_VNET_HDR a read gives one whole IP packet: the kernel has cut what was handed to it in large pieces, and
//! filled in its checksums. A device goes with its file.

use std::ffi::c_char;
use std::fs::File;
use std::io;
use std::mem::zeroed;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::ptr;

use libc::{c_int, c_short, c_uchar, c_ulong, c_ushort, ifreq, sockaddr, sockaddr_in};

/// What makes devices.
pub(super) const CLONE: &str = "/dev/net/tun";
/// The largest packet, bytes: Ethernet's.
pub(super) const MTU: usize = 1500;
/// What the kernel keeps for a program that is slow to read, packets; beyond, it drops.
const QUEUE_PACKETS: c_int = 8192;
/// What devices are called; the kernel puts a number in.
const NAME: &str = "spillway%d";

/// Makes a device in the calling thread's namespace, up, with an address, a route to its peer and, if there is none
/// yet, the route to everywhere.
pub(super) fn open(local: Ipv4Addr, peer: Ipv4Addr) -> io::Result<File> {
    let device = File::options().read(true).write(true).custom_flags(libc::O_NONBLOCK).open(CLONE)?;
    let mut request = request(NAME);
    request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as c_short;
    control(&device, libc::TUNSETIFF, &mut request)?;
    // The request now has the name with its number.
    let socket = UdpSocket::bind(("0.0.0.0", 0))?;
    request.ifr_ifru.ifru_metric = QUEUE_PACKETS;
    control(&socket, libc::SIOCSIFTXQLEN, &mut request)?;
    request.ifr_ifru.ifru_mtu = MTU as c_int;
    control(&socket, libc::SIOCSIFMTU, &mut request)?;
    request.ifr_ifru.ifru_addr = address(local);
    control(&socket, libc::SIOCSIFADDR, &mut request)?;
    request.ifr_ifru.ifru_addr = address(peer);
    control(&socket, libc::SIOCSIFDSTADDR, &mut request)?;
    set_up(&socket, &mut request)?;
    match route_everything(&socket, &mut request.ifr_name) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        done => done?,
    }
    Ok(device)
}

/// Brings an interface of the calling thread's namespace up.
pub(super) fn up(name: &str) -> io::Result<()> {
    let socket = UdpSocket::bind(("0.0.0.0", 0))?;
    set_up(&socket, &mut request(name))
}

fn set_up(socket: &UdpSocket, request: &mut ifreq) -> io::Result<()> {
    // No multicast: a link of two ends has no group to speak to.
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as c_short;
    control(socket, libc::SIOCSIFFLAGS, request)
}

fn request(name: &str) -> ifreq {
    // SAFETY: an ifreq is plain data, for which zeros are valid.
    let mut request: ifreq = unsafe { zeroed() };
    for (to, from) in request.ifr_name.iter_mut().take(libc::IFNAMSIZ - 1).zip(name.bytes()) {
        *to = from as c_char;
    }
    request
}

fn address(ip: Ipv4Addr) -> sockaddr {
    // SAFETY: both structures are plain data of the same size, which the kernel tells apart by the family.
    unsafe {
        let mut address: sockaddr_in = zeroed();
        address.sin_family = libc::AF_INET as libc::sa_family_t;
        address.sin_addr.s_addr = u32::from_ne_bytes(ip.octets());
        ptr::from_ref(&address).cast::<sockaddr>().read()
    }
}

fn control<T>(file: &impl AsRawFd, order: libc::Ioctl, argument: &mut T) -> io::Result<()> {
    // SAFETY: each order above reads and writes the structure that it is called with, which lives through the call.
    match unsafe { libc::ioctl(file.as_raw_fd(), order, ptr::from_mut(argument)) } {
        0.. => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// `struct rtentry` of `linux/route.h`.
#[repr(C)]
struct Route {
    pad1: c_ulong,
    destination: sockaddr,
    gateway: sockaddr,
    mask: sockaddr,
    flags: c_ushort,
    pad2: c_short,
    pad3: c_ulong,
    pad4: *mut c_uchar,
    metric: c_short,
    device: *mut c_char,
    mtu: c_ulong,
    window: c_ulong,
    round_trip: c_ushort,
}

fn route_everything(socket: &UdpSocket, device: &mut [c_char; libc::IFNAMSIZ]) -> io::Result<()> {
    let everywhere = address(Ipv4Addr::UNSPECIFIED);
    // SAFETY: a route is plain data, for which zeros are valid.
    let zeros: Route = unsafe { zeroed() };
    let (flags, device) = (libc::RTF_UP, device.as_mut_ptr());
    let mut route = Route { destination: everywhere, gateway: everywhere, mask: everywhere, flags, device, ..zeros };
    control(socket, libc::SIOCADDRT, &mut route)
}
