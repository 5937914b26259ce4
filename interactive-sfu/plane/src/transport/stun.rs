//! The STUN exchanges of an ICE-lite agent (RFC 8489, RFC 8445 §2.5, §7.3): binding requests in and answers out, and
//! checks of ours, by which it learns whether the peer receives at an address.
//!
//! Takes any bytes, allocates nothing to refuse one, and is exact about order: whatever stands after MESSAGE-INTEGRITY,
//! other than FINGERPRINT, is not covered by it and spoils the request. No I/O, no clock, no keys: see `password`.
//! Driven by a shard's demultiplexer.

use std::net::{IpAddr, SocketAddr};

const HEADER: usize = 20;
/// The attribute MESSAGE-INTEGRITY.
const INTEGRITY: usize = 24;
const MAGIC_COOKIE: [u8; 4] = 0x2112_a442_u32.to_be_bytes();
const BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
const BINDING_INDICATION: [u8; 2] = [0x00, 0x11];
const BINDING_SUCCESS: [u8; 2] = [0x01, 0x01];
/// XORed into FINGERPRINT (RFC 8489 §14.7).
const FINGERPRINT_XOR: u32 = 0x5354_554e;
/// Attributes of one request; browsers send eight.
const ATTRIBUTES_MAX: usize = 24;

const USERNAME: u16 = 0x0006;
const PRIORITY: u16 = 0x0024;
const ICE_CONTROLLED: u16 = 0x8029;
/// Of a host candidate (RFC 8445 §5.1.2.1).
const HOST_PRIORITY: u32 = 126 << 24 | 65_535 << 8 | 255;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const USE_CANDIDATE: u16 = 0x0025;
const FINGERPRINT: u16 = 0x8028;

/// A binding request, well-formed and with a valid FINGERPRINT. Not to be trusted before its tag is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BindingRequest<'a> {
    bytes: &'a [u8],
    /// Chooses the request's answer. 96 bits.
    pub transaction_id: [u8; 12],
    /// The part of USERNAME before the colon: our user fragment.
    pub local_ufrag: &'a str,
    /// The part after the colon: the peer's user fragment. Empty without one.
    pub remote_ufrag: &'a str,
    /// USE-CANDIDATE: the peer will send media on this path.
    pub nominates: bool,
    /// Where MESSAGE-INTEGRITY starts.
    integrity_at: usize,
}

impl<'a> BindingRequest<'a> {
    /// `None`: not a binding request that could be authentic.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (header, attributes) = bytes.split_at_checked(HEADER)?;
        let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
        if header[..2] != BINDING_REQUEST
            || header[4..8] != MAGIC_COOKIE
            || length != attributes.len()
            || length % 4 != 0
        {
            return None;
        }
        let (mut username, mut nominates, mut integrity_at) = (None, false, None);
        let mut at = HEADER;
        for _ in 0..ATTRIBUTES_MAX {
            let (kind, value) = attribute(bytes, at)?;
            let next = at + 4 + value.len().next_multiple_of(4);
            match (kind, integrity_at) {
                (FINGERPRINT, Some(integrity_at)) => {
                    let whole = next == bytes.len() && value == fingerprint(bytes.get(..at)?).to_be_bytes();
                    let username = std::str::from_utf8(username?).ok()?;
                    let (local_ufrag, remote_ufrag) = username.split_once(':').unwrap_or((username, ""));
                    let transaction_id = *header[8..].first_chunk()?;
                    let request = Self { bytes, transaction_id, local_ufrag, remote_ufrag, nominates, integrity_at };
                    return whole.then_some(request);
                }
                (MESSAGE_INTEGRITY, None) if value.len() == 20 => integrity_at = Some(at),
                (USERNAME, None) if username.is_none() => username = Some(value),
                (USE_CANDIDATE, None) => nominates = true,
                (MESSAGE_INTEGRITY | USERNAME | FINGERPRINT, _) | (_, Some(_)) => return None,
                _ => {}
            }
            at = next;
        }
        None
    }

    /// The bytes that MESSAGE-INTEGRITY (RFC 8489 §14.5) covers: the start of the header, as if the message ended with
    /// it, and what follows.
    pub fn covered(&self) -> ([u8; 4], &'a [u8]) {
        covered(self.bytes, self.integrity_at)
    }

    /// The value of MESSAGE-INTEGRITY.
    pub fn tag(&self) -> &'a [u8] {
        tag(self.bytes, self.integrity_at)
    }

    /// The answer to a request from `source`. `sign` makes the HMAC-SHA1 of what it is given.
    pub fn success(&self, source: SocketAddr, sign: impl FnOnce(&[u8]) -> [u8; 20]) -> Vec<u8> {
        let mut out = begun(BINDING_SUCCESS, &self.transaction_id);
        put(&mut out, XOR_MAPPED_ADDRESS, &self.xor_mapped(source));
        signed(out, sign)
    }

    /// RFC 8489 §14.2.
    fn xor_mapped(&self, source: SocketAddr) -> Vec<u8> {
        let port = source.port() ^ u16::from_be_bytes([MAGIC_COOKIE[0], MAGIC_COOKIE[1]]);
        let mask = MAGIC_COOKIE.iter().chain(&self.transaction_id);
        let (family, address) = match source.ip() {
            IpAddr::V4(ip) => (1, ip.octets().to_vec()),
            IpAddr::V6(ip) => (2, ip.octets().to_vec()),
        };
        let mut value = vec![0, family];
        value.extend_from_slice(&port.to_be_bytes());
        value.extend(address.iter().zip(mask).map(|(byte, mask)| byte ^ mask));
        value
    }
}

/// A binding request of ours: whether the peer receives where it is sent. `sign` makes the HMAC-SHA1, with the peer's
/// password, of what it is given. As a lite agent we are the controlled one (RFC 8445 §6.1.1).
pub fn check(
    transaction_id: [u8; 12],
    remote_ufrag: &str,
    local_ufrag: &str,
    sign: impl FnOnce(&[u8]) -> [u8; 20],
) -> Vec<u8> {
    request(transaction_id, remote_ufrag, local_ufrag, false, sign)
}

/// The same, or one that a test nominates a path with.
pub(crate) fn request(
    transaction_id: [u8; 12],
    remote_ufrag: &str,
    local_ufrag: &str,
    nominates: bool,
    sign: impl FnOnce(&[u8]) -> [u8; 20],
) -> Vec<u8> {
    let mut out = begun(BINDING_REQUEST, &transaction_id);
    put(&mut out, USERNAME, format!("{remote_ufrag}:{local_ufrag}").as_bytes());
    put(&mut out, PRIORITY, &HOST_PRIORITY.to_be_bytes());
    // The tie-breaker: a lite agent never changes its role, so it breaks no tie.
    put(&mut out, ICE_CONTROLLED, &[0; 8]);
    if nominates {
        put(&mut out, USE_CANDIDATE, &[]);
    }
    signed(out, sign)
}

/// The answer to a check of ours, well-formed. Not to be trusted before its tag is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BindingSuccess<'a> {
    bytes: &'a [u8],
    /// The check's.
    pub transaction_id: [u8; 12],
    integrity_at: usize,
}

impl<'a> BindingSuccess<'a> {
    /// `None`: not an answer that could be authentic.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (header, attributes) = bytes.split_at_checked(HEADER)?;
        let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
        if header[..2] != BINDING_SUCCESS || header[4..8] != MAGIC_COOKIE || length != attributes.len() {
            return None;
        }
        let mut at = HEADER;
        for _ in 0..ATTRIBUTES_MAX {
            let (kind, value) = attribute(bytes, at)?;
            if kind == MESSAGE_INTEGRITY && value.len() == 20 {
                return Some(Self { bytes, transaction_id: *header[8..].first_chunk()?, integrity_at: at });
            }
            at += 4 + value.len().next_multiple_of(4);
        }
        None
    }

    /// See [`BindingRequest::covered`].
    pub fn covered(&self) -> ([u8; 4], &'a [u8]) {
        covered(self.bytes, self.integrity_at)
    }

    /// The value of MESSAGE-INTEGRITY.
    pub fn tag(&self) -> &'a [u8] {
        tag(self.bytes, self.integrity_at)
    }
}

/// Whether this is the answer to some binding request.
pub fn is_success(bytes: &[u8]) -> bool {
    bytes.len() >= HEADER && bytes[..2] == BINDING_SUCCESS && bytes[4..8] == MAGIC_COOKIE
}

/// The message up to its attributes.
fn begun(kind: [u8; 2], transaction_id: &[u8; 12]) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER + 96);
    out.extend_from_slice(&kind);
    out.extend_from_slice(&[0, 0]);
    out.extend_from_slice(&MAGIC_COOKIE);
    out.extend_from_slice(transaction_id);
    out
}

/// The whole message, with MESSAGE-INTEGRITY and FINGERPRINT.
fn signed(mut out: Vec<u8>, sign: impl FnOnce(&[u8]) -> [u8; 20]) -> Vec<u8> {
    set_length(&mut out, INTEGRITY);
    let tag = sign(&out);
    put(&mut out, MESSAGE_INTEGRITY, &tag);
    set_length(&mut out, 8);
    let crc = fingerprint(&out);
    put(&mut out, FINGERPRINT, &crc.to_be_bytes());
    out
}

/// See [`BindingRequest::covered`].
fn covered(bytes: &[u8], integrity_at: usize) -> ([u8; 4], &[u8]) {
    let [high, low] = ((integrity_at + INTEGRITY - HEADER) as u16).to_be_bytes();
    ([bytes[0], bytes[1], high, low], bytes.get(4..integrity_at).unwrap_or_default())
}

fn tag(bytes: &[u8], integrity_at: usize) -> &[u8] {
    bytes.get(integrity_at + 4..integrity_at + INTEGRITY).unwrap_or_default()
}

/// Whether this keeps a NAT's mapping open, and asks nothing (RFC 8445 §11).
pub fn is_indication(bytes: &[u8]) -> bool {
    bytes.len() >= HEADER && bytes[..2] == BINDING_INDICATION && bytes[4..8] == MAGIC_COOKIE
}

/// Type and value of the attribute at `at`.
fn attribute(bytes: &[u8], at: usize) -> Option<(u16, &[u8])> {
    let head: &[u8; 4] = bytes.get(at..)?.first_chunk()?;
    let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
    let value = bytes.get(at + 4..at + 4 + length.next_multiple_of(4))?;
    Some((u16::from_be_bytes([head[0], head[1]]), &value[..length]))
}

fn put(out: &mut Vec<u8>, kind: u16, value: &[u8]) {
    out.extend_from_slice(&kind.to_be_bytes());
    out.extend_from_slice(&(value.len() as u16).to_be_bytes());
    out.extend_from_slice(value);
    out.resize(out.len().next_multiple_of(4), 0);
}

/// The header's length, with `more` bytes of attributes to come.
fn set_length(out: &mut [u8], more: usize) {
    let length = (out.len() + more - HEADER) as u16;
    out[2..4].copy_from_slice(&length.to_be_bytes());
}

/// CRC-32 (ITU-T V.42) over what stands before FINGERPRINT, XORed.
fn fingerprint(before: &[u8]) -> u32 {
    const TABLE: [u32; 256] = crc_table();
    let step = |crc: u32, byte: &u8| TABLE[((crc ^ u32::from(*byte)) & 0xff) as usize] ^ (crc >> 8);
    !before.iter().fold(u32::MAX, step) ^ FINGERPRINT_XOR
}

const fn crc_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let (mut crc, mut bit) = (i as u32, 0);
        while bit < 8 {
            crc = if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 };
            bit += 1;
        }
        table[i] = crc;
        i += 1;
    }
    table
}
