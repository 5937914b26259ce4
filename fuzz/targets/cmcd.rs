//! Any text as the reports of players, whole and line by line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spillway_fuzz::players::{REPORTS_MAX, reports};

fuzz_target!(|body: &str| {
    let whole = reports(body);
    let lines: Vec<Option<usize>> = body.split('\n').filter(|line| !line.trim().is_empty()).map(reports).collect();
    if let Some(count) = whole {
        assert!((1..=REPORTS_MAX).contains(&count));
        assert_eq!(count, lines.len());
    }
    let are_good = (1..=REPORTS_MAX).contains(&lines.len()) && lines.iter().all(|line| *line == Some(1));
    assert_eq!(whole.is_some(), are_good);
});
