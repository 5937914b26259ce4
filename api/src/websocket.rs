//! WebSockets that thousands may hold open at once.
//!
//! tungstenite reads and answers pings. Messages go past its write buffer, which would keep the length of the longest
//! message for as long as the socket lives: the first message to a participant of a large room is 50 kB. They are
//! written from where they are, as many in one system call as are ready.

use std::convert::Infallible;
use std::io::{self, IoSlice};

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::response::Response;
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http::header::SEC_WEBSOCKET_PROTOCOL;
use http::request::Parts;
use http::{HeaderValue, Request};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tokio_tungstenite::tungstenite::protocol::frame::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

pub(crate) use tokio_tungstenite::tungstenite::{Error as Broken, Message};

use crate::Error;
use crate::events::frame_head;
use crate::extract::Place;

/// Each socket's read buffer, bytes: allocated when it opens, larger messages grow it.
const READ_BUFFER_BYTES: usize = 1024;
/// tungstenite's write buffer, bytes: it carries pongs and the close frame alone.
const WRITE_BUFFER_BYTES: usize = 256;

/// A message to write: the bytes, and whether they are text.
pub(crate) struct Written {
    pub(crate) payload: Bytes,
    pub(crate) text: bool,
}

/// A request that opens a WebSocket (RFC 6455 §4.2.1), by HTTP/1.1.
pub(crate) struct Upgrade {
    response: Response,
    io: OnUpgrade,
    place: Option<Place>,
}

/// A request for an [`Upgrade`], or the reason why it is none. The handler decides which refusal to answer first.
pub(crate) struct MaybeUpgrade(pub(crate) Result<Upgrade, Error>);

impl<S: Sync> FromRequestParts<S> for MaybeUpgrade {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(upgrade(parts).ok_or_else(|| Error::Malformed("a WebSocket is opened here".into()))))
    }
}

fn upgrade(parts: &mut Parts) -> Option<Upgrade> {
    let mut request = Request::builder().method(parts.method.clone()).version(parts.version).body(()).ok()?;
    request.headers_mut().clone_from(&parts.headers);
    let response = create_response_with_body(&request, Body::empty).ok()?;
    let io = parts.extensions.remove::<OnUpgrade>()?;
    Some(Upgrade { response, io, place: parts.extensions.remove() })
}

impl Upgrade {
    /// The answer, which agrees to `protocol`. `take` gets the connection itself once it is sent.
    pub(crate) fn hand_over(
        mut self,
        protocol: Option<HeaderValue>,
        take: impl FnOnce(Upgraded, Option<Place>) + Send + 'static,
    ) -> Response {
        if let Some(protocol) = protocol {
            self.response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, protocol);
        }
        tokio::spawn(async move {
            if let Ok(io) = self.io.await {
                take(io, self.place);
            }
        });
        self.response
    }

    /// The answer. `carry` gets the socket once it is sent; longer messages than `bytes_max` end the connection.
    pub(crate) fn on_upgrade<F>(self, bytes_max: usize, carry: impl FnOnce(Socket) -> F + Send + 'static) -> Response
    where
        F: Future<Output = ()> + Send,
    {
        tokio::spawn(async move {
            let _place = self.place;
            let Ok(io) = self.io.await else { return };
            let config = WebSocketConfig::default()
                .read_buffer_size(READ_BUFFER_BYTES)
                .write_buffer_size(WRITE_BUFFER_BYTES)
                .max_message_size(Some(bytes_max))
                .max_frame_size(Some(bytes_max));
            let socket = WebSocketStream::from_raw_socket(TokioIo::new(io), Role::Server, Some(config)).await;
            carry(Socket(socket)).await;
        });
        self.response
    }
}

/// An open WebSocket, at the server's end.
pub(crate) struct Socket(WebSocketStream<TokioIo<Upgraded>>);

impl Socket {
    /// The next message. `None`: the connection has ended. May be dropped while it waits.
    pub(crate) async fn read(&mut self) -> Option<Result<Message, Broken>> {
        self.0.next().await
    }

    /// Writes whole messages, in this order. If it is dropped before its end, or fails, the connection is broken.
    pub(crate) async fn write(&mut self, messages: &[Written]) -> Result<(), Broken> {
        // An answer to a ping may be half written.
        self.0.flush().await?;
        Ok(write_messages(self.0.get_mut(), messages).await?)
    }

    /// Says why the connection ends, and ends it.
    pub(crate) async fn close(&mut self, code: CloseCode) -> Result<(), Broken> {
        self.0.close(Some(CloseFrame { code, reason: "".into() })).await
    }
}

async fn write_messages(io: &mut (impl AsyncWrite + Unpin), messages: &[Written]) -> io::Result<()> {
    let heads: Vec<_> = messages.iter().map(|message| frame_head(message.text, message.payload.len())).collect();
    let slices =
        heads.iter().zip(messages).flat_map(|((head, bytes), message)| [&head[..*bytes], &message.payload[..]]);
    let mut slices: Vec<IoSlice<'_>> = slices.map(IoSlice::new).collect();
    let mut left = &mut slices[..];
    // An empty payload at the end is nothing to wait for.
    IoSlice::advance_slices(&mut left, 0);
    while !left.is_empty() {
        match io.write_vectored(left).await? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            written => IoSlice::advance_slices(&mut left, written),
        }
    }
    io.flush().await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads `at_once` bytes at a time.
    async fn read_by_tungstenite(at_once: usize, messages: Vec<Written>) -> Vec<Message> {
        let (mut ours, theirs) = tokio::io::duplex(at_once);
        let count = messages.len();
        let writes = async move { write_messages(&mut ours, &messages).await.unwrap() };
        let reads = async move {
            let mut reader = WebSocketStream::from_raw_socket(theirs, Role::Client, None).await;
            let mut read = Vec::new();
            while read.len() < count {
                read.push(reader.next().await.unwrap().unwrap());
            }
            read
        };
        tokio::join!(writes, reads).1
    }

    #[tokio::test]
    async fn message_of_any_length_arrives_whole_at_any_read_size() {
        let lengths = [0, 1, 125, 126, 127, 65_535, 65_536, 70_000, 0];
        for at_once in [1, 3, 4096, 1 << 20] {
            let written = lengths.map(|length| Written { payload: vec![b'x'; length].into(), text: length % 2 == 1 });
            let expected = lengths.map(|length| match length % 2 {
                1 => Message::text("x".repeat(length)),
                _ => Message::binary(vec![b'x'; length]),
            });
            assert_eq!(read_by_tungstenite(at_once, written.into()).await, expected, "{at_once} at once");
        }
    }
}
