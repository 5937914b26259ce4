//! Failures of a database, by what helps: trying the transaction again at once, asking later, or nobody but a person.

use std::io::ErrorKind;

/// A kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The transaction met another. Nothing was done, and the next attempt may succeed.
    Conflict,
    /// The database is not there just now.
    Passing,
    /// Waiting does not help.
    Fault,
}

impl Failure {
    pub(crate) fn of(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) => error.code().map_or(Self::Fault, |code| Self::of_code(&code)),
            sqlx::Error::Io(error) if error.kind() == ErrorKind::InvalidInput => Self::Fault,
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolTimedOut => Self::Passing,
            _ => Self::Fault,
        }
    }

    /// PostgreSQL's codes have five letters (SQLSTATE); SQLite's are numbers, of at most four digits, whose low byte is
    /// the primary code.
    fn of_code(code: &str) -> Self {
        match (code.parse::<u32>(), code) {
            // SQLITE_BUSY, SQLITE_LOCKED and SQLITE_FULL.
            (Ok(number), _) if code.len() < 5 && matches!(number & 0xff, 5 | 6 | 13) => Self::Passing,
            // serialization_failure and deadlock_detected.
            (_, "40001" | "40P01") => Self::Conflict,
            // statement_completion_unknown, lock_not_available, and query_canceled: it took too long.
            (_, "40003" | "55P03" | "57014") => Self::Passing,
            // Connection exceptions, insufficient resources, and a server that starts or ends.
            _ if code.len() == 5 && ["08", "53", "57P"].iter().any(|class| code.starts_with(class)) => Self::Passing,
            // idle_in_transaction_session_timeout, and a server that takes no writes any more.
            (_, "25P03" | "25006") => Self::Passing,
            _ => Self::Fault,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_tell_what_helps() {
        for (failure, codes) in [
            (Failure::Conflict, &["40001", "40P01"][..]),
            (
                Failure::Passing,
                &["5", "261", "517", "6", "13", "08006", "53300", "53100", "57P01", "57P03", "55P03"][..],
            ),
            (Failure::Fault, &["1", "10", "2067", "8", "23505", "42P01", "28P01", ""][..]),
        ] {
            for code in codes {
                assert_eq!(Failure::of_code(code), failure, "{code}");
            }
        }
    }
}
