//! Glass to glass.
fn main() {}
