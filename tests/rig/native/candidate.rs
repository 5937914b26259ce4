//! ICE candidates as text (RFC 8839 §5.1) and as LiveKit trickles them. UDP hosts by address; all others are none for
//! us.

use std::net::SocketAddr;

/// Priority of a host candidate of component 1 (RFC 8445 §5.1.2).
const HOST_PRIORITY: u32 = 126 << 24 | 65535 << 8 | 255;

/// Reads `candidate:<foundation> <component> udp <priority> <address> <port> …`, with or without `a=` before it.
pub fn parse(candidate: &str) -> Option<SocketAddr> {
    let candidate = candidate.strip_prefix("a=").unwrap_or(candidate);
    let words: Vec<&str> = candidate.strip_prefix("candidate:")?.split_whitespace().collect();
    let [_, _, transport, _, address, port, ..] = words[..] else { return None };
    transport.eq_ignore_ascii_case("udp").then_some(SocketAddr::new(address.parse().ok()?, port.parse().ok()?))
}

/// Reads an `RTCIceCandidateInit` in JSON. `None`: of another kind, or the end of candidates.
pub fn parse_init(json: &str) -> Option<SocketAddr> {
    let init: serde_json::Value = serde_json::from_str(json).ok()?;
    parse(init.get("candidate")?.as_str()?)
}

/// A host candidate.
pub fn print(address: SocketAddr) -> String {
    let (ip, port) = (address.ip(), address.port());
    format!("candidate:1 1 udp {HOST_PRIORITY} {ip} {port} typ host")
}

/// The same as an `RTCIceCandidateInit` of the first section.
pub fn print_init(address: SocketAddr) -> String {
    serde_json::json!({ "candidate": print(address), "sdpMLineIndex": 0 }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_of_udp_with_an_address_are_read_and_others_are_not() {
        let four: SocketAddr = "10.0.0.7:4000".parse().unwrap();
        let six: SocketAddr = "[fd00::1]:4000".parse().unwrap();
        for (text, expected) in [
            ("candidate:1 1 udp 7 10.0.0.7 4000 typ host", Some(four)),
            ("a=candidate:1 1 UDP 7 10.0.0.7 4000 typ host generation 0", Some(four)),
            ("a=candidate:1 1 udp 7 fd00::1 4000 typ host", Some(six)),
            ("candidate:1 1 tcp 7 10.0.0.7 4000 typ host tcptype passive", None),
            ("candidate:1 1 udp 7 a1b2.local 4000 typ host", None),
            ("candidate:1 1 udp 7 10.0.0.7 70000 typ host", None),
            ("candidate:1 1 udp 7 10.0.0.7", None),
            ("end-of-candidates", None),
            ("", None),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
        for address in [four, six] {
            assert_eq!(parse(&print(address)), Some(address));
            assert_eq!(parse_init(&print_init(address)), Some(address));
        }
    }

    #[test]
    fn the_end_of_trickled_candidates_and_what_is_no_json_are_none() {
        for json in
            [r#"{"candidate":"","sdpMid":"0"}"#, r#"{"sdpMid":"0"}"#, r#"{"candidate":null}"#, "candidate:1", ""]
        {
            assert_eq!(parse_init(json), None, "{json}");
        }
    }
}
