//! An ICE password at work: STUN's short-term credential (RFC 8489 §9.1).

use aws_lc_rs::hmac;

use super::stun::{BindingRequest, BindingSuccess};

/// A password of one side. Kept as text: the key that aws-lc makes of it takes 1.2 KiB, and a request comes every other
/// second.
#[derive(Clone)]
pub(crate) struct Password(Box<str>);

impl Password {
    pub(crate) fn new(pwd: &str) -> Self {
        Self(pwd.into())
    }

    /// Whether `request` was made with it.
    pub(crate) fn made(&self, request: &BindingRequest<'_>) -> bool {
        let (head, rest) = request.covered();
        self.verifies(&[&head, rest], request.tag())
    }

    /// Whether `answer` was made with it.
    pub(crate) fn answered(&self, answer: &BindingSuccess<'_>) -> bool {
        let (head, rest) = answer.covered();
        self.verifies(&[&head, rest], answer.tag())
    }

    fn verifies(&self, parts: &[&[u8]], tag: &[u8]) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(&self.mac(parts), tag).is_ok()
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 20] {
        self.mac(&[message])
    }

    fn mac(&self, parts: &[&[u8]]) -> [u8; 20] {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, self.0.as_bytes());
        let mut context = hmac::Context::with_key(&key);
        parts.iter().for_each(|part| context.update(part));
        context.sign().as_ref().try_into().unwrap_or_default()
    }
}
