//! A connection's bytes: a TCP stream, in the clear or below TLS.
//!
//! Taken out of tokio when the handshake is over; [`Transport`] is registered with a shard's poll, edge-triggered.

use std::io::{self, IoSlice, Read as _, Write as _};
use std::net::Shutdown;

use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto::upgrade::{Parts, downcast};
use mio::event::Source;
use mio::{Interest, Registry, Token};
use tokio_rustls::server::TlsStream;

/// A connection's bytes.
pub(in crate::events) enum Transport {
    Plain(mio::net::TcpStream),
    Tls(Box<Tls>),
}

/// TLS, and the stream below it.
pub(in crate::events) struct Tls {
    stream: mio::net::TcpStream,
    session: rustls::ServerConnection,
}

impl Transport {
    /// Takes a connection out of hyper and tokio, with what was read of it after the handshake. `None`: it is of a kind
    /// that no listener here makes.
    pub(in crate::events) fn taken(upgraded: Upgraded) -> io::Result<Option<(Self, Bytes)>> {
        let upgraded = match downcast::<TokioIo<tokio::net::TcpStream>>(upgraded) {
            Ok(Parts { io, read_buf, .. }) => {
                let stream = mio::net::TcpStream::from_std(io.into_inner().into_std()?);
                return Ok(Some((Self::Plain(stream), read_buf)));
            }
            Err(upgraded) => upgraded,
        };
        let Ok(Parts { io, read_buf, .. }) = downcast::<TokioIo<TlsStream<tokio::net::TcpStream>>>(upgraded) else {
            return Ok(None);
        };
        let (stream, session) = io.into_inner().into_inner();
        let stream = mio::net::TcpStream::from_std(stream.into_std()?);
        Ok(Some((Self::Tls(Box::new(Tls { stream, session })), read_buf)))
    }

    fn stream(&mut self) -> &mut mio::net::TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(tls) => &mut tls.stream,
        }
    }

    /// Tells `registry` of it.
    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.stream().register(registry, token, Interest::READABLE | Interest::WRITABLE)
    }

    /// Some bytes that arrived. 0: the peer sends no more. `WouldBlock`: none are here.
    pub(super) fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(bytes),
            Self::Tls(tls) => tls.read(bytes),
        }
    }

    /// Takes some bytes to send. `WouldBlock`: the peer must read first.
    pub(super) fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write_vectored(slices),
            Self::Tls(tls) => {
                // One record's worth at a time, so that what is taken is on its way before more is.
                tls.flush()?;
                let taken_bytes = tls.session.writer().write_vectored(slices)?;
                match tls.flush() {
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
                    _ => Ok(taken_bytes),
                }
            }
        }
    }

    /// Sends what was taken and not sent. Returns whether nothing is left.
    pub(super) fn flush(&mut self) -> io::Result<bool> {
        match self {
            Self::Plain(_) => Ok(true),
            Self::Tls(tls) => match tls.flush() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
                flushed => flushed.map(|()| true),
            },
        }
    }

    /// Sends no more. What was sent arrives first.
    pub(super) fn shut(&mut self) {
        if let Self::Tls(tls) = self {
            tls.session.send_close_notify();
            drop(tls.flush());
        }
        // The peer may have closed already.
        drop(self.stream().shutdown(Shutdown::Write));
    }
}

impl Tls {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.session.reader().read(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
            if self.session.read_tls(&mut self.stream)? == 0 {
                return Ok(0);
            }
            if let Err(error) = self.session.process_new_packets() {
                // The alert says why.
                drop(self.flush());
                return Err(io::Error::new(io::ErrorKind::InvalidData, error));
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            self.session.write_tls(&mut self.stream)?;
        }
        Ok(())
    }
}
