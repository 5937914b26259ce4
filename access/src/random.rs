//! Random text, for ids and secrets.

use rand::Rng as _;
use rand::distr::Alphanumeric;

/// `length` random letters and digits from the system's generator, 5.95 bits of randomness each.
pub fn random_text(length: usize) -> String {
    rand::rng().sample_iter(Alphanumeric).take(length).map(char::from).collect()
}

/// An id in LiveKit's manner, `{prefix}_[A-Za-z0-9]{12}`. Nobody can guess it, and it is no secret.
pub fn random_id(prefix: &str) -> String {
    format!("{prefix}_{}", random_text(12))
}
