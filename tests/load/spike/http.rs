//! HTTP/1.1 on one connection that stays open, with little work a request: a thousand players of one core ask for
//! twenty thousand things a second.
//!
//! One request at a time. Answers must have a Content-Length, as the server's do. Any status is an answer.

use std::net::SocketAddr;
use std::time::Duration;

use rig::{Error, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// An answer may take so long, a playlist's that waits for the next part included.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// The longest head and body that are read, bytes.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;
/// The end of a head.
const BLANK_LINE: &[u8] = b"\r\n\r\n";

/// A connection to the server.
pub(crate) struct Connection {
    stream: TcpStream,
    server: SocketAddr,
    /// The last answer.
    buffer: Vec<u8>,
    body_at: usize,
}

/// The head of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    /// The status.
    pub status: u16,
    /// When to ask again.
    pub retry_after: Option<Duration>,
    /// The server closes the connection after it.
    closes: bool,
    body_bytes: usize,
    body_at: usize,
}

impl Head {
    /// `None`: it is not complete, or has no Content-Length.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(BLANK_LINE.len()).position(|window| window == BLANK_LINE)?;
        let mut lines = std::str::from_utf8(bytes.get(..end)?).ok()?.split("\r\n");
        let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
        let mut head = Self { status, body_at: end + BLANK_LINE.len(), ..Self::default() };
        let mut body_bytes = None;
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                body_bytes = value.parse().ok();
            } else if name.eq_ignore_ascii_case("retry-after") {
                head.retry_after = value.parse().ok().map(Duration::from_secs);
            } else if name.eq_ignore_ascii_case("connection") {
                head.closes = value.eq_ignore_ascii_case("close");
            }
        }
        head.body_bytes = body_bytes?;
        Some(head)
    }
}

impl Connection {
    /// A new one.
    pub(crate) async fn open(server: SocketAddr) -> Result<Self> {
        let stream = timeout(ANSWER_MAX, TcpStream::connect(server)).await;
        let stream = stream.map_err(|_| late("a connection"))?.map_err(Error::io("connecting to the server"))?;
        stream.set_nodelay(true).map_err(Error::io("setting up a connection"))?;
        Ok(Self { stream, server, buffer: Vec::with_capacity(16 * 1024), body_at: 0 })
    }

    /// GET.
    pub(crate) async fn get(&mut self, target: &str) -> Result<Head> {
        self.ask("GET", target, "").await
    }

    /// A request without a body. `headers`: lines that end with CRLF each.
    pub(crate) async fn ask(&mut self, method: &str, target: &str, headers: &str) -> Result<Head> {
        let request = format!("{method} {target} HTTP/1.1\r\nHost: {}\r\n{headers}\r\n", self.server);
        let head = timeout(ANSWER_MAX, self.exchange(&request)).await.map_err(|_| late(target))??;
        self.body_at = head.body_at;
        if head.closes {
            self.open_again().await?;
        }
        Ok(head)
    }

    /// A new connection in place of this one; the last answer stays.
    pub(crate) async fn open_again(&mut self) -> Result<()> {
        self.stream = Self::open(self.server).await?.stream;
        Ok(())
    }

    async fn exchange(&mut self, request: &str) -> Result<Head> {
        self.stream.write_all(request.as_bytes()).await.map_err(Error::io("sending a request"))?;
        self.buffer.clear();
        let mut head = None;
        loop {
            let read = self.stream.read_buf(&mut self.buffer).await.map_err(Error::io("reading an answer"))?;
            head = head.or_else(|| Head::parse(&self.buffer));
            match head {
                Some(head) if self.buffer.len() >= head.body_at + head.body_bytes => return Ok(head),
                _ if read == 0 => return Err(Error::Child("the server closed a connection".into())),
                _ if self.buffer.len() > ANSWER_BYTES_MAX => return Err(Error::Child("an answer is too long".into())),
                _ => {}
            }
        }
    }

    /// The body of the last answer.
    pub(crate) fn body(&self) -> &[u8] {
        self.buffer.get(self.body_at..).unwrap_or_default()
    }

    /// The body of the last answer; empty if it is no text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(self.body()).unwrap_or_default()
    }
}

fn late(what: &str) -> Error {
    let (what, seconds) = (format!("an answer to {what}"), ANSWER_MAX.as_secs());
    Error::Timeout { what, seconds, detail: String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_tells_where_the_body_is_and_when_to_ask_again() {
        let text =
            b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\nRetry-After: 2\r\nconnection: close\r\n\r\nbody";
        let head = Head::parse(text).unwrap();
        assert_eq!(&text[head.body_at..head.body_at + head.body_bytes], b"body");
        assert_eq!((head.status, head.retry_after, head.closes), (503, Some(Duration::from_secs(2)), true));
    }

    #[test]
    fn incomplete_head_and_one_without_a_length_are_none() {
        for text in ["", "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n", "HTTP/1.1 200 OK\r\n\r\n", "SSH-2.0\r\n\r\n"] {
            assert_eq!(Head::parse(text.as_bytes()), None, "{text:?}");
        }
    }
}
