//! The recorder behind every crate's metrics.

use std::time::Duration;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use crate::error::Error;

/// Upper bounds of every histogram: latencies, seconds.
const LATENCY_BUCKETS: [f64; 16] =
    [0.0001, 0.0003, 0.001, 0.002, 0.004, 0.007, 0.01, 0.02, 0.04, 0.07, 0.1, 0.2, 0.4, 0.7, 1.0, 3.0];
/// How often the recorder tidies its histograms.
const UPKEEP: Duration = Duration::from_secs(5);

/// Installs the recorder, which keeps all figures from now on. The handle renders them as Prometheus text.
pub(crate) fn install() -> Result<PrometheusHandle, Error> {
    PrometheusBuilder::new()
        .set_buckets(&LATENCY_BUCKETS)
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(|error| Error::Metrics(Box::new(error)))
}

/// Keeps the recorder's histograms small. Runs until it is dropped.
pub(crate) async fn tidy(recorder: PrometheusHandle) {
    loop {
        tokio::time::sleep(UPKEEP).await;
        recorder.run_upkeep();
    }
}
