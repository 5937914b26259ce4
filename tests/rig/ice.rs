//! Connectivity checks of a controlling, full ICE agent (RFC 8445 §7.2) with one candidate pair.

use rtc_srtp::crypto::RTCCrypto;
use rtc_stun::attributes::{ATTR_ICE_CONTROLLING, ATTR_PRIORITY, ATTR_USE_CANDIDATE, ATTR_USERNAME, AttrType};
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_REQUEST, BINDING_SUCCESS, Message, Setter, TransactionId};
use rtc_stun::textattrs::TextAttribute;

use crate::error::{Error, Result};

/// Priority of a peer-reflexive candidate of component 1.
const PRIORITY: u32 = 110 << 24 | 65535 << 8 | 255;

struct Attribute(AttrType, Vec<u8>);

impl Setter for Attribute {
    fn add_to(&self, message: &mut Message) -> rtc_shared::error::Result<()> {
        message.add(self.0, &self.1);
        Ok(())
    }
}

/// A binding request that nominates the pair. `username` is theirs, a colon, ours; `pwd` is theirs.
pub fn binding_request(username: &str, pwd: &str, crypto: &dyn RTCCrypto) -> Result<Vec<u8>> {
    let attributes: [Box<dyn Setter + '_>; 8] = [
        Box::new(BINDING_REQUEST),
        Box::new(TransactionId::new()),
        Box::new(TextAttribute::new(ATTR_USERNAME, username.to_owned())),
        Box::new(Attribute(ATTR_USE_CANDIDATE, vec![])),
        Box::new(Attribute(ATTR_PRIORITY, PRIORITY.to_be_bytes().to_vec())),
        Box::new(Attribute(ATTR_ICE_CONTROLLING, vec![0, 0, 0, 0, 0, 0, 0, 1])),
        Box::new(MessageIntegrity::new_short_term_integrity_with_provider(pwd.to_owned(), crypto)),
        Box::new(FINGERPRINT),
    ];
    let mut message = Message::new();
    message.build(&attributes).map_err(|e| Error::Stun(e.to_string()))?;
    Ok(message.raw.to_vec())
}

/// Whether a datagram is a success response to a binding request.
pub fn is_binding_success(datagram: &[u8]) -> bool {
    let mut message = Message::new();
    datagram.first().is_some_and(|first| *first < 4)
        && message.unmarshal_binary(datagram).is_ok()
        && message.typ == BINDING_SUCCESS
}
