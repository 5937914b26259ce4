//! A whole broadcast through the crate's public face: deliveries in, requests answered, a recording in the store.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use object_store::{ObjectStore, ObjectStoreExt as _, local::LocalFileSystem};
use packager::delivery::{AccessUnit, BroadcastSpec, CodecConfig, Delivery, MediaSpec, RenditionId, RenditionSpec};
use packager::{Body, Config, NotServed, ObjectKey, ObjectKind, Origin, Recordings, Running, Served};
use quick_m3u8::{HlsLine, Reader, config::ParsingOptionsBuilder};
use tokio::sync::mpsc;

fn spec() -> BroadcastSpec {
    let video = |name: &str| RenditionSpec {
        name: name.into(),
        media: MediaSpec::Video { width: 320, height: 180 },
        bits_per_second: 300_000,
    };
    BroadcastSpec {
        room: "main".into(),
        epoch: "k3f9a1".into(),
        renditions: vec![
            video("720p"),
            video("480p"),
            RenditionSpec { name: "audio".into(), media: MediaSpec::Audio { channels: 2 }, bits_per_second: 128_000 },
        ],
        segment_frames: 60,
        part_frames: 6,
        frames_per_second: 30,
    }
}

fn unit(rendition: usize, time: u64, duration: u32, keyframe: bool, data: Bytes) -> Delivery {
    let rendition = RenditionId(rendition);
    Delivery::Unit(AccessUnit { rendition, time, duration, keyframe, data, encoded_at: Instant::now() })
}

struct Rig {
    send: mpsc::Sender<Delivery>,
    running: Running,
    frame: u64,
}

impl Rig {
    async fn start(config: Config, store: Option<Arc<dyn ObjectStore>>) -> Self {
        let (send, receive) = mpsc::channel(64);
        let running = packager::start(spec(), config, store, receive);
        let avc = CodecConfig::Avc(Bytes::from_static(&[
            1, 0x64, 0, 0x1f, 0xff, 0xe1, 0, 4, 0x67, 0x64, 0, 0x1f, 1, 0, 2, 0x68, 0xee, 0xfd, 0xf8, 0xf8, 0,
        ]));
        send.send(Delivery::Clock { programme_zero_utc_ms: 1_700_000_000_000 }).await.unwrap();
        for (at, config) in
            [avc.clone(), avc, CodecConfig::Aac(Bytes::from_static(&[0x11, 0x90]))].into_iter().enumerate()
        {
            send.send(Delivery::Codec { rendition: RenditionId(at), config }).await.unwrap();
        }
        Self { send, running, frame: 0 }
    }

    fn origin(&self) -> &Origin {
        &self.running.origin
    }

    /// Plays `frames` video frames on the rungs given, with their audio, and lets the packager catch up.
    async fn play(&mut self, frames: u64, rungs: &[usize]) {
        for number in self.frame..self.frame + frames {
            for rung in rungs {
                let data = Bytes::from(vec![number as u8; 500]);
                self.send.send(unit(*rung, number * 3_000, 3_000, number % 60 == 0, data)).await.unwrap();
            }
            for aac in (number * 1_600).div_ceil(1_024)..((number + 1) * 1_600).div_ceil(1_024) {
                self.send.send(unit(2, aac * 1_024, 1_024, true, Bytes::from(vec![aac as u8; 90]))).await.unwrap();
            }
        }
        self.frame += frames;
        while self.send.capacity() < self.send.max_capacity() {
            tokio::task::yield_now().await;
        }
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }

    async fn text(&self, path: &str, query: &str) -> (ObjectKind, String) {
        let served =
            self.origin().get(path, Some(query)).await.unwrap_or_else(|error| panic!("{path}?{query}: {error}"));
        (served.kind, String::from_utf8(bytes(served.body).await.to_vec()).unwrap())
    }
}

/// The whole body, wherever it lies.
async fn bytes(body: Body) -> Bytes {
    let mut chunks = match body {
        Body::Held(bytes) => return bytes,
        Body::Stored(stored) => stored.read(),
    };
    let mut bytes = Vec::new();
    while let Some(chunk) = chunks.next().await {
        bytes.extend_from_slice(&chunk.unwrap());
    }
    bytes.into()
}

/// Every URI of a media playlist that must be fetchable, below `/live/{room}/`.
fn named(playlist: &str) -> Vec<String> {
    let mut uris = vec![];
    let mut gap = false;
    for line in playlist.lines() {
        if line == "#EXT-X-GAP" {
            gap = true;
        } else if !line.starts_with('#') && !line.is_empty() {
            if !std::mem::take(&mut gap) {
                uris.push(format!("k3f9a1/{line}"));
            }
        } else if (line.starts_with("#EXT-X-PART:") && !line.contains("GAP=YES")) || line.starts_with("#EXT-X-MAP") {
            uris.push(format!("k3f9a1/{}", line.split("URI=\"").nth(1).unwrap().split('"').next().unwrap()));
        }
    }
    uris
}

/// Both parsers read it, with no line that one of them does not know.
fn assert_parses(playlist: &str) {
    m3u8_rs::parse_media_playlist(playlist.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{playlist}"));
    let mut reader = Reader::from_str(playlist, ParsingOptionsBuilder::new().with_parsing_for_all_tags().build());
    while let Some(line) = reader.read_line().unwrap_or_else(|error| panic!("{error:?}\n{playlist}")) {
        assert!(!matches!(line, HlsLine::UnknownTag(_)), "{line:?}");
    }
}

/// The playlist that a player makes of a delta: the lines it holds for the skipped segments, then the delta's own.
fn apply_delta(old: &str, delta: &str) -> String {
    let number = |text: &str, tag: &str| -> Option<u64> {
        text.lines().find_map(|line| line.strip_prefix(tag)).map(|value| value.parse().unwrap())
    };
    let skipped = number(delta, "#EXT-X-SKIP:SKIPPED-SEGMENTS=").unwrap();
    let first = |text| number(text, "#EXT-X-MEDIA-SEQUENCE:").unwrap();
    let (head, rest) = delta.split_once(&format!("#EXT-X-SKIP:SKIPPED-SEGMENTS={skipped}\n")).unwrap();
    let old_body = old.split_once("#EXT-X-INDEPENDENT-SEGMENTS\n").unwrap().1;
    let mut segments: Vec<String> = vec![String::new()];
    let mut map = String::new();
    for line in old_body.lines() {
        if line.starts_with("#EXT-X-MAP") {
            map = format!("{line}\n");
            continue;
        }
        let segment = segments.last_mut().unwrap();
        if !line.starts_with("#EXT-X-PART:") {
            segment.push_str(&format!("{line}\n"));
        }
        if !line.starts_with('#') {
            segments.push(String::new());
        }
    }
    let from = (first(delta) - first(old)) as usize;
    format!("{head}{map}{}{rest}", segments[from..from + skipped as usize].concat())
}

#[tokio::test(start_paused = true)]
async fn playlists_name_only_what_can_be_fetched_and_parse_everywhere() {
    let mut rig = Rig::start(Config { playlist_seconds: 12, ..Config::default() }, None).await;
    assert_eq!(rig.origin().get("index.m3u8", None).await.unwrap_err(), NotServed::NotFound);
    let mut last_sequence = 0;
    for step in 0..40 {
        // The top rung is shed for a while.
        rig.play(33, if (10..16).contains(&step) { &[1] } else { &[0, 1] }).await;
        if step < 2 {
            continue;
        }
        for name in ["720p", "480p", "audio"] {
            let (kind, playlist) = rig.text(&format!("k3f9a1/{name}.m3u8"), "").await;
            assert_eq!(kind, ObjectKind::BarePlaylist);
            assert_parses(&playlist);
            for uri in named(&playlist) {
                let served =
                    rig.origin().get(&uri, None).await.unwrap_or_else(|error| panic!("{uri}: {error}\n{playlist}"));
                assert_eq!(served.kind == ObjectKind::AudioMedia, name == "audio");
            }
            assert_eq!(playlist.matches("#EXT-X-PRELOAD-HINT").count(), 1);
            assert_eq!(playlist.matches("#EXT-X-RENDITION-REPORT").count(), 2);
            let (_, parsed) = m3u8_rs::parse_media_playlist(playlist.as_bytes()).unwrap();
            if name == "audio" {
                assert!(parsed.media_sequence >= last_sequence);
                last_sequence = parsed.media_sequence;
            }
        }
    }
    assert!(last_sequence > 10);
    let (_, shed) = rig.text("k3f9a1/720p.m3u8", "").await;
    assert!(!shed.contains("GAP"), "it came back: {shed}");
}

#[tokio::test(start_paused = true)]
async fn a_shed_rung_is_not_offered_until_it_is_whole_again() {
    let mut rig = Rig::start(Config::default(), None).await;
    let mut listed = Vec::new();
    for step in 0..14 {
        rig.play(30, if (4..8).contains(&step) { &[1] } else { &[0, 1] }).await;
        let Ok(master) = rig.origin().get("index.m3u8", None).await else { continue };
        let text = String::from_utf8(bytes(master.body).await.to_vec()).unwrap();
        assert!(text.contains("480p.m3u8"), "{text}");
        listed.push(text.contains("720p.m3u8"));
    }
    assert_eq!(listed.first(), Some(&true));
    assert_eq!(listed.last(), Some(&true));
    assert!(listed.contains(&false), "{listed:?}");
}

/// The value of a tag's URI attribute, below `/live/{room}/`.
fn uri_of(playlist: &str, tag: &str) -> Option<String> {
    let line = playlist.lines().find(|line| line.starts_with(tag))?;
    Some(format!("k3f9a1/{}", line.split("URI=\"").nth(1)?.split('"').next()?))
}

/// The folder of the init segment that holds at the end of a playlist, and the folder of its preload hint.
fn hinted_from(playlist: &str) -> (String, String) {
    let folder = |uri: String| uri.split('/').nth(1).unwrap().to_owned();
    let maps: Vec<&str> = playlist.lines().filter(|line| line.starts_with("#EXT-X-MAP")).collect();
    let map = uri_of(maps.last().unwrap(), "#EXT-X-MAP").unwrap();
    (folder(map), folder(uri_of(playlist, "#EXT-X-PRELOAD-HINT").unwrap()))
}

#[tokio::test(start_paused = true)]
async fn rung_at_rest_stays_listed_and_names_the_lowest_rungs_media_until_it_wakes() {
    let mut rig = Rig::start(Config::default(), None).await;
    let rendition = RenditionId(0);
    let mut hinted = String::new();
    for part in 0..180_u64 {
        // It rests in segments 4 to 8, and again from 14 on.
        let rests = (40..90).contains(&part) || part >= 140;
        let rungs: &[usize] = if rests { &[1] } else { &[0, 1] };
        rig.play(5, rungs).await;
        let from = (part + 1) * 18_000;
        match part + 1 {
            40 | 140 => rig.send.send(Delivery::Rest { rendition, from }).await.unwrap(),
            90 => rig.send.send(Delivery::Wake { rendition, from }).await.unwrap(),
            _ => {}
        }
        rig.play(1, rungs).await;
        if part < 20 {
            continue;
        }
        let master = String::from_utf8(bytes(rig.origin().get("index.m3u8", None).await.unwrap().body).await.to_vec());
        assert!(master.unwrap().contains("720p.m3u8"));
        let (_, playlist) = rig.text("k3f9a1/720p.m3u8", "").await;
        let (_, lowest) = rig.text("k3f9a1/480p.m3u8", "").await;
        assert_parses(&playlist);
        for text in [&playlist, &lowest] {
            assert!(!text.contains("GAP") && !text.contains("#EXT-X-DISCONTINUITY"), "{text}");
        }
        let sequence = |text: &str| m3u8_rs::parse_media_playlist(text.as_bytes()).unwrap().1.media_sequence;
        assert_eq!(sequence(&playlist), sequence(&lowest), "rungs stay aligned");
        for uri in named(&playlist) {
            rig.origin().get(&uri, None).await.unwrap_or_else(|error| panic!("{uri}: {error}\n{playlist}"));
        }
        if !hinted.is_empty() {
            assert!(playlist.contains(hinted.strip_prefix("k3f9a1/").unwrap()), "{hinted} was hinted\n{playlist}");
        }
        hinted = uri_of(&playlist, "#EXT-X-PRELOAD-HINT").unwrap();
        let source = if (39..89).contains(&part) || part >= 139 { "480p" } else { "720p" };
        assert_eq!(hinted_from(&playlist), (source.into(), source.into()), "{part}\n{playlist}");
    }
    let (_, delta) = rig.text("k3f9a1/720p.m3u8", "_HLS_skip=YES").await;
    assert_parses(&delta);
    // Its first segment is of 720p, like those that it skips, and its last one is not.
    let after = delta.split_once("#EXT-X-SKIP:").unwrap().1.split_once('\n').unwrap().1;
    assert!(after.starts_with("#EXT-X-MAP:URI=\"720p/init-0.mp4\"\n"), "{delta}");
    assert_eq!(rig.origin().get("k3f9a1/720p/15.m4s", None).await.unwrap_err(), NotServed::NotFound);
    rig.send.send(Delivery::End).await.unwrap();
    let summary = (&mut rig.running.done).await.unwrap();
    assert_eq!((summary.gaps, summary.lent), (0, 90));
}

#[tokio::test(start_paused = true)]
async fn requests_for_a_rung_are_noted() {
    let mut rig = Rig::start(Config::default(), None).await;
    rig.play(180, &[0, 1]).await;
    assert_eq!(rig.origin().asked_at(), [None; 3]);
    rig.text("k3f9a1/480p.m3u8", "").await;
    tokio::time::timeout(Duration::from_millis(1), rig.origin().asked()).await.unwrap();
    assert!(rig.origin().asked_at()[1].is_some());
    rig.origin().get("k3f9a1/audio/1.0.m4s", None).await.unwrap();
    let _ = rig.origin().get("index.m3u8", None).await;
    let _ = rig.origin().get("zzzzzz/720p.m3u8", None).await;
    assert!(matches!(rig.origin().asked_at()[..], [None, Some(_), Some(_)]));
}

#[tokio::test(start_paused = true)]
async fn a_segment_is_its_parts_end_to_end() {
    let mut rig = Rig::start(Config::default(), None).await;
    rig.play(240, &[0, 1]).await;
    for name in ["720p", "audio"] {
        let whole = bytes(rig.origin().get(&format!("k3f9a1/{name}/2.m4s"), None).await.unwrap().body).await;
        let mut parts = vec![];
        for part in 0..10 {
            let part = rig.origin().get(&format!("k3f9a1/{name}/2.{part}.m4s"), None).await.unwrap();
            parts.extend(bytes(part.body).await);
        }
        assert_eq!(whole, parts);
    }
}

#[tokio::test(start_paused = true)]
async fn a_delta_on_the_older_playlist_is_the_full_one() {
    let mut rig = Rig::start(Config::default(), None).await;
    rig.play(60 * 11 + 12, &[0, 1]).await;
    for _ in 0..40 {
        let (_, old) = rig.text("k3f9a1/720p.m3u8", "").await;
        rig.play(6, &[0, 1]).await;
        let (_, full) = rig.text("k3f9a1/720p.m3u8", "").await;
        let (_, delta) = rig.text("k3f9a1/720p.m3u8", "_HLS_skip=YES").await;
        assert_parses(&delta);
        assert!(delta.len() < full.len());
        assert_eq!(apply_delta(&old, &delta), full);
    }
}

#[tokio::test(start_paused = true)]
async fn blocked_playlist_and_hinted_part_are_answered_once_the_part_is_there() {
    let mut rig = Rig::start(Config::default(), None).await;
    rig.play(180, &[0, 1]).await;
    let ask = |path: &'static str, query: &'static str| {
        let origin = rig.origin().clone();
        tokio::spawn(async move { origin.get(path, Some(query)).await })
    };
    let playlist = ask("k3f9a1/720p.m3u8", "_HLS_msn=3&_HLS_part=0");
    let whole = ask("k3f9a1/720p.m3u8", "_HLS_msn=3");
    let hinted = ask("k3f9a1/720p/3.0.m4s", "");
    let beyond = ask("k3f9a1/720p/3.1.m4s", "");
    rig.play(5, &[0, 1]).await;
    assert!(!playlist.is_finished() && !hinted.is_finished());
    assert_eq!(beyond.await.unwrap().unwrap_err(), NotServed::NotFound);
    assert_eq!(rig.origin().waiting_requests(), 3);
    rig.play(1, &[0, 1]).await;
    let served = playlist.await.unwrap().unwrap();
    assert_eq!(served.kind, ObjectKind::BlockingPlaylist);
    assert!(std::str::from_utf8(&bytes(served.body).await).unwrap().contains("720p/3.0.m4s"));
    assert!(!bytes(hinted.await.unwrap().unwrap().body).await.is_empty());
    assert!(!whole.is_finished());
    rig.play(54, &[0, 1]).await;
    assert!(whole.await.unwrap().is_ok());
    assert_eq!(rig.origin().waiting_requests(), 0);
}

#[tokio::test(start_paused = true)]
async fn malformed_unknown_and_late_requests_get_the_refusal_of_the_protocol() {
    let mut rig = Rig::start(Config { waiting_requests_max: 1, ..Config::default() }, None).await;
    rig.play(180, &[0, 1]).await;
    for query in ["_HLS_part=1", "_HLS_msn=5", "_HLS_msn=x", "_HLS_msn=4&_HLS_part=9"] {
        let refused = rig.origin().get("k3f9a1/720p.m3u8", Some(query)).await.unwrap_err();
        assert!(matches!(refused, NotServed::BadRequest(_)), "{query}: {refused}");
    }
    for path in ["zzzzzz/720p.m3u8", "k3f9a1/999p.m3u8", "k3f9a1/720p/9.m4s", "k3f9a1/720p/init-7.mp4"] {
        assert_eq!(rig.origin().get(path, None).await.unwrap_err(), NotServed::NotFound, "{path}");
    }
    let origin = rig.origin().clone();
    let since = tokio::time::Instant::now();
    let held = tokio::spawn(async move { origin.get("k3f9a1/720p.m3u8", Some("_HLS_msn=3")).await });
    tokio::task::yield_now().await;
    let second = rig.origin().get("k3f9a1/720p.m3u8", Some("_HLS_msn=3")).await;
    assert_eq!(second.unwrap_err(), NotServed::TooManyWaiting);
    assert_eq!(held.await.unwrap().unwrap_err(), NotServed::TimedOut);
    assert_eq!(since.elapsed(), Duration::from_secs(6));
    assert_eq!(rig.origin().waiting_requests(), 0);
}

#[tokio::test]
async fn the_recording_is_a_valid_vod_and_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let store: Arc<dyn ObjectStore> = Arc::new(LocalFileSystem::new_with_prefix(folder.path()).unwrap());
    let mut rig = Rig::start(Config { playlist_seconds: 12, ..Config::default() }, Some(store.clone())).await;
    rig.play(60 * 30 + 15, &[0, 1]).await;
    rig.send.send(Delivery::End).await.unwrap();
    let origin = rig.origin().clone();
    let summary = (&mut rig.running.done).await.unwrap();
    assert_eq!((summary.store_failed, summary.gaps), (0, 0));
    assert!(origin.has_ended() && !origin.is_live());
    for name in ["720p", "480p", "audio"] {
        let (kind, playlist) = rig.text(&format!("k3f9a1/{name}.m3u8"), "").await;
        assert_eq!(kind, ObjectKind::EndedPlaylist);
        assert!(playlist.ends_with("#EXT-X-ENDLIST\n") && playlist.contains("PLAYLIST-TYPE:VOD"));
        assert_parses(&playlist);
        let uris = named(&playlist);
        assert_eq!(uris.len(), 32, "31 segments and a map");
        for uri in uris {
            assert!(origin.get(&uri, None).await.is_ok(), "{uri}");
            assert!(store.head(&format!("main/{uri}").into()).await.is_ok(), "{uri}");
        }
        let (_, live) = rig.text(&format!("k3f9a1/{name}.m3u8"), "_HLS_msn=99").await;
        assert!(
            live.ends_with("#EXT-X-ENDLIST\n") || live.contains("#EXT-X-ENDLIST\n#EXT-X-RENDITION-REPORT"),
            "{live}"
        );
        assert!(!live.contains("PRELOAD-HINT"));
    }
    // A later process, in which the room has no broadcast, serves it from the store.
    let later = Recordings::new(store, &Config::default());
    let get = async |path| later.get("main", ObjectKey::parse(path).unwrap(), None).await;
    let served: Served = get("k3f9a1/720p.m3u8").await.unwrap();
    assert_eq!(served.kind, ObjectKind::RecordingPlaylist);
    let (_, held) = rig.text("k3f9a1/720p.m3u8", "").await;
    assert_eq!(bytes(served.body).await, held);
    assert_eq!(get("k3f9a1/720p/0.m4s").await.unwrap().kind, ObjectKind::RecordingVideo);
    assert_eq!(get("k3f9a1/index.m3u8").await.unwrap().kind, ObjectKind::RecordingMultivariant);
    assert_eq!(get("k3f9a1/720p/0.0.m4s").await.unwrap_err(), NotServed::NotFound);
    assert_eq!(get("k3f9b2/720p.m3u8").await.unwrap_err(), NotServed::NotFound);
}

#[tokio::test(start_paused = true)]
async fn failing_store_leaves_the_live_broadcast_whole() {
    let folder = tempfile::tempdir().unwrap();
    let store: Arc<dyn ObjectStore> = Arc::new(LocalFileSystem::new_with_prefix(folder.path()).unwrap());
    // The room's folder cannot be made: a file stands there.
    std::fs::write(folder.path().join("main"), b"").unwrap();
    let config = Config { store_queue_max: 8, store_finish_ms_max: 1_000, ..Config::default() };
    let mut rig = Rig::start(config, Some(store)).await;
    rig.play(60 * 20, &[0, 1]).await;
    let (_, playlist) = rig.text("k3f9a1/720p.m3u8", "").await;
    assert!(playlist.contains("720p/19.m4s"));
    rig.send.send(Delivery::End).await.unwrap();
    let summary = (&mut rig.running.done).await.unwrap();
    assert_eq!(summary.stored, 0);
    assert_eq!((summary.segments, summary.store_failed, summary.gaps), (60, 63, 0));
}

#[tokio::test]
async fn an_impossible_spec_ends_at_once() {
    let (_send, receive) = mpsc::channel(1);
    let running = packager::start(BroadcastSpec { part_frames: 7, ..spec() }, Config::default(), None, receive);
    assert!(running.done.await.unwrap().refused.is_some());
    assert!(running.origin.has_ended());
}
