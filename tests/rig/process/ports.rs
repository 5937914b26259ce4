//! Addresses and ports to put a server at.

use std::net::{IpAddr, TcpListener, UdpSocket};

use crate::error::{Error, Result};

/// A TCP port that nobody listens on right now.
pub fn free_port() -> Result<u16> {
    // At all addresses: a client of another one may have the port there.
    let listener = TcpListener::bind(("0.0.0.0", 0)).map_err(Error::io("looking for a free port"))?;
    Ok(listener.local_addr().map_err(Error::io("looking for a free port"))?.port())
}

/// An address of this machine that is none of loopback's: for clients that leave loopback out. No datagram is sent.
pub fn outside_address() -> Option<IpAddr> {
    let probe = UdpSocket::bind("0.0.0.0:0").and_then(|socket| socket.connect("192.0.2.1:9").map(|()| socket));
    probe.and_then(|socket| socket.local_addr()).ok().map(|address| address.ip())
}
