use std::sync::Arc;

use http_body_util::BodyExt as _;
use packager::{Body as ObjectBody, Config, ObjectKey, Recordings};

use super::*;

const UNREAD_MAX: Duration = Duration::from_secs(60);
const OBJECT_BYTES: usize = 1 << 20;

/// The body of a stored object of one mebibyte.
async fn body(folder: &tempfile::TempDir) -> StoredBody {
    let path = folder.path().join("demo/k3f9a1/720p/1.m4s");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, vec![7; OBJECT_BYTES]).unwrap();
    let store = object_store::local::LocalFileSystem::new_with_prefix(folder.path()).unwrap();
    let recordings = Recordings::new(Arc::new(store), &Config::default());
    let served = recordings.get("demo", ObjectKey::parse("k3f9a1/720p/1.m4s").unwrap(), None).await.unwrap();
    let ObjectBody::Stored(stored) = served.body else { panic!("{served:?}") };
    StoredBody::new(stored.read(), UNREAD_MAX)
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_slowly_gets_the_whole_object() {
    let folder = tempfile::tempdir().unwrap();
    let mut body = body(&folder).await;
    assert_eq!(body.size_hint().exact(), Some(OBJECT_BYTES as u64));
    let mut got_bytes = 0;
    while let Some(frame) = body.frame().await {
        got_bytes += frame.unwrap().into_data().unwrap().len();
        tokio::time::sleep(UNREAD_MAX / 2).await;
    }
    assert_eq!(got_bytes, OBJECT_BYTES);
    assert!(body.is_end_stream());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_cut_off_and_little_was_read_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut body = body(&folder).await;
    let first_bytes = body.frame().await.unwrap().unwrap().into_data().unwrap().len();
    tokio::time::sleep(UNREAD_MAX + Duration::from_secs(1)).await;
    let State::Reading { _task: task, .. } = &mut body.state else { panic!("it was read from") };
    assert!(task.try_join_next().is_some(), "the store is let go of");
    let mut got_bytes = first_bytes;
    let broken_off = loop {
        match body.frame().await.unwrap() {
            Ok(frame) => got_bytes += frame.into_data().unwrap().len(),
            Err(error) => break error,
        }
    };
    assert!(matches!(broken_off, BrokenOff::Unread), "{broken_off}");
    assert!(got_bytes <= 2 * first_bytes, "{got_bytes} bytes");
}

#[tokio::test]
async fn a_body_that_nobody_asks_for_reads_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let body = body(&folder).await;
    assert!(matches!(body.state, State::Unread { chunks: Some(_), .. }));
}
