//! Any bytes as SRTP and SRTCP under keys that did not seal them; and sealed, opened, changed and repeated.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spillway_fuzz::opener::Session;
use spillway_fuzz::transport::profile::Profile;

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    let profile = if first & 1 == 0 { Profile::AeadAes128Gcm } else { Profile::Aes128CmSha1_80 };
    let mut session = Session::new(profile);
    // Packets of one session, so that indexes and windows have a past.
    for packet in rest.chunks(usize::from(first >> 1).max(16)) {
        session.receive(packet);
        session.exchange(packet, usize::from(*first) * 31 + packet.len());
        session.exchange_report(packet);
    }
});
