//! A store that fails: recording suffers, and says so; the live broadcast does not.

#![allow(clippy::unwrap_used)] // A test that unwraps says where it failed.

use std::path::Path;

use rig::disk::Disk;
use rig::hls::{media_playlist, renditions};
use rig::recorder::Recorder;
use rig::server::{Demo, Server, pass};
use rig::wait::wait_for_or;

/// Uploads tried again.
const RETRIED: &str = "spillway_packager_store_retried_total";
/// Objects that await their upload.
const QUEUED: &str = "spillway_packager_store_queue_objects";

/// Segments stored below `folder`.
fn segments_below(folder: &Path) -> usize {
    let below = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.unwrap().path();
        if path.is_dir() { segments_below(&path) } else { usize::from(path.extension().is_some_and(|k| k == "m4s")) }
    };
    std::fs::read_dir(folder).into_iter().flatten().map(below).sum()
}

fn wait_for_metric(server: &Server, name: &str, good: impl Fn(f64) -> bool) {
    wait_for_or(name, 30, || {
        let value = server.metrics().map_err(|error| error.to_string())?.sum(name, &[]);
        if good(value) { Ok(()) } else { Err(value.to_string()) }
    })
    .unwrap();
}

#[test]
fn lost_store_leaves_the_broadcast_whole_and_catches_up_when_back() {
    let server = Server::start(Demo { speakers: 1, ..Demo::default() }).unwrap();
    server.wait_for_broadcast().unwrap();
    let (media, away) = (server.data().join("media"), server.data().join("media.away"));
    wait_for_or("the first stored segments", 15, || match segments_below(&media) {
        0 => Err(String::new()),
        _ => Ok(()),
    })
    .unwrap();
    let recorder = Recorder::start(&server.http, &server.playlist()).unwrap();

    // A file where the folder was: nothing can be written below it, whoever runs the server.
    std::fs::rename(&media, &away).unwrap();
    std::fs::write(&media, "").unwrap();
    let stored = segments_below(&away);
    wait_for_metric(&server, RETRIED, |retried| retried > 0.0);
    pass(6);
    assert_eq!(server.http.get("/healthz").unwrap().status, 200);
    std::fs::remove_file(&media).unwrap();
    std::fs::rename(&away, &media).unwrap();

    wait_for_metric(&server, QUEUED, |objects| objects == 0.0);
    assert!(segments_below(&media) >= stored + 6, "{} segments after {stored}", segments_below(&media));
    for recording in recorder.finish().unwrap() {
        recording.check_timeline(200).unwrap();
        assert!(recording.seconds().unwrap() > 6.0, "{}", recording.rendition.path);
    }
    let live = renditions(&server.http, &server.playlist()).unwrap().remove(0);
    assert!(!media_playlist(&server.http, &live.path).unwrap().text.contains("#EXT-X-GAP"));
}

#[test]
fn full_disk_leaves_the_broadcast_whole_and_the_recording_catches_up() {
    let Some(disk) = Disk::mount(24 << 20).unwrap() else {
        eprintln!("not run: only root may mount a disk of its own to fill");
        return;
    };
    let data = Some(disk.path().join("data"));
    let server = Server::start(Demo { speakers: 1, data, ..Demo::default() }).unwrap();
    server.wait_for_broadcast().unwrap();
    let recorder = Recorder::start(&server.http, &server.playlist()).unwrap();
    let filler = disk.fill().unwrap();
    wait_for_metric(&server, RETRIED, |retried| retried > 0.0);
    pass(6);
    for path in ["/healthz", "/readyz"] {
        assert_eq!(server.http.get(path).unwrap().status, 200, "{path}");
    }
    let log = std::fs::read_to_string(server.log()).unwrap();
    assert!(log.contains("No space left on device"), "{log}");
    let stored = segments_below(&server.data());
    std::fs::remove_file(filler).unwrap();

    wait_for_metric(&server, QUEUED, |objects| objects == 0.0);
    assert!(segments_below(&server.data()) >= stored + 6, "{} after {stored}", segments_below(&server.data()));
    for recording in recorder.finish().unwrap() {
        recording.check_timeline(200).unwrap();
        assert!(recording.seconds().unwrap() > 6.0, "{}", recording.rendition.path);
    }
}
