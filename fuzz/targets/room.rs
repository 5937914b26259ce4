//! Any bytes as the steps of a simulated room: people come by three protocols, say anything on their signal connections
//! and data channels, and go, while the media plane reports and time passes. The room's rules hold after each step.
//! Each run has the same random numbers and the same clock.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| interactive_sfu::simulate(bytes));
