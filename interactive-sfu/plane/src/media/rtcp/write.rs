//! RTCP that we send.

use super::{PAYLOAD_FEEDBACK, RECEIVER_REPORT, SENDER_REPORT, SOURCE_DESCRIPTION, TRANSPORT_FEEDBACK};

/// One report block that we send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportBlock {
    /// The SSRC that the peer sends under.
    pub ssrc: u32,
    /// Lost since the last report, of 256.
    pub fraction_lost: u8,
    /// Packets lost so far: 24 bits, signed.
    pub lost: i32,
    /// The highest sequence number received, extended.
    pub highest_sequence: u32,
    /// In RTP clock units.
    pub jitter: u32,
    /// See [`Message::ReceptionReport`](super::Message::ReceptionReport).
    pub last_sr: u32,
    /// See [`Message::ReceptionReport`](super::Message::ReceptionReport).
    pub delay_since_last_sr: u32,
}

/// A sender report without report blocks (RFC 3550 §6.4.1), and the CNAME that belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderReport<'a> {
    /// The SSRC that we send under.
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

    fn packet(&mut self, kind: u8, count: u8, body: impl FnOnce(&mut Vec<u8>)) {
        let start = self.0.len();
        self.0.extend([0x80 | count, kind, 0, 0]);
        body(&mut self.0);
        self.0.resize(start + (self.0.len() - start).next_multiple_of(4), 0);
        let words = (self.0.len() - start) / 4 - 1;
        self.0[start + 2..start + 4].copy_from_slice(&(words as u16).to_be_bytes());
    }
}
