//! The binary: settings, wiring, demo. The only place that knows all parts.
fn main() {}
