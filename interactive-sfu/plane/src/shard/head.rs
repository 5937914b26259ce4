//! The start of every packet that a section sends, prepared once; and what is the same for a whole flush.

use std::time::{Instant, SystemTime};

use codec_headers::dependency::set_frame_number;

use super::net::Path;
use crate::media::report::{abs_send_time, ntp};
use crate::transport::srtp::Sealer;

/// Fixed header, extension header, MID of up to 16 bytes, abs-send-time, padding.
const HEAD_MAX: usize = 12 + 4 + 18 + 5 + 3;
/// Where the extension's elements begin.
const ELEMENTS: usize = 16;
/// Bytes that an element of one-byte headers can carry (RFC 8285 §4.2).
const SHORT_MAX: usize = 16;

/// The time of one flush.
pub(crate) struct Stamp {
    pub now: Instant,
    pub abs_send_time: [u8; 3],
}

impl Stamp {
    pub(crate) fn new(now: Instant, ntp: u64) -> Self {
        Self { now, abs_send_time: abs_send_time(ntp) }
    }
}

/// The time for abs-send-time.
pub(crate) fn wall_clock_ntp() -> u64 {
    ntp(SystemTime::now())
}

/// The path and the keys to send to a connected peer with.
pub(crate) struct Link<'a> {
    pub path: &'a Path,
    pub sealer: &'a Sealer,
}

/// A dependency descriptor as it goes out: the extension's id, what it says, and the frame's number.
type Described<'a> = Option<(u8, &'a [u8], u16)>;

/// The fields that differ from packet to packet.
pub(super) struct Fields<'a> {
    pub marker: bool,
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub described: Described<'a>,
}

/// Our half of an RTP packet's head, prepared, with short elements (RFC 8285 §4.2) or long ones (§4.3).
struct Prepared {
    bytes: [u8; HEAD_MAX],
    /// The whole of it: the fixed header and, if there are any, the elements and their padding.
    len: usize,
    /// Where a further element would begin.
    end: usize,
    /// Where abs-send-time stands.
    send_time_at: Option<usize>,
}

impl Prepared {
    fn new(ssrc: u32, mid: Option<(u8, &str)>, send_time: Option<u8>, long: bool) -> Self {
        let mut bytes = [0; HEAD_MAX];
        bytes[0] = 0x80;
        bytes[8..12].copy_from_slice(&ssrc.to_be_bytes());
        bytes[12..14].copy_from_slice(if long { &[0x10, 0x00] } else { &[0xbe, 0xde] });
        let (mut at, mut send_time_at) = (ELEMENTS, None);
        if let Some((id, mid)) = mid.filter(|(_, mid)| (1..=16).contains(&mid.len())) {
            at += element(&mut bytes[at..], id, mid.as_bytes(), long);
        }
        if let Some(id) = send_time {
            at += element(&mut bytes[at..], id, &[0; 3], long);
            send_time_at = Some(at - 3);
        }
        let mut head = Self { bytes, len: 12, end: at, send_time_at };
        if at > ELEMENTS {
            head.len = extended(&mut head.bytes, at);
        }
        head
    }
}

/// Completes an extension whose elements end at `end`: pads it and writes its length. Returns that of the whole head.
fn extended(head: &mut [u8], end: usize) -> usize {
    let padded = end.next_multiple_of(4);
    head[end..padded].fill(0);
    head[0] |= 0x10;
    head[14..ELEMENTS].copy_from_slice(&(((padded - ELEMENTS) / 4) as u16).to_be_bytes());
    padded
}

/// Writes an element, and tells its length.
fn element(out: &mut [u8], id: u8, data: &[u8], long: bool) -> usize {
    let header = if long {
        out[..2].copy_from_slice(&[id, data.len() as u8]);
        2
    } else {
        out[0] = id << 4 | (data.len().saturating_sub(1) as u8);
        1
    };
    out[header..header + data.len()].copy_from_slice(data);
    header + data.len()
}

/// A packet head, prepared for one section.
pub(super) struct Head {
    short: Prepared,
    /// For packets with an element that is longer; made when one comes.
    long: Option<Box<Prepared>>,
}

impl Head {
    /// `described`: its packets may carry dependency descriptors.
    pub(super) fn new(ssrc: u32, mid: Option<(u8, &str)>, send_time: Option<u8>, described: bool) -> Self {
        let long = described.then(|| Box::new(Prepared::new(ssrc, mid, send_time, true)));
        Self { short: Prepared::new(ssrc, mid, send_time, false), long }
    }

    /// Writes it to the start of `out`, and tells its length. `None`: there is no room, with `spare` bytes after it.
    #[inline]
    pub(super) fn write(&self, out: &mut [u8], fields: &Fields<'_>, stamp: &Stamp, spare: usize) -> Option<usize> {
        let described = fields.described.filter(|(_, descriptor, _)| self.long.is_some() && descriptor.len() < 256);
        let longer = described.is_some_and(|(_, descriptor, _)| descriptor.len() > SHORT_MAX);
        let prepared = self.long.as_deref().filter(|_| longer).unwrap_or(&self.short);
        // Extension header, element, padding.
        let more = described.map_or(0, |(_, descriptor, _)| 4 + 2 + descriptor.len() + 3);
        if out.len() < prepared.len + more + spare {
            return None;
        }
        out[..prepared.len].copy_from_slice(&prepared.bytes[..prepared.len]);
        out[1] = u8::from(fields.marker) << 7 | fields.payload_type;
        out[2..4].copy_from_slice(&fields.sequence.to_be_bytes());
        out[4..8].copy_from_slice(&fields.timestamp.to_be_bytes());
        if let Some(at) = prepared.send_time_at {
            out[at..at + 3].copy_from_slice(&stamp.abs_send_time);
        }
        let Some((id, descriptor, frame)) = described else { return Some(prepared.len) };
        out[12..ELEMENTS].copy_from_slice(&prepared.bytes[12..ELEMENTS]);
        let end = prepared.end + element(&mut out[prepared.end..], id, descriptor, longer);
        set_frame_number(&mut out[end - descriptor.len()..end], frame);
        Some(extended(out, end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::rtp::Header;

    fn written(head: &Head, described: Described<'_>) -> Vec<u8> {
        let mut out = vec![0xff; 400];
        let fields = Fields { marker: true, payload_type: 96, sequence: 7, timestamp: 9, described };
        let stamp = Stamp { now: Instant::now(), abs_send_time: [1, 2, 3] };
        let len = head.write(&mut out, &fields, &stamp, 100).unwrap();
        out.truncate(len);
        out
    }

    #[test]
    fn written_head_is_read_back_with_and_without_descriptors() {
        let (short, long) = ([0xc5, 0, 0], [0xc5; 90]);
        for (mid, send_time) in [(Some((1, "mid")), Some(2)), (None, None)] {
            let head = Head::new(77, mid, send_time, true);
            for (descriptor, len) in [(None, 0), (Some(&short[..]), 3), (Some(&long[..]), 90)] {
                let packet = written(&head, descriptor.map(|descriptor| (3, descriptor, 0x1234)));
                let header = Header::parse(&packet).unwrap();
                assert_eq!((header.len, header.ssrc, header.marker), (packet.len(), 77, true));
                assert_eq!(header.extension(&packet, 1), mid.map(|(_, mid)| mid.as_bytes()), "{len}");
                assert_eq!(header.extension(&packet, 2), send_time.map(|_| &[1, 2, 3][..]), "{len}");
                let extension = header.extension(&packet, 3).unwrap_or_default();
                assert_eq!(extension.len(), len);
                assert!(extension.is_empty() || extension[..3] == [0xc5, 0x12, 0x34]);
            }
        }
        let plain = Head::new(77, None, None, false);
        assert_eq!(written(&plain, Some((3, &short, 1))).len(), 12, "its receiver did not agree to it");
    }

    #[test]
    fn a_head_that_does_not_fit_is_not_written() {
        let fields =
            Fields { marker: true, payload_type: 96, sequence: 7, timestamp: 9, described: Some((3, &[0; 90], 1)) };
        let stamp = Stamp { now: Instant::now(), abs_send_time: [1, 2, 3] };
        let head = Head::new(77, Some((1, "mid")), Some(2), true);
        for room in 0..200 {
            let mut out = vec![0; room];
            let fits = head.write(&mut out, &fields, &stamp, 50);
            assert!(fits.is_none_or(|len| len + 50 <= room));
        }
    }
}
