//! A broadcast that has ended, in virtual time.

use object_store::ObjectStore;
use object_store::memory::InMemory;
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::*;
use crate::delivery::Delivery;
use crate::testing::{AUDIO, V0, aac, asc, avc, frame, spec};
use crate::{NotServed, ObjectKind, Origin, start};

/// Shorter than twice the 30 s that a playlist lists by default.
const WHILE_PLAYERS_FINISH: Duration = Duration::from_secs(59);

/// Plays `segments` whole segments of all renditions and ends.
async fn ended(store: Option<Arc<dyn ObjectStore>>, segments: u64) -> Origin {
    let (send, receive) = mpsc::channel(64);
    let running = start(spec(), Config::default(), store, receive);
    let rungs = [V0, crate::delivery::RenditionId(1)];
    let codecs = rungs.map(|rendition| Delivery::Codec { rendition, config: avc(1) });
    for codec in codecs.into_iter().chain([Delivery::Codec { rendition: AUDIO, config: asc() }]) {
        send.send(codec).await.unwrap();
    }
    for number in 0..segments * 60 {
        for rendition in rungs {
            send.send(Delivery::Unit(frame(rendition, number))).await.unwrap();
        }
        for number in (number * 1_600).div_ceil(1_024)..((number + 1) * 1_600).div_ceil(1_024) {
            send.send(Delivery::Unit(aac(number))).await.unwrap();
        }
    }
    send.send(Delivery::End).await.unwrap();
    running.done.await.unwrap();
    running.origin
}

async fn kind(origin: &Origin, path: &str, query: &str) -> Result<ObjectKind, NotServed> {
    origin.get(path, Some(query)).await.map(|served| served.kind)
}

fn bytes_in_memory(origin: &Origin) -> usize {
    let segments = |state: &crate::live::shared::RenditionState| {
        state.read().listed().filter_map(|segment| segment.bytes.as_ref()).map(bytes::Bytes::len).sum::<usize>()
    };
    origin.shared.renditions.iter().map(segments).sum()
}

#[tokio::test(start_paused = true)]
async fn recorded_broadcast_is_served_from_the_store_after_release() {
    let origin = ended(Some(Arc::new(InMemory::new())), 20).await;
    sleep(WHILE_PLAYERS_FINISH).await;
    assert_eq!(kind(&origin, "k3f9a1/720p/19.m4s", "").await, Ok(ObjectKind::VideoMedia));
    assert_eq!(kind(&origin, "k3f9a1/720p/19.9.m4s", "").await, Ok(ObjectKind::VideoMedia), "still named");
    assert!(bytes_in_memory(&origin) > 0);

    sleep(Duration::from_secs(2)).await;
    assert_eq!(bytes_in_memory(&origin), 0);
    for (path, query, expected) in [
        ("index.m3u8", "", ObjectKind::Multivariant),
        ("k3f9a1/720p.m3u8", "", ObjectKind::RecordingPlaylist),
        ("k3f9a1/720p.m3u8", "_HLS_msn=20", ObjectKind::EndedPlaylist),
        ("k3f9a1/720p/0.m4s", "", ObjectKind::RecordingVideo),
        ("k3f9a1/720p/19.m4s", "", ObjectKind::RecordingVideo),
        ("k3f9a1/audio/init-0.mp4", "", ObjectKind::RecordingAudio),
    ] {
        assert_eq!(kind(&origin, path, query).await, Ok(expected), "{path}?{query}");
    }
    let window = origin.get("k3f9a1/720p.m3u8", Some("_HLS_msn=20")).await.unwrap();
    let crate::Body::Held(text) = window.body else { panic!("{window:?}") };
    let text = std::str::from_utf8(&text).unwrap();
    assert!(text.contains("720p/19.m4s") && text.contains("#EXT-X-ENDLIST"), "{text}");
    assert!(!text.contains("#EXT-X-PART:"), "no playlist names what cannot be fetched: {text}");
}

#[tokio::test(start_paused = true)]
async fn unrecorded_broadcast_is_gone_after_release() {
    let origin = ended(None, 20).await;
    sleep(WHILE_PLAYERS_FINISH).await;
    let paths = ["index.m3u8", "k3f9a1/720p.m3u8", "k3f9a1/720p/19.m4s", "k3f9a1/audio/init-0.mp4"];
    for path in paths {
        assert!(kind(&origin, path, "").await.is_ok(), "{path}");
    }
    sleep(Duration::from_secs(2)).await;
    assert_eq!(bytes_in_memory(&origin), 0);
    for path in paths {
        assert_eq!(kind(&origin, path, "").await, Err(NotServed::NotFound), "{path}");
    }
    assert!(origin.has_ended() && !origin.is_live());
}

#[tokio::test(start_paused = true)]
async fn playlist_with_lost_uploads_is_gone_after_release() {
    let folder = tempfile::tempdir().unwrap();
    let store = object_store::local::LocalFileSystem::new_with_prefix(folder.path()).unwrap();
    std::fs::write(folder.path().join("main"), "a file where the room's folder should be").unwrap();
    let origin = ended(Some(Arc::new(store)), 20).await;
    sleep(WHILE_PLAYERS_FINISH + Duration::from_secs(2)).await;
    let playlist = origin.get("k3f9a1/720p.m3u8", Some("_HLS_msn=20")).await.unwrap();
    let crate::Body::Held(text) = playlist.body else { panic!("{playlist:?}") };
    assert_eq!(std::str::from_utf8(&text).unwrap().matches("#EXT-X-GAP").count(), 20, "the recording's, all gaps");
    assert_eq!(kind(&origin, "k3f9a1/720p/19.m4s", "").await, Err(NotServed::StoreDown));
}

#[tokio::test(start_paused = true)]
async fn ended_playlists_refuse_malformed_directives() {
    let origin = ended(None, 4).await;
    for query in ["_HLS_msn=x", "_HLS_part=1", "_HLS_skip=no", "_HLS_msn=1&_HLS_msn=1"] {
        let refused = kind(&origin, "k3f9a1/720p.m3u8", query).await;
        assert!(matches!(refused, Err(NotServed::BadRequest(_))), "{query}: {refused:?}");
    }
    assert_eq!(kind(&origin, "k3f9a1/720p.m3u8", "_HLS_msn=99&_HLS_skip=YES").await, Ok(ObjectKind::EndedPlaylist));
}
