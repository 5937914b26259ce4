//! Speakers come and go; the programme goes on.

#![allow(clippy::unwrap_used)] // A test that unwraps says where it failed.

use std::path::Path;

use rig::ffprobe;
use rig::gst::{Publisher, Speaker};
use rig::hls::{media_playlist, renditions};
use rig::recorder::{Recorder, Recording};
use rig::server::{Demo, Server, pass};

/// The longest hole that the programme may have.
const GAP_MS_MAX: u64 = 200;

fn speaker(server: &Server, identity: &str, pattern: &str, tone_hz: u32) -> Publisher {
    let whip = server.http.url(&format!("/whip/{}", server.room));
    let speaker = Speaker {
        pattern: pattern.into(),
        tone_hz,
        // Small: three encoders share the machine with what is tested.
        size: (320, 180),
        ..Speaker::new(&whip, &server.speaker_token(identity))
    };
    let mut publisher = Publisher::start(&speaker).unwrap();
    publisher.wait_until_connected().unwrap();
    publisher
}

/// The media sequence number that the broadcast has come to.
fn newest_segment(server: &Server) -> u64 {
    let rendition = renditions(&server.http, &server.playlist()).unwrap().remove(0);
    let playlist = media_playlist(&server.http, &rendition.path).unwrap();
    playlist.first + playlist.segments.len() as u64
}

/// How long each stretch lasted in which nothing happened, in half seconds; shorter ones than a second and a half do
/// not count.
fn pauses(happens: &[bool]) -> Vec<usize> {
    happens.split(|happens| *happens).map(<[bool]>::len).filter(|length| *length >= 3).collect()
}

/// Whether there is sound, in each half second.
fn sounds(recordings: &[Recording], file: &Path) -> Vec<bool> {
    recordings.iter().find(|one| one.rendition.audio).unwrap().write(file).unwrap();
    let power = |stretch: &[f32]| stretch.iter().map(|s| s * s).sum::<f32>() / stretch.len() as f32;
    ffprobe::decode_sound(file).unwrap().chunks_exact(24_000).map(|stretch| power(stretch) > 1e-4).collect()
}

/// Whether the picture moves, in each half second.
fn motions(recordings: &[Recording], file: &Path) -> Vec<bool> {
    recordings.iter().find(|one| !one.rendition.audio).unwrap().write(file).unwrap();
    let gray = ffprobe::decode_gray(file, 64, 36).unwrap();
    let frames: Vec<&[u8]> = gray.chunks_exact(64 * 36).collect();
    let differ = |pair: &[&[u8]]| pair[0].iter().zip(pair[1]).any(|(a, b)| a.abs_diff(*b) > 40);
    let moves: Vec<bool> = frames.windows(2).map(differ).collect();
    moves.chunks_exact(15).map(|stretch| stretch.iter().filter(|moves| **moves).count() > 3).collect()
}

#[test]
fn muted_and_frozen_speaker_leaves_no_gap_and_comes_back() {
    let server = Server::start(Demo::default()).unwrap();
    let speaker = speaker(&server, "ann", "ball", 440);
    server.wait_for_broadcast().unwrap();
    let recorder = Recorder::start(&server.http, &server.playlist()).unwrap();
    pass(3);
    speaker.toggle_mute();
    pass(3);
    speaker.toggle_mute();
    pass(3);
    speaker.freeze();
    pass(5);
    speaker.thaw();
    pass(6);
    let recordings = recorder.finish().unwrap();
    recordings.iter().for_each(|recording| recording.check_timeline(GAP_MS_MAX).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let (sounds, motions) =
        (sounds(&recordings, &folder.path().join("a.mp4")), motions(&recordings, &folder.path().join("v.mp4")));
    assert_eq!(pauses(&sounds).len(), 2, "{sounds:?}");
    assert_eq!(pauses(&motions).len(), 1, "{motions:?}");
    assert!(sounds.ends_with(&[true, true]) && motions.ends_with(&[true, true]), "{sounds:?} {motions:?}");
}

#[test]
fn programme_has_no_gap_while_three_speakers_come_and_go() {
    let server = Server::start(Demo::default()).unwrap();
    let first = speaker(&server, "ann", "ball", 440);
    server.wait_for_broadcast().unwrap();
    let recorder = Recorder::start(&server.http, &server.playlist()).unwrap();
    pass(2);
    let second = speaker(&server, "ben", "smpte", 660);
    pass(2);
    let third = speaker(&server, "cat", "circular", 880);
    server.wait_for_speakers(3).unwrap();
    pass(3);
    drop(first);
    server.wait_for_speakers(2).unwrap();
    // A speaker whose machine loses power says nothing.
    second.vanish();
    pass(2);
    drop(third);

    // Nobody, but for the one who may not have been missed yet.
    let before = newest_segment(&server);
    pass(10);
    let after = newest_segment(&server);
    assert!(after >= before + 3, "segment {before}, ten seconds later {after}");

    let _back = speaker(&server, "ann", "ball", 440);
    pass(4);
    for recording in recorder.finish().unwrap() {
        recording.check_timeline(GAP_MS_MAX).unwrap();
        let seconds = recording.seconds().unwrap();
        assert!(seconds > 15.0, "{} has {seconds} s", recording.rendition.path);
        assert!(!recording.playlist.text.contains("#EXT-X-GAP"), "{}", recording.playlist.text);
    }
}
