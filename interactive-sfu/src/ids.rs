//! Random names: of participants, sessions and ICE sessions.

pub(crate) use access::random_text;
