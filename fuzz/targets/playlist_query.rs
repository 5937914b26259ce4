//! Any text as a playlist's query. The order of its directives means nothing, and what was understood reads the same
//! again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spillway_fuzz::packager::query::PlaylistQuery;

fuzz_target!(|text: &str| {
    let parsed = PlaylistQuery::parse(text);
    let backwards = text.split('&').rev().collect::<Vec<_>>().join("&");
    assert_eq!(PlaylistQuery::parse(&backwards).ok(), parsed.ok());
    let Ok(query) = parsed else { return };
    assert!(query.part.is_none() || query.msn.is_some());
    assert_eq!(PlaylistQuery::parse(&printed(query)), Ok(query));
});

fn printed(query: PlaylistQuery) -> String {
    let msn = query.msn.map(|msn| format!("_HLS_msn={msn}"));
    let part = query.part.map(|part| format!("_HLS_part={part}"));
    let skip = query.skip.then(|| "_HLS_skip=YES".to_owned());
    [msn, part, skip].into_iter().flatten().collect::<Vec<_>>().join("&")
}
