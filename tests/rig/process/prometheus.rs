//! The server's metrics, read back from the Prometheus text format.

use crate::error::Result;
use crate::http::Http;

/// One scrape.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    samples: Vec<(String, f64)>,
}

impl Metrics {
    /// Scrapes `/metrics`.
    pub fn scrape(http: &Http) -> Result<Self> {
        Ok(Self::parse(&http.text("/metrics")?))
    }

    /// Reads the text format; lines of another form are passed over.
    pub fn parse(text: &str) -> Self {
        let sample = |line: &str| {
            let (series, value) = line.rsplit_once(' ')?;
            Some((series.to_owned(), value.parse().ok()?))
        };
        Self { samples: text.lines().filter(|line| !line.starts_with('#')).filter_map(sample).collect() }
    }

    /// The sum of all series of this name whose label text holds every one of `labels`, such as `reason="stun_auth"`.
    /// 0 when there is none: a counter that never counted need not be there.
    pub fn sum(&self, name: &str, labels: &[&str]) -> f64 {
        self.series(name).filter(|(at, _)| labels.iter().all(|label| at.contains(label))).map(|(_, value)| value).sum()
    }

    /// Whether any series has this name.
    pub fn has(&self, name: &str) -> bool {
        self.series(name).next().is_some()
    }

    /// Every series, as its name with labels, and value.
    pub fn all(&self) -> impl Iterator<Item = (&str, f64)> {
        self.samples.iter().map(|(series, value)| (series.as_str(), *value))
    }

    /// Every series of this name, as its label text and value.
    pub fn series<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a str, f64)> + 'a {
        self.samples.iter().filter_map(move |(series, value)| {
            let labels = series.strip_prefix(name)?;
            (labels.is_empty() || labels.starts_with('{')).then_some((labels, *value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_summed_by_name_and_label() {
        let text =
            "# TYPE a_total counter\na_total{reason=\"x\"} 2\na_total{reason=\"y\",k=\"1\"} 3\na_total_more 9\nb 1.5\n";
        let metrics = Metrics::parse(text);
        assert_eq!(metrics.sum("a_total", &[]), 5.0);
        assert_eq!(metrics.sum("a_total", &["reason=\"y\""]), 3.0);
        assert_eq!(metrics.sum("b", &[]), 1.5);
        assert_eq!((metrics.sum("c", &[]), metrics.has("c")), (0.0, false));
    }
}
