use proptest::prelude::*;

use super::*;

/// As a client frames it; `first` is the first byte.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x11, 0xa0, 0x07, 0xff];
    let (head, head_bytes) = head(0, payload.len());
    let mut bytes = vec![first, head[1] | 0x80];
    bytes.extend_from_slice(&head[2..head_bytes]);
    bytes.extend_from_slice(&mask);
    bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// Each message, as text, and how it ended; the bytes come in pieces of `at_once`.
fn read(bytes: &[u8], at_once: usize) -> (Vec<String>, Result<(), Violation>) {
    let (mut reader, mut messages) = (Reader::default(), Vec::new());
    for piece in bytes.chunks(at_once) {
        let taken = reader.read(&mut piece.to_vec(), |incoming| {
            messages.push(match incoming {
                Incoming::Text(text) => text.to_owned(),
                Incoming::Ping(payload) => format!("ping {payload:?}"),
                Incoming::Pong => "pong".to_owned(),
                Incoming::Close => "close".to_owned(),
            });
        });
        assert!(reader.kept_bytes() <= 2 * MESSAGE_BYTES_MAX + 14);
        if taken.is_err() {
            return (messages, taken);
        }
    }
    (messages, Ok(()))
}

#[test]
fn messages_whole_and_in_fragments_are_read_however_they_arrive() {
    let long = "ü".repeat(MESSAGE_BYTES_MAX / 2);
    let bytes = [
        masked(0x81, b"whole"),
        masked(0x01, b"in "),
        masked(0x89, b"?"),
        masked(0x00, b""),
        masked(0x80, b"two"),
        masked(0x81, b""),
        masked(0x8a, b"!"),
        masked(0x81, long.as_bytes()),
        masked(0x88, &[0x03, 0xe8]),
        masked(0x81, b"after the end"),
    ]
    .concat();
    for at_once in [1, 2, 7, 4096, usize::MAX] {
        let (messages, end) = read(&bytes, at_once.min(bytes.len()));
        assert_eq!(messages, ["whole", "ping [63]", "in two", "", "pong", &long, "close"], "{at_once} at once");
        assert_eq!(end, Ok(()));
    }
}

#[test]
fn each_breach_of_the_protocol_has_its_code() {
    let unmasked = text_frame(b"x").to_vec();
    let padded_length = [&[0x81, 0xfe, 0, 1][..], &[0; 5]].concat();
    let half = masked(0x01, &[b'x'; MESSAGE_BYTES_MAX / 2 + 1]);
    let table: [(&str, Vec<u8>, u16); 17] = [
        ("unmasked", unmasked, 1002),
        ("reserved bit", masked(0xc1, b"x"), 1002),
        ("reserved opcode", masked(0x83, b"x"), 1002),
        ("reserved control opcode", masked(0x8b, b"x"), 1002),
        ("fragmented ping", masked(0x09, b"x"), 1002),
        ("long ping", masked(0x89, &[0; 126]), 1002),
        ("continuation of nothing", masked(0x80, b"x"), 1002),
        ("message within a message", [masked(0x01, b"x"), masked(0x81, b"x")].concat(), 1002),
        ("length in more bytes than it takes", padded_length, 1002),
        ("close with half a code", masked(0x88, &[3]), 1002),
        ("close with a code that is for nobody to send", masked(0x88, &1006_u16.to_be_bytes()), 1002),
        ("binary", masked(0x82, b"x"), 1003),
        ("not UTF-8", masked(0x81, &[0xff]), 1007),
        ("close that is not UTF-8", masked(0x88, &[0x03, 0xe8, 0xff]), 1007),
        ("one byte too long", masked(0x81, &[b'x'; MESSAGE_BYTES_MAX + 1])[..4].to_vec(), 1009),
        ("length in 64 bits", vec![0x81, 0xff], 1009),
        ("too long in fragments", [half.clone(), [&[0x80][..], &half[1..]].concat()].concat(), 1009),
    ];
    for (breach, bytes, code) in table {
        for at_once in [1, bytes.len()] {
            let (_, end) = read(&bytes, at_once);
            assert_eq!(end.map_err(Violation::code), Err(code), "{breach}");
        }
    }
}

#[test]
fn frames_of_every_length_have_the_shortest_head() {
    for (payload_bytes, head_bytes) in [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
        assert_eq!(text_frame(&vec![b'x'; payload_bytes]).len(), head_bytes + payload_bytes);
    }
    assert_eq!(&close_frame(1001, "going")[..], b"\x88\x07\x03\xe9going");
    assert_eq!((&pong_frame(b"?")[..], &ping_frame()[..]), (&b"\x8a\x01?"[..], &b"\x89\x00"[..]));
}

proptest! {
    #[test]
    fn any_bytes_read_the_same_in_any_pieces(bytes in prop::collection::vec(any::<u8>(), 1..600), at_once in 1..40_usize) {
        prop_assert_eq!(read(&bytes, at_once), read(&bytes, bytes.len()));
    }
}
