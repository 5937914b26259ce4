//! Any bytes as compound RTCP; what we write is read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spillway_fuzz::media::rtcp::{Message, Writer, messages, nacked};

fuzz_target!(|bytes: &[u8]| {
    for message in messages(bytes) {
        if let Message::Nack { ssrc, items } = message {
            let mut sequences: Vec<u16> = nacked(items).take(64).collect();
            sequences.sort_unstable();
            sequences.dedup();
            let mut writer = Writer::default();
            writer.nack(1, ssrc, &sequences);
            let Some(Message::Nack { items, .. }) = messages(&writer.0).next() else { panic!("not a NACK any more") };
            assert!(nacked(items).eq(sequences));
        }
    }
});
