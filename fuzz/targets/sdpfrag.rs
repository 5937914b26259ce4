//! Any text as the body of a PATCH; candidates survive being printed and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spillway_fuzz::signalling::{sdp::Candidate, sdpfrag::SdpFragment};

fuzz_target!(|text: &str| {
    let Ok(fragment) = SdpFragment::parse(text) else { return };
    for candidate in fragment.candidates {
        assert_eq!(Candidate::parse(&candidate.to_string()), Ok(candidate));
    }
});
