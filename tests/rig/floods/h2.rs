//! As much of HTTP/2 (RFC 9113) as it takes to ask and never read: requests without compression of their heads, and a
//! window of no bytes for every answer.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;

/// RFC 9113 §3.4.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Kinds of frames (RFC 9113 §6).
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
/// Flags of frames.
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// Settings (RFC 9113 §6.5.2).
const MAX_CONCURRENT_STREAMS: u16 = 3;
const INITIAL_WINDOW_SIZE: u16 = 4;
/// A frame's head, bytes.
const FRAME_HEAD: usize = 9;
/// Streams at once until the server says how many.
const STREAMS_FIRST: u32 = 100;

/// A connection that asks and does not read.
pub(super) struct Connection {
    stream: TcpStream,
    authority: String,
    received: Vec<u8>,
    /// What is still to be written.
    unsent: Vec<u8>,
    /// The next stream's id: odd ones are the client's.
    next: u32,
    /// Streams that have no whole answer, and how many there may be.
    open: u32,
    open_max: u32,
}

impl Connection {
    /// Says hello. The stream does not block from now on.
    pub(super) fn new(stream: TcpStream, authority: &str) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        let mut unsent = PREFACE.to_vec();
        let window = [&INITIAL_WINDOW_SIZE.to_be_bytes()[..], &0u32.to_be_bytes()].concat();
        unsent.extend(frame(SETTINGS, 0, 0, &window));
        let (received, authority) = (vec![], authority.to_owned());
        Ok(Self { stream, authority, received, unsent, next: 1, open: 0, open_max: STREAMS_FIRST })
    }

    /// Asks for `path` on as many streams as there may be, `most` of them, and attends to the connection. How many were
    /// asked, and how many bytes that took; `Err` once the server has ended it.
    pub(super) fn turn(&mut self, path: &str, most: u32) -> io::Result<(u32, usize)> {
        self.read()?;
        let mut asked = 0;
        while self.unsent.is_empty() && self.open < self.open_max.min(most) {
            self.unsent = frame(HEADERS, END_STREAM | END_HEADERS, self.next, &request(path, &self.authority));
            (self.next, self.open, asked) = (self.next + 2, self.open + 1, asked + 1);
            self.write()?;
        }
        self.write()?;
        Ok((asked, asked as usize * (FRAME_HEAD + path.len() + self.authority.len())))
    }

    fn write(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(n) => drop(self.unsent.drain(..n)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn read(&mut self) -> io::Result<()> {
        let mut buffer = [0; 16 * 1024];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => self.received.extend_from_slice(&buffer[..n]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        while let Some((kind, flags, payload)) = next_frame(&mut self.received) {
            self.take(kind, flags, &payload)?;
        }
        Ok(())
    }

    fn take(&mut self, kind: u8, flags: u8, payload: &[u8]) -> io::Result<()> {
        match kind {
            SETTINGS if flags & ACK == 0 => {
                for setting in payload.chunks_exact(6) {
                    if u16::from_be_bytes([setting[0], setting[1]]) == MAX_CONCURRENT_STREAMS {
                        self.open_max = u32::from_be_bytes([setting[2], setting[3], setting[4], setting[5]]);
                    }
                }
                self.unsent.extend(frame(SETTINGS, ACK, 0, &[]));
            }
            PING if flags & ACK == 0 => self.unsent.extend(frame(PING, ACK, 0, payload)),
            GOAWAY => return Err(io::ErrorKind::ConnectionReset.into()),
            RST_STREAM => self.open = self.open.saturating_sub(1),
            // A head or an empty end of a body: the whole answer.
            _ if kind <= HEADERS && flags & END_STREAM != 0 => self.open = self.open.saturating_sub(1),
            _ => {}
        }
        Ok(())
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The first whole frame: kind, flags, payload.
fn next_frame(received: &mut Vec<u8>) -> Option<(u8, u8, Vec<u8>)> {
    let head: [u8; FRAME_HEAD] = received.get(..FRAME_HEAD)?.try_into().ok()?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
    let payload = received.get(FRAME_HEAD..FRAME_HEAD + length)?.to_vec();
    received.drain(..FRAME_HEAD + length);
    Some((head[3], head[4], payload))
}

/// A GET in HPACK (RFC 7541): the static table's fields, and literals that nobody is to keep.
fn request(path: &str, authority: &str) -> Vec<u8> {
    // :method GET, :scheme http.
    let mut head = vec![0x82, 0x86];
    for (name, value) in [(4, path), (1, authority)] {
        head.push(name);
        push_length(&mut head, value.len());
        head.extend(value.as_bytes());
    }
    // accept-encoding "gzip, deflate"; ordinary fields follow the others (RFC 9113 §8.3).
    head.push(0x90);
    head
}

/// The length of a literal without Huffman code: an integer of a prefix of seven bits (RFC 7541 §5.1).
fn push_length(head: &mut Vec<u8>, mut length: usize) {
    if length < 127 {
        return head.push(length as u8);
    }
    head.push(127);
    length -= 127;
    while length >= 128 {
        head.push((length % 128 + 128) as u8);
        length /= 128;
    }
    head.push(length as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_printed_are_read_again() {
        let mut received = [frame(PING, 0, 0, &[7; 8]), frame(SETTINGS, ACK, 0, &[]), vec![0, 0, 9]].concat();
        assert_eq!(next_frame(&mut received), Some((PING, 0, vec![7; 8])));
        assert_eq!(next_frame(&mut received), Some((SETTINGS, ACK, vec![])));
        assert_eq!((next_frame(&mut received), received.len()), (None, 3));
    }

    #[test]
    fn lengths_are_printed_as_the_rfc_has_them() {
        // RFC 7541 §C.1.2: 1337 with a prefix of five bits is 31, 154, 10.
        for (length, printed) in [(5, &[5][..]), (127, &[127, 0]), (1433, &[127, 154, 10])] {
            let mut head = vec![];
            push_length(&mut head, length);
            assert_eq!(head, printed, "{length}");
        }
    }
}
