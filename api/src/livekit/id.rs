//! Names for what is made here, in LiveKit's manner.

use rand::Rng as _;
use rand::distr::Alphanumeric;

/// `{prefix}_[A-Za-z0-9]{12}`; not to be guessed, and not a secret.
pub(crate) fn random_id(prefix: &str) -> String {
    let random: String = rand::rng().sample_iter(Alphanumeric).take(12).map(char::from).collect();
    format!("{prefix}_{random}")
}
