use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::throttle::{ThrottleConfig, ThrottledStore};
use object_store::{ObjectStoreExt as _, PutPayload};

use super::*;

async fn store() -> InMemory {
    let store = InMemory::new();
    let complete =
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXTINF:2,\n720p/0.m4s\n#EXT-X-ENDLIST\n";
    let broken_off = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n720p/0.m4s\n";
    for (path, text) in [
        ("main/aaaaaa/index.m3u8", "#EXTM3U\n"),
        ("main/aaaaaa/720p.m3u8", complete),
        ("main/aaaaaa/720p/0.m4s", "picture"),
        ("main/aaaaaa/audio/init-0.mp4", "sound"),
        ("main/bbbbbb/720p.m3u8", broken_off),
    ] {
        store.put(&path.into(), PutPayload::from_static(text.as_bytes())).await.unwrap();
    }
    store
}

fn recordings(store: impl ObjectStore) -> Recordings {
    Recordings::new(Arc::new(store), &Config { store_read_ms_max: 200, ..Config::default() })
}

async fn kind(recordings: &Recordings, path: &str, query: &str) -> Result<ObjectKind, NotServed> {
    let key = ObjectKey::parse(path).unwrap();
    recordings.get("main", key, Some(query)).await.map(|served| served.kind)
}

#[tokio::test]
async fn recording_is_served_by_key_and_unfinished_one_is_not_called_complete() {
    let recordings = recordings(store().await);
    for (path, query, expected) in [
        ("aaaaaa/index.m3u8", "", Ok(ObjectKind::RecordingMultivariant)),
        ("aaaaaa/720p.m3u8", "", Ok(ObjectKind::RecordingPlaylist)),
        ("aaaaaa/720p.m3u8", "_HLS_msn=99", Ok(ObjectKind::RecordingPlaylist)),
        ("aaaaaa/720p/0.m4s", "", Ok(ObjectKind::RecordingVideo)),
        ("aaaaaa/audio/init-0.mp4", "", Ok(ObjectKind::RecordingAudio)),
        ("bbbbbb/720p.m3u8", "", Ok(ObjectKind::UnfinishedPlaylist)),
        ("aaaaaa/720p/1.m4s", "", Err(NotServed::NotFound)),
        ("aaaaaa/720p/0.0.m4s", "", Err(NotServed::NotFound)),
        ("cccccc/720p.m3u8", "", Err(NotServed::NotFound)),
        ("index.m3u8", "", Err(NotServed::NotFound)),
    ] {
        assert_eq!(kind(&recordings, path, query).await, expected, "{path}?{query}");
    }
    let malformed = kind(&recordings, "aaaaaa/720p.m3u8", "_HLS_msn=x").await;
    assert!(matches!(malformed, Err(NotServed::BadRequest(_))), "{malformed:?}");
}

#[tokio::test]
async fn a_store_that_fails_is_not_taken_for_an_empty_one() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("main"), "a file where the room's folder should be").unwrap();
    let failing = recordings(LocalFileSystem::new_with_prefix(folder.path()).unwrap());
    for path in ["aaaaaa/720p.m3u8", "aaaaaa/720p/0.m4s", "aaaaaa/index.m3u8"] {
        assert_eq!(kind(&failing, path, "").await, Err(NotServed::StoreDown), "{path}");
    }
    std::fs::remove_file(folder.path().join("main")).unwrap();
    assert_eq!(kind(&failing, "aaaaaa/720p.m3u8", "").await, Err(NotServed::NotFound), "it answers again");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_in_time_is_down() {
    let slow = ThrottleConfig { wait_get_per_call: Duration::from_secs(9), ..ThrottleConfig::default() };
    let late = recordings(ThrottledStore::new(store().await, slow));
    let since = tokio::time::Instant::now();
    assert_eq!(kind(&late, "aaaaaa/720p.m3u8", "").await, Err(NotServed::StoreDown));
    assert_eq!(since.elapsed(), Duration::from_millis(200));
}
