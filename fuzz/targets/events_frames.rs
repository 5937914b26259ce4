//! Any bytes as the frames of an events socket's client, whole and in pieces.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spillway_fuzz::events::framing::{Incoming, MESSAGE_BYTES_MAX, Reader, Violation};

fn read(bytes: &[u8], at_once: usize) -> (Vec<String>, Result<(), Violation>) {
    let (mut reader, mut messages) = (Reader::default(), Vec::new());
    for piece in bytes.chunks(at_once) {
        let taken = reader.read(&mut piece.to_vec(), |incoming| {
            if let Incoming::Text(text) = incoming {
                assert!(text.len() <= MESSAGE_BYTES_MAX);
            }
            messages.push(format!("{incoming:?}"));
        });
        if taken.is_err() {
            return (messages, taken);
        }
    }
    (messages, Ok(()))
}

fuzz_target!(|bytes: &[u8]| {
    if let [at_once, bytes @ ..] = bytes {
        assert_eq!(read(bytes, usize::from(*at_once).max(1)), read(bytes, bytes.len().max(1)));
    }
});
