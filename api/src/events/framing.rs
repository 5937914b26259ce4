//! Frames of a WebSocket at the server's end (RFC 6455 §5): reads a client's, and writes ours.
//!
//! A client's message is at most [`MESSAGE_BYTES_MAX`] long, whole or in fragments. [`Reader`] keeps the part of a
//! frame that has arrived, and no memory between frames. No I/O: bytes come in, messages come out. Driven by
//! `shard/connection.rs`.

#![allow(unreachable_pub, reason = "the fuzz target compiles this file by itself, and reaches into it")]

use bytes::Bytes;

/// The longest message of a client, bytes. A longer one is refused by its head, before it is kept.
pub const MESSAGE_BYTES_MAX: usize = 4096;
/// The longest payload of a control frame, bytes (RFC 6455 §5.5).
const CONTROL_BYTES_MAX: usize = 125;
/// The longest head of a frame that is sent, bytes.
const HEAD_BYTES_MAX: usize = 10;

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// Reasons that a close frame names (RFC 6455 §7.4.1).
pub mod close {
    /// The purpose is fulfilled.
    pub const NORMAL: u16 = 1000;
    /// The server goes down.
    pub const AWAY: u16 = 1001;
    /// The peer broke the protocol.
    pub const PROTOCOL: u16 = 1002;
    /// The peer sent a kind of data that is not taken.
    pub const UNSUPPORTED: u16 = 1003;
    /// A text is not UTF-8.
    pub const NOT_UTF8: u16 = 1007;
    /// The peer does what it may not.
    pub const POLICY: u16 = 1008;
    /// A message is too long.
    pub const TOO_LONG: u16 = 1009;
}

/// A breach of the protocol. The connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// A frame that the protocol does not allow.
    Protocol,
    /// A message longer than [`MESSAGE_BYTES_MAX`].
    TooLong,
    /// A binary message.
    Binary,
    /// A text that is not UTF-8.
    NotUtf8,
}

impl Violation {
    /// The reason to name in the close frame.
    pub fn code(self) -> u16 {
        match self {
            Self::Protocol => close::PROTOCOL,
            Self::TooLong => close::TOO_LONG,
            Self::Binary => close::UNSUPPORTED,
            Self::NotUtf8 => close::NOT_UTF8,
        }
    }
}

/// A whole message of a client, or a control frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incoming<'a> {
    /// A text message.
    Text(&'a str),
    /// A ping, to be answered with the same bytes.
    Ping(&'a [u8]),
    /// A pong.
    Pong,
    /// The client closes. No message follows.
    Close,
}

/// The incomplete part of what a client sends.
#[derive(Debug, Default)]
pub struct Reader {
    /// Bytes of a frame that has not arrived whole.
    partial: Vec<u8>,
    /// The fragments so far of a message; `None` outside of one.
    fragments: Option<Vec<u8>>,
    is_closed: bool,
}

/// The head of a frame, and its place.
struct Head {
    is_final: bool,
    opcode: u8,
    mask: [u8; 4],
    head_bytes: usize,
    payload_bytes: usize,
}

impl Head {
    /// `None`: it has not arrived whole.
    fn read(bytes: &[u8]) -> Result<Option<Self>, Violation> {
        let [first, second, ..] = *bytes else { return Ok(None) };
        let (is_final, opcode, short) = (first & 0x80 != 0, first & 0x0f, usize::from(second & 0x7f));
        // No extension is agreed to, so no reserved bit has a meaning; a client masks every frame.
        if first & 0x70 != 0 || second & 0x80 == 0 || !matches!(opcode, CONTINUATION..=BINARY | CLOSE..=PONG) {
            return Err(Violation::Protocol);
        }
        if opcode >= CLOSE && (!is_final || short > CONTROL_BYTES_MAX) {
            return Err(Violation::Protocol);
        }
        let (payload_bytes, length_end) = match short {
            126 => {
                let Some(length) = bytes.get(2..).and_then(<[u8]>::first_chunk) else { return Ok(None) };
                let length = usize::from(u16::from_be_bytes(*length));
                if length < 126 {
                    return Err(Violation::Protocol);
                }
                (length, 4)
            }
            // The length in 64 bits is for payloads from 65536 bytes on.
            127 => return Err(Violation::TooLong),
            short => (short, 2),
        };
        if payload_bytes > MESSAGE_BYTES_MAX {
            return Err(Violation::TooLong);
        }
        let Some(mask) = bytes.get(length_end..).and_then(<[u8]>::first_chunk) else { return Ok(None) };
        Ok(Some(Self { is_final, opcode, mask: *mask, head_bytes: length_end + 4, payload_bytes }))
    }
}

impl Reader {
    /// Reads what arrived, and hands over each message that is complete with it. `input` is unmasked in place.
    pub fn read(&mut self, input: &mut [u8], mut take: impl FnMut(Incoming<'_>)) -> Result<(), Violation> {
        if self.partial.is_empty() {
            let used_bytes = self.frames(input, &mut take)?;
            if !self.is_closed && used_bytes < input.len() {
                self.partial = input[used_bytes..].to_vec();
            }
            return Ok(());
        }
        let mut bytes = std::mem::take(&mut self.partial);
        bytes.extend_from_slice(input);
        let used_bytes = self.frames(&mut bytes, &mut take)?;
        if !self.is_closed && used_bytes < bytes.len() {
            bytes.drain(..used_bytes);
            bytes.shrink_to_fit();
            self.partial = bytes;
        }
        Ok(())
    }

    /// Bytes of an incomplete message that are kept.
    #[cfg(test)]
    pub fn kept_bytes(&self) -> usize {
        self.partial.len() + self.fragments.as_ref().map_or(0, Vec::len)
    }

    /// Reads all whole frames. Returns how many bytes they were.
    fn frames(&mut self, bytes: &mut [u8], take: &mut impl FnMut(Incoming<'_>)) -> Result<usize, Violation> {
        let mut used_bytes = 0;
        while !self.is_closed {
            let rest = &mut bytes[used_bytes..];
            let Some(head) = Head::read(rest)? else { break };
            let frame_bytes = head.head_bytes + head.payload_bytes;
            let Some(payload) = rest.get_mut(head.head_bytes..frame_bytes) else { break };
            payload.iter_mut().zip(head.mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
            used_bytes += frame_bytes;
            self.frame(&head, payload, take)?;
        }
        Ok(used_bytes)
    }

    fn frame(&mut self, head: &Head, payload: &[u8], take: &mut impl FnMut(Incoming<'_>)) -> Result<(), Violation> {
        match (head.opcode, &mut self.fragments) {
            (PING, _) => take(Incoming::Ping(payload)),
            (PONG, _) => take(Incoming::Pong),
            (CLOSE, _) => {
                check_close(payload)?;
                self.is_closed = true;
                take(Incoming::Close);
            }
            (BINARY, _) => return Err(Violation::Binary),
            (TEXT, None) if head.is_final => take(Incoming::Text(text(payload)?)),
            (TEXT, fragments @ None) => *fragments = Some(payload.to_vec()),
            (CONTINUATION, Some(fragments)) => {
                if fragments.len() + payload.len() > MESSAGE_BYTES_MAX {
                    return Err(Violation::TooLong);
                }
                fragments.extend_from_slice(payload);
                if head.is_final {
                    let whole = self.fragments.take().unwrap_or_default();
                    take(Incoming::Text(text(&whole)?));
                }
            }
            _ => return Err(Violation::Protocol),
        }
        Ok(())
    }
}

fn text(payload: &[u8]) -> Result<&str, Violation> {
    std::str::from_utf8(payload).map_err(|_| Violation::NotUtf8)
}

/// A close frame says nothing, or a code and why (RFC 6455 §5.5.1).
fn check_close(payload: &[u8]) -> Result<(), Violation> {
    let Some((code, why)) = payload.split_first_chunk::<2>() else {
        return if payload.is_empty() { Ok(()) } else { Err(Violation::Protocol) };
    };
    match u16::from_be_bytes(*code) {
        1000..=1003 | 1007..=1014 | 3000..=4999 => text(why).map(drop),
        _ => Err(Violation::Protocol),
    }
}

/// The head of a text or binary frame (RFC 6455 §5.2), final and not masked, and how many bytes of it are used.
pub fn frame_head(is_text: bool, payload_bytes: usize) -> ([u8; HEAD_BYTES_MAX], usize) {
    head(if is_text { TEXT } else { BINARY }, payload_bytes)
}

fn head(opcode: u8, payload_bytes: usize) -> ([u8; HEAD_BYTES_MAX], usize) {
    let mut bytes = [0; HEAD_BYTES_MAX];
    bytes[0] = 0x80 | opcode;
    let head_bytes = match (u8::try_from(payload_bytes), u16::try_from(payload_bytes)) {
        (Ok(short @ ..126), _) => {
            bytes[1] = short;
            2
        }
        (_, Ok(middle)) => {
            bytes[1] = 126;
            bytes[2..4].copy_from_slice(&middle.to_be_bytes());
            4
        }
        _ => {
            bytes[1] = 127;
            bytes[2..].copy_from_slice(&(payload_bytes as u64).to_be_bytes());
            10
        }
    };
    (bytes, head_bytes)
}

fn framed(opcode: u8, payload: &[u8]) -> Bytes {
    let (head, head_bytes) = head(opcode, payload.len());
    [&head[..head_bytes], payload].concat().into()
}

/// A text message.
pub fn text_frame(payload: &[u8]) -> Bytes {
    framed(TEXT, payload)
}

/// A ping.
pub fn ping_frame() -> Bytes {
    Bytes::from_static(&[0x80 | PING, 0])
}

/// The answer to a ping.
pub fn pong_frame(payload: &[u8]) -> Bytes {
    framed(PONG, payload)
}

/// The end, and why. `why` has at most 123 bytes.
pub fn close_frame(code: u16, why: &str) -> Bytes {
    framed(CLOSE, &[&code.to_be_bytes()[..], why.as_bytes()].concat())
}

#[cfg(test)]
mod tests;
