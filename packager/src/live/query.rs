//! Delivery directives: `_HLS_msn`, `_HLS_part`, `_HLS_skip` (rfc8216bis §6.2.5).
//!
//! Pure, and safe on any input. Other parameters (tokens) are ignored.

// `fuzz` compiles this file as a public module of its own.
#![allow(unreachable_pub)]

/// Longest query that is looked at, bytes.
const QUERY_BYTES_MAX: usize = 8192;

/// The directives of a request for a media playlist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlaylistQuery {
    /// The value of `_HLS_msn`.
    pub msn: Option<u64>,
    /// The value of `_HLS_part`; only with `msn`.
    pub part: Option<u64>,
    /// Whether `_HLS_skip` is `YES` or `v2`.
    pub skip: bool,
}

/// Why a query is refused (400).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// It is longer than any honest one.
    #[error("the query is too long")]
    TooLong,
    /// `_HLS_msn` or `_HLS_part` is no decimal integer, or `_HLS_skip` neither `YES` nor `v2`.
    #[error("a delivery directive has no valid value")]
    Malformed,
    /// A directive stands there twice.
    #[error("a delivery directive is given twice")]
    Repeated,
    /// `_HLS_part` needs `_HLS_msn`.
    #[error("_HLS_part without _HLS_msn")]
    PartWithoutMsn,
    /// More than two segments ahead of the playlist's last.
    #[error("_HLS_msn lies too far ahead")]
    MsnTooFar,
    /// Beyond the Advance Part Limit.
    #[error("_HLS_part lies too far ahead")]
    PartTooFar,
}

impl PlaylistQuery {
    /// Reads the query part of a URL, without its `?`.
    pub fn parse(query: &str) -> Result<Self, QueryError> {
        if query.len() > QUERY_BYTES_MAX {
            return Err(QueryError::TooLong);
        }
        let mut parsed = Self::default();
        let mut skip = None;
        for pair in query.split('&') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let repeated = match key {
                "_HLS_msn" => parsed.msn.replace(integer(value)?).is_some(),
                "_HLS_part" => parsed.part.replace(integer(value)?).is_some(),
                "_HLS_skip" if matches!(value, "YES" | "v2") => skip.replace(()).is_some(),
                "_HLS_skip" => return Err(QueryError::Malformed),
                _ => false,
            };
            if repeated {
                return Err(QueryError::Repeated);
            }
        }
        if parsed.part.is_some() && parsed.msn.is_none() {
            return Err(QueryError::PartWithoutMsn);
        }
        parsed.skip = skip.is_some();
        Ok(parsed)
    }
}

fn integer(value: &str) -> Result<u64, QueryError> {
    if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(QueryError::Malformed);
    }
    value.parse().map_err(|_| QueryError::Malformed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn directives_are_read_in_any_order() {
        let of = |msn, part, skip| Ok(PlaylistQuery { msn, part, skip });
        let table = [
            ("", of(None, None, false)),
            ("token=a%20b&x", of(None, None, false)),
            ("_HLS_msn=7", of(Some(7), None, false)),
            ("_HLS_skip=YES&_HLS_part=3&_HLS_msn=7", of(Some(7), Some(3), true)),
            ("_HLS_skip=v2", of(None, None, true)),
            ("_HLS_part=0", Err(QueryError::PartWithoutMsn)),
            ("_HLS_msn=", Err(QueryError::Malformed)),
            ("_HLS_msn=+1", Err(QueryError::Malformed)),
            ("_HLS_msn=99999999999999999999", Err(QueryError::Malformed)),
            ("_HLS_skip=no", Err(QueryError::Malformed)),
            ("_HLS_msn=1&_HLS_msn=1", Err(QueryError::Repeated)),
        ];
        for (query, expected) in table {
            assert_eq!(PlaylistQuery::parse(query), expected, "{query}");
        }
        assert_eq!(PlaylistQuery::parse(&"a".repeat(9_000)), Err(QueryError::TooLong));
    }

    proptest! {
        #[test]
        fn no_input_panics(query in ".{0,200}") {
            let _ = PlaylistQuery::parse(&query);
        }
    }
}
