//! A viewer moves between a seat and the broadcast while watching, as seen in the picture and heard.

#![allow(clippy::unwrap_used)] // A test that unwraps says where it failed.

use std::process::Command;

/// No measurement, only bounds that something broken exceeds: a skipped part, a black screen, a paused player.
const BOUNDS: [&str; 4] = ["--error-ms-max", "600", "--gap-ms-max", "1500"];

#[test]
fn two_moves_each_way_skip_nothing_and_leave_no_gap() {
    let mut handover = Command::new(env!("CARGO_BIN_EXE_spillway-handover"));
    let output = handover.args(["--moves", "2", "--speakers", "1"]).args(BOUNDS).output().unwrap();
    let said = [output.stdout, output.stderr].map(|out| String::from_utf8_lossy(&out).into_owned()).concat();
    eprintln!("{said}");
    assert!(output.status.success());
    assert_eq!(said.matches("took, s").count(), 2, "both directions are reported");
}
