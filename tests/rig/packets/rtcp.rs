//! The RTCP a client sends and looks for (RFC 3550 §6.4, RFC 4585, draft-alvestrand-rmcat-remb-03).

/// Packet type of payload-specific feedback.
const PSFB: u8 = 206;

/// A sender report with an empty source description, for `ssrc`: RTP time `timestamp` was at NTP time `ntp`.
pub fn sender_report(ssrc: u32, ntp: u64, timestamp: u32, packets: u32, octets: u32) -> Vec<u8> {
    let mut out = vec![0x80, 200, 0, 6];
    out.extend(ssrc.to_be_bytes());
    out.extend(ntp.to_be_bytes());
    for word in [timestamp, packets, octets] {
        out.extend(word.to_be_bytes());
    }
    // SDES with one CNAME item "rig".
    out.extend([0x81, 202, 0, 3]);
    out.extend(ssrc.to_be_bytes());
    out.extend([1, 3, b'r', b'i', b'g', 0, 0, 0]);
    out
}

/// A receiver report on `source` without loss, and a REMB of `bits_per_second`.
pub fn receiver_report_remb(ours: u32, source: u32, highest_sequence: u32, bits_per_second: u64) -> Vec<u8> {
    let mut out = vec![0x81, 201, 0, 7];
    for word in [ours, source, 0, highest_sequence, 0, 0, 0] {
        out.extend(word.to_be_bytes());
    }
    let exponent = (64 - bits_per_second.leading_zeros()).saturating_sub(18);
    let mantissa = (bits_per_second >> exponent) as u32;
    out.extend([0x8f, PSFB, 0, 5]);
    out.extend(ours.to_be_bytes());
    out.extend([0; 4]);
    out.extend(*b"REMB");
    out.extend((1 << 24 | exponent << 18 | mantissa).to_be_bytes());
    out.extend(source.to_be_bytes());
    out
}

/// A generic NACK (RFC 4585 §6.2.1) of `first` and the following sixteen by `mask`.
pub fn nack(ours: u32, source: u32, first: u16, mask: u16) -> Vec<u8> {
    let mut out = vec![0x81, 205, 0, 3];
    out.extend(ours.to_be_bytes());
    out.extend(source.to_be_bytes());
    out.extend(first.to_be_bytes());
    out.extend(mask.to_be_bytes());
    out
}

/// A picture loss indication (RFC 4585 §6.3.1).
pub fn pli(ours: u32, source: u32) -> Vec<u8> {
    let mut out = vec![0x81, PSFB, 0, 2];
    out.extend(ours.to_be_bytes());
    out.extend(source.to_be_bytes());
    out
}

/// How many keyframe requests (PLI, FIR) a decrypted compound holds.
pub fn keyframe_requests(mut compound: &[u8]) -> usize {
    let mut count = 0;
    while let [first, kind, high, low, ..] = *compound {
        let format = first & 0x1f;
        count += usize::from(kind == PSFB && (format == 1 || format == 4));
        let len = 4 + 4 * usize::from(u16::from_be_bytes([high, low]));
        compound = compound.get(len..).unwrap_or_default();
    }
    count
}

/// Whether a datagram is RTCP rather than RTP (RFC 5761 §4).
pub fn is_rtcp(datagram: &[u8]) -> bool {
    matches!(datagram, [first, kind, ..] if first >> 6 == 2 && (192..=223).contains(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compounds_have_the_lengths_they_state() {
        for packet in
            [sender_report(1, 2, 3, 4, 5), receiver_report_remb(1, 2, 3, 5_000_000), nack(1, 2, 3, 4), pli(1, 2)]
        {
            let mut rest = &packet[..];
            while !rest.is_empty() {
                let len = 4 + 4 * usize::from(u16::from_be_bytes([rest[2], rest[3]]));
                rest = &rest[len..];
            }
        }
    }

    #[test]
    fn the_remb_holds_its_bitrate() {
        let packet = receiver_report_remb(1, 2, 3, 5_000_000);
        let word = u32::from_be_bytes(packet[48..52].try_into().unwrap());
        let (exponent, mantissa) = (word >> 18 & 63, u64::from(word & 0x3_ffff));
        assert!((4_990_000..=5_000_000).contains(&(mantissa << exponent)));
    }

    #[test]
    fn keyframe_requests_are_found_behind_other_packets() {
        let compound = [receiver_report_remb(1, 2, 3, 9), pli(1, 2), nack(1, 2, 3, 4), pli(1, 3)].concat();
        assert_eq!(keyframe_requests(&compound), 2);
        assert_eq!(keyframe_requests(&compound[..compound.len() - 30]), 1);
        assert_eq!(keyframe_requests(&[0x81, 206, 0xff]), 0);
    }
}
