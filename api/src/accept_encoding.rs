//! Reads `Accept-Encoding`, the codings of a body that a client takes (RFC 9110 §12.5.3).

use http::HeaderMap;
use http::header::ACCEPT_ENCODING;

/// Whether `Accept-Encoding` takes `coding`, one of `br` and `gzip`. Weights order nothing here: a coding is taken or
/// not.
pub(crate) fn accepts(headers: &HeaderMap, coding: &str) -> bool {
    let mut star = None;
    for value in headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok()) {
        for listed in value.split(',') {
            let (name, parameters) = listed.split_once(';').unwrap_or((listed, ""));
            let weight = parameters.trim().strip_prefix("q=").map_or(Ok(1.0), str::parse::<f32>);
            let wanted = weight.is_ok_and(|weight| weight > 0.0);
            let name = name.trim();
            // An old name of gzip (RFC 9110 §8.4.1.3).
            let name = if name.eq_ignore_ascii_case("x-gzip") { "gzip" } else { name };
            if name.eq_ignore_ascii_case(coding) {
                return wanted;
            }
            if name == "*" {
                star = Some(wanted);
            }
        }
    }
    star.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coding_is_accepted_if_it_or_the_star_has_a_nonzero_weight() {
        for (header, br, gzip) in [
            ("", false, false),
            ("gzip, deflate, br, zstd", true, true),
            ("x-gzip", false, true),
            ("BR;q=0.1", true, false),
            ("br;q=0, *", false, true),
            ("gzip;q=nonsense", false, false),
            ("*;q=0", false, false),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, header.parse().unwrap())]);
            assert_eq!((accepts(&headers, "br"), accepts(&headers, "gzip")), (br, gzip), "{header:?}");
        }
        assert!(!accepts(&HeaderMap::new(), "gzip"));
    }
}
