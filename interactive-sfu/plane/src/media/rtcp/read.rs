//! RTCP that peers send.

use super::{BLOCK, BYE, PAYLOAD_FEEDBACK, RECEIVER_REPORT, SENDER_REPORT, TRANSPORT_FEEDBACK};

/// One thing a peer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// Which wall clock time a timestamp of `ssrc` belongs to.
    SenderReport {
        /// The source that reports.
        ssrc: u32,
        /// 32.32 fixed point seconds since 1900.
        ntp: u64,
        /// The same instant in the source's RTP clock.
        rtp: u32,
    },
    /// How the peer received our packets of `ssrc`.
    ReceptionReport {
        /// The SSRC that we send under.
        ssrc: u32,
        /// Lost since the last report, of 256.
        fraction_lost: u8,
        /// The highest sequence number received, extended.
        highest_sequence: u32,
        /// The middle 32 bits of the last sender report's NTP time; 0 none.
        last_sr: u32,
        /// Since then, in 1/65536 s.
        delay_since_last_sr: u32,
    },
    /// Sequence numbers of ours to send again: (first, mask of the 16 after it) in 4 bytes each.
    Nack {
        /// The SSRC that we send under.
        ssrc: u32,
        /// See [`nacked`].
        items: &'a [u8],
    },
    /// A decoder of our `ssrc` needs a keyframe (PLI or FIR).
    KeyframeRequest {
        /// The SSRC that we send under.
        ssrc: u32,
    },
    /// Bits a second that the peer's receiving path can carry, as the peer estimates it.
    Remb(u64),
    /// The source is over.
    Bye {
        /// The SSRC that the peer sent under.
        ssrc: u32,
    },
}

/// The messages of a compound packet, in order. Unknown ones are skipped; a malformed one ends it.
pub fn messages(compound: &[u8]) -> impl Iterator<Item = Message<'_>> {
    packets(compound).flat_map(|p| p.messages())
}

/// The sequence numbers of a [`Message::Nack`].
pub fn nacked(items: &[u8]) -> impl Iterator<Item = u16> + '_ {
    items.chunks_exact(4).flat_map(|item| {
        let (first, mask) = (u16::from_be_bytes([item[0], item[1]]), u16::from_be_bytes([item[2], item[3]]));
        let following = (0..16).filter(move |bit| mask >> bit & 1 == 1).map(move |bit| first.wrapping_add(bit + 1));
        std::iter::once(first).chain(following)
    })
}

#[derive(Clone, Copy)]
struct Packet<'a> {
    kind: u8,
    count: u8,
    /// After the first four bytes.
    body: &'a [u8],
}

fn packets(mut rest: &[u8]) -> impl Iterator<Item = Packet<'_>> {
    std::iter::from_fn(move || {
        let head: &[u8; 4] = rest.first_chunk()?;
        let len = 4 + 4 * usize::from(u16::from_be_bytes([head[2], head[3]]));
        let body = rest.get(4..len)?;
        if head[0] >> 6 != 2 {
            return None;
        }
        rest = &rest[len..];
        Some(Packet { kind: head[1], count: head[0] & 0x1f, body })
    })
}

impl<'a> Packet<'a> {
    fn messages(self) -> impl Iterator<Item = Message<'a>> {
        let reports = match self.kind {
            SENDER_REPORT => self.body.get(24..),
            RECEIVER_REPORT => self.body.get(4..),
            _ => None,
        };
        let reports = reports.unwrap_or_default().chunks_exact(BLOCK).take(usize::from(self.count)).map(report);
        let fir = (self.kind == PAYLOAD_FEEDBACK && self.count == 4).then(|| self.body.get(8..)).flatten();
        let firs = fir.unwrap_or_default().chunks_exact(8).map(|f| Message::KeyframeRequest { ssrc: word(f, 0) });
        self.single().into_iter().chain(reports).chain(firs)
    }

    fn single(self) -> Option<Message<'a>> {
        let at = |at: usize| self.body.get(at..).and_then(<[u8]>::first_chunk::<4>).map(|b| u32::from_be_bytes(*b));
        match (self.kind, self.count) {
            (SENDER_REPORT, _) => {
                let ntp = u64::from(at(4)?) << 32 | u64::from(at(8)?);
                Some(Message::SenderReport { ssrc: at(0)?, ntp, rtp: at(12)? })
            }
            (TRANSPORT_FEEDBACK, 1) => Some(Message::Nack { ssrc: at(4)?, items: self.body.get(8..)? }),
            (PAYLOAD_FEEDBACK, 1) => Some(Message::KeyframeRequest { ssrc: at(4)? }),
            (PAYLOAD_FEEDBACK, 15) if self.body.get(8..12)? == b"REMB" => {
                let coded = at(12)?;
                let (exponent, mantissa) = (coded >> 18 & 0x3f, u64::from(coded & 0x3_ffff));
                Some(Message::Remb(
                    mantissa.checked_shl(exponent).filter(|bits| bits >> exponent == mantissa).unwrap_or(u64::MAX),
                ))
            }
            (BYE, 1..) => Some(Message::Bye { ssrc: at(0)? }),
            _ => None,
        }
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk::<4>).map_or(0, |b| u32::from_be_bytes(*b))
}

fn report(block: &[u8]) -> Message<'_> {
    Message::ReceptionReport {
        ssrc: word(block, 0),
        fraction_lost: block[4],
        highest_sequence: word(block, 8),
        last_sr: word(block, 16),
        delay_since_last_sr: word(block, 20),
    }
}
