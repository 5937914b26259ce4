//! Any bytes as a STUN message; what parses can be answered.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spillway_fuzz::transport::stun::BindingRequest;

fuzz_target!(|bytes: &[u8]| {
    let Some(request) = BindingRequest::parse(bytes) else { return };
    let (head, rest) = request.covered();
    assert_eq!(head.len() + rest.len() + 32, bytes.len());
    assert_eq!(request.tag().len(), 20);
    for source in ["192.0.2.1:1", "[2001:db8::1]:65535"] {
        let answer = request.success(source.parse().expect("an address"), |_| [0; 20]);
        assert!(answer.len() % 4 == 0 && answer.len() <= 100);
    }
});
