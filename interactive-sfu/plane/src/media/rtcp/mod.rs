//! RTCP, read and written: the messages an SFU acts on (RFC 3550 §6, RFC 4585, RFC 5104, REMB).
//!
//! Reading takes any bytes, is bounded by their length, and allocates nothing.

mod read;
mod write;

pub use read::{Message, messages, nacked};
pub use write::{ReportBlock, SenderReport, Writer};

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const BYE: u8 = 203;
const TRANSPORT_FEEDBACK: u8 = 205;
const PAYLOAD_FEEDBACK: u8 = 206;
/// A report block (RFC 3550 §6.4.1).
const BLOCK: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn written_messages_are_read_back() {
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
        w.0.extend([0x81, BYE, 0, 1, 0, 0, 0, 7]);
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
        let expected = Message::ReceptionReport {
            ssrc: 8,
            fraction_lost: 25,
            highest_sequence: 70_000,
            last_sr: 4,
            delay_since_last_sr: 5,
        };
        assert_eq!(rr, expected);
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
