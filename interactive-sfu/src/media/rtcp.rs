//! RTCP, read and written: the messages an SFU acts on (RFC 3550 §6, RFC 4585, RFC 5104, REMB).
//!
//! Reading takes any bytes and is bounded by their length. Nothing is allocated to read.

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const BYE: u8 = 203;
const TRANSPORT_FEEDBACK: u8 = 205;
const PAYLOAD_FEEDBACK: u8 = 206;
/// A report block (RFC 3550 §6.4.1).
const BLOCK: usize = 24;

/// One thing a peer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// Which wall clock time a timestamp of `ssrc` belongs to.
    SenderReport {
        /// Whose.
        ssrc: u32,
        /// 32.32 fixed point seconds since 1900.
        ntp: u64,
        /// The same instant in the source's RTP clock.
        rtp: u32,
    },
    /// What became of our packets of `ssrc`.
    ReceptionReport {
        /// Ours.
        ssrc: u32,
        /// Lost since the last report, of 256.
        fraction_lost: u8,
        /// The middle 32 bits of the last sender report's NTP time; 0 none.
        last_sr: u32,
        /// Since then, in 1/65536 s.
        delay_since_last_sr: u32,
    },
    /// Sequence numbers of ours to send again: (first, mask of the 16 after it) in 4 bytes each.
    Nack {
        /// Ours.
        ssrc: u32,
        /// See [`nacked`].
        items: &'a [u8],
    },
    /// A decoder of our `ssrc` needs a keyframe (PLI or FIR).
    KeyframeRequest {
        /// Ours.
        ssrc: u32,
    },
    /// What the peer's path to here can carry: bits a second.
    Remb(u64),
    /// The source is over.
    Bye {
        /// Theirs.
        ssrc: u32,
    },
}

/// The messages of a compound packet, in order. What is unknown is skipped; what is malformed ends it.
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
        last_sr: word(block, 16),
        delay_since_last_sr: word(block, 20),
    }
}

/// One report block that we send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportBlock {
    /// Theirs.
    pub ssrc: u32,
    /// Of 256.
    pub fraction_lost: u8,
    /// 24 bits, signed.
    pub lost: i32,
    /// Extended.
    pub highest_sequence: u32,
    /// In RTP clock units.
    pub jitter: u32,
    /// See [`Message::ReceptionReport`].
    pub last_sr: u32,
    /// See [`Message::ReceptionReport`].
    pub delay_since_last_sr: u32,
}

/// A sender report without report blocks (RFC 3550 §6.4.1), and the CNAME that belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderReport<'a> {
    /// Ours.
    pub ssrc: u32,
    /// 32.32 fixed point seconds since 1900.
    pub ntp: u64,
    /// The same instant in our RTP clock.
    pub rtp: u32,
    /// Sent so far.
    pub packets: u32,
    /// Sent so far, payload only.
    pub octets: u32,
    /// RFC 7022.
    pub cname: &'a str,
}

/// Appends messages to a compound packet. A compound packet begins with a report (RFC 3550 §6.1): write that first.
#[derive(Debug, Default)]
pub struct Writer(pub Vec<u8>);

impl Writer {
    /// A sender report and its source description.
    pub fn sender_report(&mut self, report: &SenderReport<'_>) {
        self.packet(SENDER_REPORT, 0, |out| {
            out.extend(report.ssrc.to_be_bytes());
            out.extend(report.ntp.to_be_bytes());
            [report.rtp, report.packets, report.octets].iter().for_each(|w| out.extend(w.to_be_bytes()));
        });
        self.packet(SOURCE_DESCRIPTION, 1, |out| {
            let cname = &report.cname.as_bytes()[..report.cname.len().min(255)];
            out.extend(report.ssrc.to_be_bytes());
            out.extend([1, cname.len() as u8]);
            out.extend(cname);
            out.push(0);
        });
    }

    /// A receiver report; the first 31 blocks.
    pub fn receiver_report(&mut self, sender: u32, blocks: &[ReportBlock]) {
        let blocks = &blocks[..blocks.len().min(31)];
        self.packet(RECEIVER_REPORT, blocks.len() as u8, |out| {
            out.extend(sender.to_be_bytes());
            for b in blocks {
                out.extend(b.ssrc.to_be_bytes());
                let lost = b.lost.clamp(-0x80_0000, 0x7f_ffff) as u32 & 0xff_ffff;
                out.extend((u32::from(b.fraction_lost) << 24 | lost).to_be_bytes());
                [b.highest_sequence, b.jitter, b.last_sr, b.delay_since_last_sr]
                    .iter()
                    .for_each(|w| out.extend(w.to_be_bytes()));
            }
        });
    }

    /// A picture loss indication (RFC 4585 §6.3.1).
    pub fn pli(&mut self, sender: u32, ssrc: u32) {
        self.packet(PAYLOAD_FEEDBACK, 1, |out| [sender, ssrc].iter().for_each(|w| out.extend(w.to_be_bytes())));
    }

    /// A generic NACK (RFC 4585 §6.2.1) of ascending sequence numbers.
    pub fn nack(&mut self, sender: u32, ssrc: u32, sequences: &[u16]) {
        self.packet(TRANSPORT_FEEDBACK, 1, |out| {
            [sender, ssrc].iter().for_each(|w| out.extend(w.to_be_bytes()));
            let mut rest = sequences;
            while let Some((first, after)) = rest.split_first() {
                let near = after.iter().take_while(|s| (1..=16).contains(&s.wrapping_sub(*first))).count();
                let mask = after[..near].iter().fold(0u16, |mask, s| mask | 1 << (s.wrapping_sub(*first) - 1));
                out.extend(first.to_be_bytes());
                out.extend(mask.to_be_bytes());
                rest = &after[near..];
            }
        });
    }

    /// Receiver estimated maximum bitrate (draft-alvestrand-rmcat-remb-03).
    pub fn remb(&mut self, sender: u32, bits_per_second: u64, ssrcs: &[u32]) {
        let ssrcs = &ssrcs[..ssrcs.len().min(255)];
        self.packet(PAYLOAD_FEEDBACK, 15, |out| {
            out.extend(sender.to_be_bytes());
            out.extend([0; 4]);
            out.extend(b"REMB");
            let exponent = (64 - bits_per_second.leading_zeros()).saturating_sub(18);
            let mantissa = (bits_per_second >> exponent) as u32;
            out.extend(((ssrcs.len() as u32) << 24 | exponent << 18 | mantissa).to_be_bytes());
            ssrcs.iter().for_each(|s| out.extend(s.to_be_bytes()));
        });
    }

    /// The source is over.
    pub fn bye(&mut self, ssrc: u32) {
        self.packet(BYE, 1, |out| out.extend(ssrc.to_be_bytes()));
    }

    fn packet(&mut self, kind: u8, count: u8, body: impl FnOnce(&mut Vec<u8>)) {
        let start = self.0.len();
        self.0.extend([0x80 | count, kind, 0, 0]);
        body(&mut self.0);
        self.0.resize(start + (self.0.len() - start).next_multiple_of(4), 0);
        let words = (self.0.len() - start) / 4 - 1;
        self.0[start + 2..start + 4].copy_from_slice(&(words as u16).to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_written_is_read() {
        let mut w = Writer::default();
        w.sender_report(&SenderReport {
            ssrc: 7,
            ntp: 0x1234_5678_9abc_def0,
            rtp: 99,
            packets: 1,
            octets: 2,
            cname: "abc",
        });
        let block = ReportBlock {
            ssrc: 8,
            fraction_lost: 25,
            lost: -1,
            highest_sequence: 70_000,
            jitter: 3,
            last_sr: 4,
            delay_since_last_sr: 5,
        };
        w.receiver_report(1, &[block]);
        w.pli(1, 8);
        w.nack(1, 8, &[65_535, 0, 15, 16, 40]);
        w.remb(1, 1_234_567, &[8, 9]);
        w.bye(7);
        let read: Vec<_> = messages(&w.0).collect();
        let [
            Message::SenderReport { ssrc: 7, ntp: 0x1234_5678_9abc_def0, rtp: 99 },
            rr,
            Message::KeyframeRequest { ssrc: 8 },
            Message::Nack { ssrc: 8, items },
            Message::Remb(bits),
            Message::Bye { ssrc: 7 },
        ] = read[..]
        else {
            panic!("{read:?}")
        };
        assert_eq!(rr, Message::ReceptionReport { ssrc: 8, fraction_lost: 25, last_sr: 4, delay_since_last_sr: 5 });
        assert_eq!(nacked(items).collect::<Vec<_>>(), [65_535, 0, 15, 16, 40]);
        assert!((1_234_000..=1_234_567).contains(&bits), "{bits}");
    }

    #[test]
    fn a_full_intra_request_is_a_keyframe_request() {
        let fir = [0x84, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 1, 0, 0, 0];
        assert_eq!(messages(&fir).collect::<Vec<_>>(), [Message::KeyframeRequest { ssrc: 9 }]);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), kind in 199u8..208, count in 0u8..32) {
            let mut bytes = bytes;
            if bytes.len() > 4 { bytes[0] = 0x80 | count; bytes[1] = kind; bytes[2] = 0; }
            for message in messages(&bytes) {
                if let Message::Nack { items, .. } = message { let _ = nacked(items).count(); }
            }
        }

        #[test]
        fn any_set_of_nacks_survives(set in proptest::collection::btree_set(any::<u16>(), 1..60)) {
            let sequences: Vec<u16> = set.into_iter().collect();
            let mut w = Writer::default();
            w.nack(1, 2, &sequences);
            let Some(Message::Nack { items, .. }) = messages(&w.0).next() else { panic!() };
            prop_assert_eq!(nacked(items).collect::<Vec<_>>(), sequences);
        }

        #[test]
        fn an_estimate_loses_less_than_a_thousandth(bits in 1u64..1 << 40) {
            let mut w = Writer::default();
            w.remb(1, bits, &[]);
            let Some(Message::Remb(read)) = messages(&w.0).next() else { panic!() };
            prop_assert!(read <= bits && bits - read <= bits / 1000);
        }
    }
}
