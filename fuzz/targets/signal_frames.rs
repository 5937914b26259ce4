//! Any bytes as the frames of a signal connection, in protobuf and in JSON. What a frame holds reads the same again,
//! and descriptions and candidates in it are read as the server reads them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spillway_fuzz::frames::{read, serve, split};

fuzz_target!(|bytes: &[u8]| {
    split(bytes).into_iter().filter_map(read).for_each(|request| serve(&request));
});
