//! The playlists and segments of a broadcast, served and stored, judged by programs that are not ours.

#![allow(clippy::unwrap_used)] // A test that unwraps says where it failed.

use std::path::{Path, PathBuf};

use rig::gst::{Publisher, Speaker};
use rig::hls::{MediaPlaylist, media_playlist, renditions};
use rig::recorder::{Recorder, Recording};
use rig::server::{Demo, Server, pass};
use rig::wait::wait_for;
use rig::{ffprobe, fmp4};

/// Long enough for a handful of segments.
const RECORDED_S: u64 = 14;

fn speaker(server: &Server, identity: &str) -> Publisher {
    let whip = server.http.url(&format!("/whip/{}", server.room));
    let mut publisher = Publisher::start(&Speaker::new(&whip, &server.speaker_token(identity))).unwrap();
    publisher.wait_until_connected().unwrap();
    publisher
}

#[test]
fn ffprobe_and_m3u8_rs_accept_the_broadcast_of_a_gstreamer_speaker() {
    let server = Server::start(Demo::default()).unwrap();
    let _speaker = speaker(&server, "gst");
    server.wait_for_speakers(1).unwrap();
    server.wait_for_broadcast().unwrap();
    let recorder = Recorder::start(&server.http, &server.playlist()).unwrap();
    pass(RECORDED_S);

    check_playlists(&server);
    check_parts(&server);
    for recording in recorder.finish().unwrap() {
        check_recording(&recording);
    }
    check_stored(&server);
}

#[test]
fn a_room_is_on_the_air_only_while_its_broadcast_is_switched_on() {
    let mut server = Server::start(Demo::default()).unwrap();
    let path = format!("/v1/rooms/{}", server.room);
    let switch = |server: &Server, on: bool| {
        let bearer = format!("Bearer {}", server.keys.mint_moderator(&server.room));
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        let body = format!("{{\"broadcast\": {on}}}");
        assert_eq!(server.http.request("PATCH", &path, &headers, Some(body.as_bytes())).unwrap().status, 200);
    };
    switch(&server, false);
    server.start_again().unwrap();
    let _speaker = speaker(&server, "gst");
    server.wait_for_speakers(1).unwrap();
    // A broadcast has its place as soon as it is started.
    pass(2);
    let room = server.http.get(&path).unwrap().json();
    assert!(room["playlist"].is_null() && room["broadcast"] == "off", "{room}");

    switch(&server, true);
    server.wait_for_broadcast().unwrap();
    switch(&server, false);
    wait_for("the broadcast's end", 20, || {
        let room = server.http.get(&path).unwrap().json();
        (room["live"] == false && room["stage"].as_array().is_some_and(|stage| stage.len() == 1)).then_some(())
    })
    .unwrap();
}

/// Every playlist parses in a parser of others', and says what its kind must say.
fn check_playlists(server: &Server) {
    let text = server.http.text(&server.playlist()).unwrap();
    let multivariant = m3u8_rs::parse_master_playlist_res(text.as_bytes()).unwrap_or_else(|e| panic!("{e}: {text}"));
    assert!(!multivariant.variants.is_empty(), "{text}");
    for variant in &multivariant.variants {
        assert!(
            variant.codecs.as_deref().is_some_and(|codecs| codecs.contains("avc1") && codecs.contains("mp4a")),
            "{text}"
        );
    }
    for rendition in renditions(&server.http, &server.playlist()).unwrap() {
        let text = server.http.text(&rendition.path).unwrap();
        let media = m3u8_rs::parse_media_playlist_res(text.as_bytes()).unwrap_or_else(|e| panic!("{e}: {text}"));
        assert!(media.segments.len() >= 2, "{text}");
        let target_s = media.target_duration as f32;
        assert!(media.segments.iter().all(|segment| segment.duration.round() <= target_s), "{text}");
        for tag in ["#EXT-X-SERVER-CONTROL:", "#EXT-X-PART-INF:", "#EXT-X-PRELOAD-HINT:", "#EXT-X-PROGRAM-DATE-TIME:"] {
            assert!(text.contains(tag), "no {tag} in {text}");
        }
        assert!(!text.contains("#EXT-X-DISCONTINUITY\n") && !text.contains("#EXT-X-GAP"), "{text}");
    }
}

/// A viewer can begin with any segment: its first part is independent, and says so.
fn check_entries(playlist: &MediaPlaylist) {
    let first_of_segment = |path: &&(String, f64)| path.0.ends_with(".0.m4s");
    let firsts: Vec<&String> = playlist.parts.iter().filter(first_of_segment).map(|(path, _)| path).collect();
    assert!(!firsts.is_empty() && firsts.iter().all(|path| playlist.independent.contains(path)), "{}", playlist.text);
}

/// Every listed part is there, lies where the last one ended, and lasts as long as the playlist says.
fn check_parts(server: &Server) {
    for rendition in renditions(&server.http, &server.playlist()).unwrap() {
        let playlist = media_playlist(&server.http, &rendition.path).unwrap();
        check_entries(&playlist);
        let init = server.http.get(playlist.map.as_deref().unwrap()).unwrap().body;
        let timescale = f64::from(fmp4::timescale(&init).unwrap());
        let mut end = None;
        for (path, seconds) in &playlist.parts {
            let reply = server.http.get(path).unwrap();
            assert_eq!(reply.status, 200, "{path}");
            for fragment in fmp4::fragments(&reply.body).unwrap() {
                assert!(
                    end.is_none_or(|end| end == fragment.decode_time),
                    "{path} begins at {}, not {end:?}",
                    fragment.decode_time
                );
                end = Some(fragment.end());
                let lasts = fragment.duration as f64 / timescale;
                assert!((lasts - seconds).abs() < 0.001, "{path} lasts {lasts} s, the playlist says {seconds}");
            }
        }
        assert!(end.is_some(), "no parts in {}", playlist.text);
    }
}

fn check_recording(recording: &Recording) {
    recording.check_timeline(200).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("recording.mp4");
    recording.write(&file).unwrap();
    let probed = ffprobe::probe(&file.to_string_lossy()).unwrap();
    let stream = &probed["streams"][0];
    let codec = if recording.rendition.audio { "aac" } else { "h264" };
    assert_eq!(stream["codec_name"], codec, "{stream}");
    if recording.rendition.audio {
        let sound = ffprobe::decode_sound(&file).unwrap();
        let power = sound.iter().map(|sample| sample * sample).sum::<f32>() / sound.len().max(1) as f32;
        assert!(power > 1e-4, "the speaker's tone is not heard: mean square {power}");
    } else {
        for first in 0..recording.segments.len() {
            recording.write_from(&file, first).unwrap();
            let keyframes = ffprobe::keyframes(&file).unwrap();
            assert_eq!(keyframes.first(), Some(&true), "segment {first} of {}", recording.rendition.path);
        }
        let height = u64::from(recording.rendition.height);
        assert_eq!(stream["height"].as_u64(), Some(height), "{stream}");
        recording.write(&file).unwrap();
        // Half of what 25 frames a second would give: a busy machine may shed, but not that much.
        let pictures = ffprobe::packet_times(&file, "v:0").unwrap().len();
        assert!(pictures as f64 > recording.seconds().unwrap() * 12.0, "{pictures} pictures");
    }
}

/// Checks that the stored broadcast can be played from the store alone.
fn check_stored(server: &Server) {
    let stored = wait_for("segments in the data folder", 10, || {
        let files = files_below(&server.data());
        files.iter().any(|file| file.extension().is_some_and(|kind| kind == "m4s")).then_some(files)
    })
    .unwrap();
    let inits: Vec<&PathBuf> =
        stored.iter().filter(|file| file.extension().is_some_and(|kind| kind == "mp4")).collect();
    assert!(!inits.is_empty(), "{stored:?}");
    let folder = tempfile::tempdir().unwrap();
    for init in inits {
        let mut media = std::fs::read(init).unwrap();
        let beside = stored
            .iter()
            .filter(|file| file.parent() == init.parent() && file.extension().is_some_and(|kind| kind == "m4s"));
        let mut segments: Vec<&PathBuf> = beside.collect();
        segments.sort_by_key(|file| file.file_stem().and_then(|stem| stem.to_str()?.parse::<u64>().ok()));
        media.extend(segments.iter().flat_map(|file| std::fs::read(file).unwrap()));
        let file = folder.path().join("stored.mp4");
        std::fs::write(&file, media).unwrap();
        ffprobe::probe(&file.to_string_lossy())
            .unwrap_or_else(|e| panic!("{init:?} and {} segments: {e}", segments.len()));
    }
    for playlist in stored.iter().filter(|file| file.extension().is_some_and(|kind| kind == "m3u8")) {
        let text = std::fs::read(playlist).unwrap();
        assert!(
            m3u8_rs::parse_playlist_res(&text).is_ok(),
            "{}: {}",
            playlist.display(),
            String::from_utf8_lossy(&text)
        );
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![];
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { found.extend(files_below(&path)) } else { found.push(path) }
    }
    found
}
