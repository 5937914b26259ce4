//! The SRTP profiles that a DTLS ClientHello offers (RFC 5764 §4.1.1), read before the handshake begins.
//!
//! The DTLS library follows the client's order of profiles, and browsers put AES-CM first. So we look, and then
//! configure one profile alone: GCM where it is offered. A ClientHello may come in pieces over several datagrams. Takes
//! any bytes.

use super::profile::Profile;

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const USE_SRTP: u16 = 14;
/// Of a record (RFC 6347 §4.1), and of a handshake message in it (§4.2.2).
const RECORD_HEADER: usize = 13;
const MESSAGE_HEADER: usize = 12;
/// A longer ClientHello is no browser's.
const HELLO_BYTES_MAX: usize = 8 * 1024;

/// The state of reading so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peek {
    /// Pieces are missing.
    Incomplete,
    /// The profile to configure.
    Profile(Profile),
    /// A ClientHello without a profile of ours, or none at all.
    Unusable,
}

/// Looks at the datagrams received so far.
pub fn peek<'a>(datagrams: impl Iterator<Item = &'a [u8]>) -> Peek {
    let mut hello: Option<Assembly> = None;
    for datagram in datagrams {
        for (header, fragment) in Fragments(datagram) {
            let assembly = hello.get_or_insert_with(|| Assembly::new(header.length));
            if !assembly.add(header, fragment) {
                return Peek::Unusable;
            }
        }
    }
    match hello {
        Some(assembly) if assembly.is_whole() => match choose(&assembly.body) {
            Some(profile) => Peek::Profile(profile),
            None => Peek::Unusable,
        },
        Some(_) => Peek::Incomplete,
        None => Peek::Unusable,
    }
}

/// Whether a datagram begins with a ClientHello, or its first piece.
pub fn begins_client_hello(datagram: &[u8]) -> bool {
    Fragments(datagram).next().is_some_and(|(header, _)| header.offset == 0)
}

struct FragmentHeader {
    length: usize,
    offset: usize,
}

struct Assembly {
    body: Vec<u8>,
    have: Vec<bool>,
}

impl Assembly {
    fn new(length: usize) -> Self {
        let length = length.min(HELLO_BYTES_MAX + 1);
        Self { body: vec![0; length], have: vec![false; length] }
    }

    fn add(&mut self, header: FragmentHeader, fragment: &[u8]) -> bool {
        let range = header.offset..header.offset.saturating_add(fragment.len());
        let fits = header.length == self.body.len() && header.length <= HELLO_BYTES_MAX;
        match (self.body.get_mut(range.clone()), self.have.get_mut(range)) {
            (Some(body), Some(have)) if fits => {
                body.copy_from_slice(fragment);
                have.fill(true);
                true
            }
            _ => false,
        }
    }

    fn is_whole(&self) -> bool {
        self.have.iter().all(|have| *have)
    }
}

/// The ClientHello fragments of one datagram.
struct Fragments<'a>(&'a [u8]);

impl<'a> Iterator for Fragments<'a> {
    type Item = (FragmentHeader, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let record: &[u8; RECORD_HEADER] = self.0.first_chunk()?;
        let record_len = usize::from(u16::from_be_bytes([record[11], record[12]]));
        let body = self.0.get(RECORD_HEADER..RECORD_HEADER + record_len)?;
        self.0 = &self.0[RECORD_HEADER + record_len..];
        let message: &[u8; MESSAGE_HEADER] = body.first_chunk()?;
        if record[0] != HANDSHAKE || message[0] != CLIENT_HELLO {
            return None;
        }
        let u24 = |at: usize| {
            usize::from(message[at]) << 16 | usize::from(message[at + 1]) << 8 | usize::from(message[at + 2])
        };
        let fragment = body.get(MESSAGE_HEADER..MESSAGE_HEADER + u24(9))?;
        Some((FragmentHeader { length: u24(1), offset: u24(6) }, fragment))
    }
}

/// GCM if the client has it; AES-CM else.
fn choose(hello: &[u8]) -> Option<Profile> {
    let profiles = use_srtp(hello)?;
    let has = |wanted: u16| profiles.chunks_exact(2).any(|p| p == wanted.to_be_bytes());
    if has(0x0007) { Some(Profile::AeadAes128Gcm) } else { has(0x0001).then_some(Profile::Aes128CmSha1_80) }
}

/// The list in `use_srtp`.
fn use_srtp(hello: &[u8]) -> Option<&[u8]> {
    // Version and random, then session id, cookie, cipher suites, compression methods (RFC 6347 §4.2.1).
    let mut rest = hello.get(34..)?;
    for length_bytes in [1, 1, 2, 1] {
        rest = skip(rest, length_bytes)?.1;
    }
    let mut extensions = skip(rest, 2)?.0;
    while let Some((kind, after)) = extensions.split_first_chunk::<2>() {
        let (body, next) = skip(after, 2)?;
        if u16::from_be_bytes(*kind) == USE_SRTP {
            return Some(skip(body, 2)?.0);
        }
        extensions = next;
    }
    None
}

/// A vector with a length of `length_bytes` in front: its content, and what follows.
fn skip(bytes: &[u8], length_bytes: usize) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_at_checked(length_bytes)?;
    let length = length.iter().fold(0, |n, b| n << 8 | usize::from(*b));
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(profiles: Option<&[u16]>) -> Vec<u8> {
        let mut body = vec![0xfe, 0xfd];
        body.extend([7; 32]);
        body.extend([0, 0]); // session id, cookie
        body.extend([0, 2, 0xc0, 0x2b, 1, 0]);
        let mut extensions = vec![0, 23, 0, 0];
        if let Some(profiles) = profiles {
            let list = 2 * profiles.len() as u8;
            extensions.extend([0, 14, 0, list + 3, 0, list]);
            profiles.iter().for_each(|p| extensions.extend(p.to_be_bytes()));
            extensions.push(0);
        }
        body.extend((extensions.len() as u16).to_be_bytes());
        body.extend(extensions);
        body
    }

    fn datagram(body: &[u8], offset: usize, len: usize) -> Vec<u8> {
        let mut out = vec![22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0];
        out.extend(((len + 12) as u16).to_be_bytes());
        out.extend([1, 0, 0, body.len() as u8, 0, 0, 0, 0, offset as u8, 0, 0, len as u8]);
        out.extend(&body[offset..offset + len]);
        out
    }

    fn peek_all(datagrams: &[Vec<u8>]) -> Peek {
        peek(datagrams.iter().map(Vec::as_slice))
    }

    #[test]
    fn gcm_is_chosen_wherever_it_is_offered() {
        let table: [(Option<&[u16]>, Peek); 5] = [
            (Some(&[1, 7]), Peek::Profile(Profile::AeadAes128Gcm)),
            (Some(&[7, 1]), Peek::Profile(Profile::AeadAes128Gcm)),
            (Some(&[2, 1]), Peek::Profile(Profile::Aes128CmSha1_80)),
            (Some(&[2]), Peek::Unusable),
            (None, Peek::Unusable),
        ];
        for (offered, expected) in table {
            let body = hello(offered);
            assert_eq!(peek_all(&[datagram(&body, 0, body.len())]), expected, "{offered:?}");
        }
    }

    #[test]
    fn a_hello_in_pieces_is_awaited_in_any_order() {
        let body = hello(Some(&[1, 7]));
        let (first, second) = (datagram(&body, 0, 30), datagram(&body, 30, body.len() - 30));
        assert_eq!(peek_all(std::slice::from_ref(&first)), Peek::Incomplete);
        assert_eq!(peek_all(std::slice::from_ref(&second)), Peek::Incomplete);
        for order in [[&first, &second], [&second, &first]] {
            assert_eq!(peek_all(&order.map(Clone::clone)), Peek::Profile(Profile::AeadAes128Gcm));
        }
    }

    #[test]
    fn noise_is_unusable() {
        let body = hello(Some(&[7]));
        let whole = datagram(&body, 0, body.len());
        for len in 0..whole.len() {
            assert_ne!(peek_all(&[whole[..len].to_vec()]), Peek::Profile(Profile::AeadAes128Gcm), "{len}");
        }
        let mut huge = whole.clone();
        huge[14..17].copy_from_slice(&[0xff, 0xff, 0xff]);
        assert_eq!(peek_all(&[huge]), Peek::Unusable);
    }
}
