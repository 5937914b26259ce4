//! Any bytes as an RTP packet, as a TCP stream of packets, and as DTLS that may hold a ClientHello.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spillway_fuzz::media::rtp::Header;
use spillway_fuzz::transport::framing::{Deframer, PACKET_MAX};
use spillway_fuzz::transport::hello::peek;

fuzz_target!(|bytes: &[u8]| {
    if let Some(header) = Header::parse(bytes) {
        assert!(header.len <= bytes.len());
        for id in 0..=16 {
            assert!(header.extension(bytes, id).is_none_or(|value| value.len() <= bytes.len()));
        }
        assert!(header.payload(bytes).is_none_or(|payload| header.len + payload.len() <= bytes.len()));
    }
    let mut deframer = Deframer::default();
    for piece in bytes.chunks(97) {
        deframer.push(piece);
        while let Ok(Some(packet)) = deframer.packet() {
            assert!(packet.len() <= PACKET_MAX);
        }
    }
    peek(bytes.chunks(600));
});
