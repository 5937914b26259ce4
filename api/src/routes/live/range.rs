//! One byte range of an object (RFC 9110 §14). Pure.

/// The meaning of a `Range` header for one object.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ByteRange {
    /// The whole object, which is always right: the header names another unit, several ranges, or no range at all.
    Whole,
    /// Both ends included.
    Slice {
        /// First byte.
        first: u64,
        /// Last byte.
        last: u64,
    },
    /// It begins past the end.
    Unsatisfiable,
}

impl ByteRange {
    pub(super) fn parse(value: &str, length_bytes: u64) -> Self {
        let Some(range) = value.strip_prefix("bytes=").map(str::trim) else { return Self::Whole };
        let Some((first, last)) = range.split_once('-') else { return Self::Whole };
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            digits.then(|| text.parse::<u64>().unwrap_or(u64::MAX))
        };
        match (first.is_empty(), number(first), last.is_empty(), number(last)) {
            (true, _, _, Some(suffix)) => match suffix.min(length_bytes) {
                0 => Self::Unsatisfiable,
                suffix => Self::Slice { first: length_bytes - suffix, last: length_bytes - 1 },
            },
            (_, Some(first), true, _) if first < length_bytes => Self::Slice { first, last: length_bytes - 1 },
            (_, Some(first), _, Some(last)) if first > last => Self::Whole,
            (_, Some(first), _, Some(last)) if first < length_bytes => {
                Self::Slice { first, last: last.min(length_bytes - 1) }
            }
            (_, Some(_), true, _) | (_, Some(_), _, Some(_)) => Self::Unsatisfiable,
            _ => Self::Whole,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ByteRange::{self, Slice, Unsatisfiable, Whole};

    #[test]
    fn ranges_are_read_as_rfc_9110_has_them() {
        for (header, expected) in [
            ("bytes=0-0", Slice { first: 0, last: 0 }),
            ("bytes=2-5", Slice { first: 2, last: 5 }),
            ("bytes=2-", Slice { first: 2, last: 9 }),
            ("bytes=2-999", Slice { first: 2, last: 9 }),
            ("bytes=-3", Slice { first: 7, last: 9 }),
            ("bytes=-99", Slice { first: 0, last: 9 }),
            ("bytes=10-", Unsatisfiable),
            ("bytes=10-12", Unsatisfiable),
            ("bytes=-0", Unsatisfiable),
            ("bytes=99999999999999999999999-", Unsatisfiable),
            ("bytes=5-2", Whole),
            ("bytes=0-1,4-5", Whole),
            ("bytes=a-b", Whole),
            ("bytes=-", Whole),
            ("items=0-1", Whole),
            ("bytes=+1-2", Whole),
        ] {
            assert_eq!(ByteRange::parse(header, 10), expected, "{header}");
        }
        assert_eq!(ByteRange::parse("bytes=0-", 0), Unsatisfiable);
        assert_eq!(ByteRange::parse("bytes=-5", 0), Unsatisfiable);
    }
}
