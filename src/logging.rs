//! Logs, to standard error: standard output is for people.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::settings::{Log, LogFormat};

/// `rtc_dtls` warns of every extension of a ClientHello that it does not know: twenty lines a handshake.
const QUIET: &str = "rtc_dtls=error";

/// Starts logging. Called once, before anything is logged; the filter was validated with the settings.
pub(crate) fn start(log: &Log) {
    let filter = EnvFilter::new(format!("{QUIET},{}", log.filter));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match log.format {
        LogFormat::Human => builder.with_ansi(std::io::stderr().is_terminal()).with_target(false).init(),
        LogFormat::Json => builder.json().init(),
    }
}
