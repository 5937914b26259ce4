//! Any text → offer → both negotiations → answer. What we print must parse line by line under our own grammar, and
//! answer every section of the offer.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spillway_fuzz::signalling::sdp::{
    Candidate, Fingerprint, IceCredentials, LocalDescription, Msid, NegotiatedSection, PublishPolicy, RemoteDescription, SendStream, SubscribePolicy,
    host_candidates, match_codec, negotiate_publish, negotiate_subscribe,
};

fuzz_target!(|text: &str| {
    let _ = Candidate::parse(text);
    let Ok(offer) = RemoteDescription::parse(text) else { return };
    if let Ok(sections) = negotiate_publish(&offer, &PublishPolicy::default()) {
        check(&offer, sections);
    }
    if let Ok(mut sections) = negotiate_subscribe(&offer, &SubscribePolicy::default()) {
        for section in &mut sections {
            let msid = Msid { stream: "s".into(), track: "t".into() };
            section.send = Some(SendStream { ssrc: 1, rtx_ssrc: Some(2), cname: "c".into(), msid });
            for codec in &section.codecs {
                assert!(match_codec(&codec.codec, &section.codecs).is_some());
            }
        }
        check(&offer, sections);
    }
});

fn check(offer: &RemoteDescription, sections: Vec<NegotiatedSection>) {
    assert_eq!(offer.sections.len(), sections.len());
    let count = sections.len();
    let ice = IceCredentials::new("abcd", "0123456789012345678901").expect("valid");
    let candidates = host_candidates(&[([127, 0, 0, 1], 1).into()], &[]);
    let fingerprint = Fingerprint([0; 32]);
    let setup = offer.setup.our_role().into();
    let answer =
        LocalDescription { setup, session_id: 1, session_version: 1, ice, fingerprint, candidates, sections };
    let sdp = answer.to_sdp();
    assert_eq!(sdp.matches("\r\nm=").count(), count);
    assert!(sdp.split_terminator("\r\n").all(|l| l.as_bytes().get(1) == Some(&b'=') && !l.contains(['\r', '\n'])));
}
