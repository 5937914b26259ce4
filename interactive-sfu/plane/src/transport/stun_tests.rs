#![allow(clippy::unwrap_used)]
//! Against the webrtc project's STUN, both ways.

use rtc_stun::attributes::{ATTR_SOFTWARE, ATTR_USE_CANDIDATE, ATTR_USERNAME};
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_REQUEST, BINDING_SUCCESS, Getter as _, Message, Setter, TransactionId};
use rtc_stun::textattrs::TextAttribute;
use rtc_stun::xoraddr::XorMappedAddress;

use super::password::Password;
use super::stun::*;

const PWD: &str = "abcdefghijklmnopqrstuvwx";

struct Flag;
impl Setter for Flag {
    fn add_to(&self, m: &mut Message) -> Result<(), rtc_shared::error::Error> {
        m.add(ATTR_USE_CANDIDATE, &[]);
        Ok(())
    }
}

fn crypto() -> rtc_srtp::crypto::providers::AwsLcRsProvider {
    rtc_srtp::crypto::providers::AwsLcRsProvider::new()
}

fn message(setters: Vec<Box<dyn Setter + '_>>) -> Vec<u8> {
    let mut m = Message::new();
    m.build(&setters).unwrap();
    m.raw
}

fn request(username: &str, pwd: &str) -> Vec<u8> {
    use rtc_srtp::crypto::RTCCryptoProvider as _;
    let provider = crypto();
    message(vec![
        Box::new(BINDING_REQUEST),
        Box::new(TransactionId::new()),
        Box::new(TextAttribute::new(ATTR_USERNAME, username.into())),
        Box::new(Flag),
        Box::new(MessageIntegrity::new_short_term_integrity_with_provider(pwd.into(), provider.crypto())),
        Box::new(FINGERPRINT),
    ])
}

#[test]
fn a_browsers_request_is_understood_and_its_answer_too() {
    use rtc_srtp::crypto::RTCCryptoProvider as _;
    let bytes = request("ours:theirs", PWD);
    let parsed = BindingRequest::parse(&bytes).unwrap();
    assert_eq!((parsed.local_ufrag, parsed.nominates), ("ours", true));
    assert!(Password::new(PWD).made(&parsed));
    assert!(!Password::new("another-password-of-24--").made(&parsed));
    for source in ["192.0.2.1:4711", "[2001:db8::5]:9"] {
        let answer = parsed.success(source.parse().unwrap(), |m| Password::new(PWD).sign(m));
        let mut m = Message::new();
        m.unmarshal_binary(&answer).unwrap();
        assert_eq!((m.typ, m.transaction_id.0), (BINDING_SUCCESS, parsed.transaction_id));
        FINGERPRINT.check(&m).unwrap();
        MessageIntegrity::check(&mut m, PWD.as_bytes(), crypto().crypto()).unwrap();
        let mut mapped = XorMappedAddress::default();
        mapped.get_from(&m).unwrap();
        assert_eq!(std::net::SocketAddr::new(mapped.ip, mapped.port).to_string(), source);
    }
}

#[test]
fn every_cut_and_every_changed_byte_is_refused() {
    let bytes = request("ours:theirs", PWD);
    for len in 0..bytes.len() {
        assert_eq!(BindingRequest::parse(&bytes[..len]), None, "{len}");
    }
    for i in 0..bytes.len() {
        let mut spoiled = bytes.clone();
        spoiled[i] ^= 0x41;
        assert_eq!(BindingRequest::parse(&spoiled), None, "byte {i}");
    }
}

#[test]
fn attribute_after_the_integrity_check_spoils_the_request() {
    use rtc_srtp::crypto::RTCCryptoProvider as _;
    let provider = crypto();
    let build = |late: Box<dyn Setter + '_>| {
        message(vec![
            Box::new(BINDING_REQUEST),
            Box::new(TransactionId::new()),
            Box::new(TextAttribute::new(ATTR_USERNAME, "ours:theirs".into())),
            Box::new(MessageIntegrity::new_short_term_integrity_with_provider(PWD.into(), provider.crypto())),
            late,
            Box::new(FINGERPRINT),
        ])
    };
    assert_eq!(BindingRequest::parse(&build(Box::new(Flag))), None);
    assert_eq!(BindingRequest::parse(&build(Box::new(TextAttribute::new(ATTR_SOFTWARE, "x".into())))), None);
}

#[test]
fn check_of_ours_is_understood_and_its_answer_is_known_by_its_tag() {
    use rtc_srtp::crypto::RTCCryptoProvider as _;
    let bytes = check([7; 12], "theirs", "ours", |m| Password::new(PWD).sign(m));
    let mut m = Message::new();
    m.unmarshal_binary(&bytes).unwrap();
    assert_eq!((m.typ, m.transaction_id.0), (BINDING_REQUEST, [7; 12]));
    assert_eq!(TextAttribute::get_from_as(&m, ATTR_USERNAME).unwrap().text, "theirs:ours");
    FINGERPRINT.check(&m).unwrap();
    MessageIntegrity::check(&mut m, PWD.as_bytes(), crypto().crypto()).unwrap();

    let provider = crypto();
    let answer = message(vec![
        Box::new(BINDING_SUCCESS),
        Box::new(m.transaction_id),
        Box::new(XorMappedAddress { ip: [192, 0, 2, 1].into(), port: 9 }),
        Box::new(MessageIntegrity::new_short_term_integrity_with_provider(PWD.into(), provider.crypto())),
        Box::new(FINGERPRINT),
    ]);
    let parsed = BindingSuccess::parse(&answer).unwrap();
    assert_eq!(parsed.transaction_id, [7; 12]);
    assert!(is_success(&answer) && Password::new(PWD).answered(&parsed));
    assert!(!Password::new("another-password-of-24--").answered(&parsed));
    for len in 0..answer.len() {
        assert_eq!(BindingSuccess::parse(&answer[..len]), None, "{len}");
    }
}
