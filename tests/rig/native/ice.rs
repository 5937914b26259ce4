//! One end of ICE (RFC 8445): a full agent with one candidate of its own. Checks to send, and checks to answer.
//!
//! No I/O and no clock. `peer.rs` repeats checks until one is answered, and sends the answers made here.

use std::net::SocketAddr;
use std::sync::Arc;

use rtc_srtp::crypto::providers::AwsLcRsProvider;
use rtc_srtp::crypto::{RTCCrypto, RTCCryptoProvider};
use rtc_stun::attributes::{
    ATTR_ICE_CONTROLLED, ATTR_ICE_CONTROLLING, ATTR_PRIORITY, ATTR_USE_CANDIDATE, ATTR_USERNAME, AttrType,
};
use rtc_stun::error_code::{CODE_ROLE_CONFLICT, ErrorCodeAttribute};
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{
    BINDING_ERROR, BINDING_REQUEST, BINDING_SUCCESS, Getter as _, Message, MessageType, Setter, TransactionId,
};
use rtc_stun::textattrs::TextAttribute;
use rtc_stun::xoraddr::XorMappedAddress;

use crate::error::{Error, Result};

/// Priority of a peer-reflexive candidate of component 1 (RFC 8445 §5.1.2).
const PRIORITY: u32 = 110 << 24 | 65535 << 8 | 255;

/// User name fragment and password of one end.
#[derive(Clone, Debug)]
pub struct Secret {
    /// User name fragment.
    pub ufrag: String,
    /// Password.
    pub pwd: String,
}

impl Secret {
    /// A new one.
    pub fn random() -> Self {
        let pwd = format!("{:016x}{:016x}", rand::random::<u64>(), rand::random::<u64>());
        Self { ufrag: format!("{:08x}", rand::random::<u32>()), pwd }
    }
}

/// The role of one end (RFC 8445 §6.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It nominates the pair.
    Controlling,
    /// It waits for a nomination.
    Controlled,
}

impl Role {
    fn other(self) -> Self {
        if self == Self::Controlling { Self::Controlled } else { Self::Controlling }
    }

    /// The attribute with which an end of this role marks its requests.
    fn attribute(self) -> AttrType {
        if self == Self::Controlling { ATTR_ICE_CONTROLLING } else { ATTR_ICE_CONTROLLED }
    }
}

/// One end's state.
pub struct Agent {
    ours: Secret,
    theirs: Secret,
    role: Role,
    tie_breaker: u64,
    /// A check of ours was answered.
    valid: bool,
    /// The other end has nominated the pair.
    nominated: bool,
    provider: Arc<AwsLcRsProvider>,
}

impl Agent {
    /// An agent that has checked nothing yet.
    pub fn new(ours: Secret, theirs: Secret, role: Role, provider: Arc<AwsLcRsProvider>) -> Self {
        Self { ours, theirs, role, tie_breaker: rand::random(), valid: false, nominated: false, provider }
    }

    /// The pair works, and the controlling end has nominated it: media may flow.
    pub fn is_connected(&self) -> bool {
        self.valid && (self.role == Role::Controlling || self.nominated)
    }

    /// A connectivity check, which is also the consent to go on sending (RFC 7675 §5.1). The controlling end's
    /// nominates the pair.
    pub fn check(&self) -> Result<Vec<u8>> {
        let username = format!("{}:{}", self.theirs.ufrag, self.ours.ufrag);
        request(&username, &self.theirs.pwd, self.role, self.tie_breaker, self.provider.crypto())
    }

    /// Takes a STUN message; the answer to send to `from`, if there is one. Messages that the other end has not
    /// authenticated are ignored.
    pub fn hear(&mut self, datagram: &[u8], from: SocketAddr) -> Option<Vec<u8>> {
        let mut message = Message::new();
        message.unmarshal_binary(datagram).ok()?;
        if message.typ == BINDING_REQUEST {
            self.answer(&mut message, from).ok()
        } else {
            self.conclude(&mut message);
            None
        }
    }

    fn answer(&mut self, request: &mut Message, from: SocketAddr) -> Result<Vec<u8>> {
        let stun = |e: rtc_shared::error::Error| Error::Stun(e.to_string());
        let username = TextAttribute::get_from_as(request, ATTR_USERNAME).map_err(stun)?;
        if username.text != format!("{}:{}", self.ours.ufrag, self.theirs.ufrag) {
            return Err(Error::Stun("a request for another user".into()));
        }
        FINGERPRINT.check(request).map_err(stun)?;
        MessageIntegrity::check(request, self.ours.pwd.as_bytes(), self.provider.crypto()).map_err(stun)?;
        // Both ends believe to have the same role: the greater tie-breaker controls (RFC 8445 §7.3.1.1).
        if let Ok(theirs) = request.get(self.role.attribute()) {
            let ours_is_greater = self.tie_breaker.to_be_bytes()[..] >= theirs[..];
            if ours_is_greater == (self.role == Role::Controlling) {
                return self.respond(request, BINDING_ERROR, role_conflict());
            }
            self.role = self.role.other();
        }
        self.nominated |= request.contains(ATTR_USE_CANDIDATE);
        self.respond(request, BINDING_SUCCESS, XorMappedAddress { ip: from.ip(), port: from.port() })
    }

    /// A response to a check of ours.
    fn conclude(&mut self, response: &mut Message) {
        if MessageIntegrity::check(response, self.theirs.pwd.as_bytes(), self.provider.crypto()).is_err() {
            return;
        }
        let mut error = ErrorCodeAttribute::default();
        if response.typ == BINDING_SUCCESS {
            self.valid = true;
        } else if error.get_from(response).is_ok() && error.code == CODE_ROLE_CONFLICT {
            self.role = self.role.other();
        }
    }

    fn respond(&self, request: &Message, kind: MessageType, content: impl Setter) -> Result<Vec<u8>> {
        let crypto = self.provider.crypto();
        let setters: [Box<dyn Setter + '_>; 5] = [
            Box::new(kind),
            Box::new(request.transaction_id),
            Box::new(content),
            Box::new(MessageIntegrity::new_short_term_integrity_with_provider(self.ours.pwd.clone(), crypto)),
            Box::new(FINGERPRINT),
        ];
        build(&setters)
    }
}

fn role_conflict() -> ErrorCodeAttribute {
    ErrorCodeAttribute { code: CODE_ROLE_CONFLICT, reason: b"Role Conflict".to_vec() }
}

struct Attribute(AttrType, Vec<u8>);

impl Setter for Attribute {
    fn add_to(&self, message: &mut Message) -> rtc_shared::error::Result<()> {
        message.add(self.0, &self.1);
        Ok(())
    }
}

/// A binding request that nominates the pair. `username` is theirs, a colon, ours; `pwd` is theirs.
pub fn binding_request(username: &str, pwd: &str, crypto: &dyn RTCCrypto) -> Result<Vec<u8>> {
    request(username, pwd, Role::Controlling, 1, crypto)
}

fn request(username: &str, pwd: &str, role: Role, tie_breaker: u64, crypto: &dyn RTCCrypto) -> Result<Vec<u8>> {
    let mut setters: Vec<Box<dyn Setter + '_>> = vec![
        Box::new(BINDING_REQUEST),
        Box::new(TransactionId::new()),
        Box::new(TextAttribute::new(ATTR_USERNAME, username.to_owned())),
    ];
    if role == Role::Controlling {
        setters.push(Box::new(Attribute(ATTR_USE_CANDIDATE, vec![])));
    }
    setters.push(Box::new(Attribute(ATTR_PRIORITY, PRIORITY.to_be_bytes().to_vec())));
    setters.push(Box::new(Attribute(role.attribute(), tie_breaker.to_be_bytes().to_vec())));
    setters.push(Box::new(MessageIntegrity::new_short_term_integrity_with_provider(pwd.to_owned(), crypto)));
    setters.push(Box::new(FINGERPRINT));
    build(&setters)
}

fn build(setters: &[Box<dyn Setter + '_>]) -> Result<Vec<u8>> {
    let mut message = Message::new();
    message.build(setters).map_err(|e| Error::Stun(e.to_string()))?;
    Ok(message.raw.to_vec())
}

/// Whether a datagram is a STUN message (RFC 7983 §7).
pub fn is_stun(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|first| *first < 4)
}

/// Whether a datagram is the success response to a binding request, whoever made it.
pub fn is_binding_success(datagram: &[u8]) -> bool {
    is_stun(datagram) && datagram.get(..2) == Some(&[0x01, 0x01])
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: &str = "10.0.0.7:4000";

    /// Two agents that know each other.
    fn pair(roles: [Role; 2]) -> [Agent; 2] {
        let (a, b, provider) = (Secret::random(), Secret::random(), Arc::new(AwsLcRsProvider::new()));
        [Agent::new(a.clone(), b.clone(), roles[0], provider.clone()), Agent::new(b, a, roles[1], provider)]
    }

    fn decode(datagram: &[u8]) -> Message {
        let mut message = Message::new();
        message.unmarshal_binary(datagram).unwrap();
        message
    }

    #[test]
    fn a_check_is_answered_with_the_address_it_came_from_and_with_integrity_and_fingerprint() {
        let [mut ours, mut theirs] = pair([Role::Controlled, Role::Controlling]);
        let request = theirs.check().unwrap();
        let answer = ours.hear(&request, FROM.parse().unwrap()).unwrap();
        let mut message = decode(&answer);
        assert_eq!((message.typ, message.transaction_id), (BINDING_SUCCESS, decode(&request).transaction_id));
        let mut mapped = XorMappedAddress::default();
        mapped.get_from(&message).unwrap();
        assert_eq!(SocketAddr::new(mapped.ip, mapped.port).to_string(), FROM);
        FINGERPRINT.check(&message).unwrap();
        MessageIntegrity::check(&mut message, ours.ours.pwd.as_bytes(), ours.provider.crypto()).unwrap();
        assert!(!theirs.is_connected());
        assert_eq!(theirs.hear(&answer, FROM.parse().unwrap()), None);
        assert!(theirs.is_connected());
    }

    #[test]
    fn the_controlled_end_is_connected_when_its_own_check_succeeded_and_the_pair_is_nominated() {
        let [mut ours, mut theirs] = pair([Role::Controlled, Role::Controlling]);
        let from = FROM.parse().unwrap();
        let answer = theirs.hear(&ours.check().unwrap(), from).unwrap();
        ours.hear(&answer, from);
        assert!(!ours.is_connected());
        ours.hear(&theirs.check().unwrap(), from);
        assert!(ours.is_connected());
    }

    #[test]
    fn requests_and_answers_that_are_not_authenticated_change_nothing() {
        let [mut ours, theirs] = pair([Role::Controlled, Role::Controlling]);
        let [_, mut stranger] = pair([Role::Controlled, Role::Controlling]);
        let from = FROM.parse().unwrap();
        assert_eq!(ours.hear(&stranger.check().unwrap(), from), None);
        let mut forged = theirs.check().unwrap();
        let last = forged.len() - 1;
        forged[last] ^= 1;
        assert_eq!(ours.hear(&forged, from), None);
        assert_eq!(stranger.hear(&ours.check().unwrap(), from), None);
        ours.hear(&[1, 1, 0, 0], from);
        assert!(!ours.nominated && !ours.valid);
    }

    #[test]
    fn of_two_ends_with_one_role_exactly_one_changes_it() {
        for role in [Role::Controlling, Role::Controlled] {
            for ours_is_greater in [true, false] {
                let [mut ours, mut theirs] = pair([role, role]);
                (ours.tie_breaker, theirs.tie_breaker) = if ours_is_greater { (2, 1) } else { (1, 2) };
                let from = FROM.parse().unwrap();
                let answer = ours.hear(&theirs.check().unwrap(), from).unwrap();
                theirs.hear(&answer, from);
                assert_eq!(ours.role, theirs.role.other());
                assert_eq!(ours.role == Role::Controlling, ours_is_greater);
            }
        }
    }
}
