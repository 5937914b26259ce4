use bytes::Bytes;
use packager::origin::{NotServed, ObjectKind, Served};

use super::*;
use crate::testing::Rig;

const PLAYLIST: &str = "/live/demo/k3f9a1/720p.m3u8?_HLS_msn=1";
const MEDIA: &str = "/live/demo/k3f9a1/720p/1.m4s";

fn served(kind: ObjectKind) -> Served {
    let gzip = (!is_media(kind)).then(|| Bytes::from_static(b"zipped"));
    Served { kind, body: Bytes::from_static(b"0123456789"), gzip }
}

#[tokio::test]
async fn every_route_of_the_origin_says_how_long_it_may_be_cached() {
    let refused = |error| (Err(error), "application/problem+json");
    let object = |kind, content_type| (Ok(served(kind)), content_type);
    let m3u8 = "application/vnd.apple.mpegurl";
    let table = [
        (object(ObjectKind::Multivariant, m3u8), 200, "public, max-age=5", "Accept-Encoding"),
        (object(ObjectKind::BlockingPlaylist, m3u8), 200, "public, max-age=12", "Accept-Encoding"),
        (object(ObjectKind::BarePlaylist, m3u8), 200, "public, max-age=1", "Accept-Encoding"),
        (object(ObjectKind::EndedPlaylist, m3u8), 200, "public, max-age=3600", "Accept-Encoding"),
        (object(ObjectKind::VideoMedia, "video/mp4"), 200, "public, max-age=31536000, immutable", ""),
        (object(ObjectKind::AudioMedia, "audio/mp4"), 200, "public, max-age=31536000, immutable", ""),
        (refused(NotServed::BadRequest("x".into())), 400, "public, max-age=1", ""),
        (refused(NotServed::NotFound), 404, "public, max-age=1", ""),
        (refused(NotServed::TimedOut), 503, "no-store", ""),
        (refused(NotServed::TooManyWaiting), 503, "no-store", ""),
    ];
    let rig = Rig::new().await;
    for ((answer, content_type), status, cache_control, vary) in table {
        rig.broadcast(Some(answer.clone()));
        for method in ["GET", "HEAD"] {
            let reply = rig.send(method, PLAYLIST, &[], "").await;
            assert_eq!((reply.status, reply.header("cache-control")), (status, cache_control), "{answer:?}");
            assert_eq!((reply.header("content-type"), reply.header("vary")), (content_type, vary), "{answer:?}");
            assert_eq!(reply.header("access-control-allow-origin"), "*");
            assert_eq!(reply.header("timing-allow-origin"), "*");
            for absent in ["set-cookie", "etag", "last-modified", "x-request-id"] {
                assert_eq!(reply.header(absent), "", "{absent}");
            }
            assert_eq!(reply.body.is_empty(), method == "HEAD");
        }
    }
}

#[tokio::test]
async fn a_room_without_a_broadcast_is_soon_asked_for_again() {
    let rig = Rig::new().await;
    for path in ["/live/demo/index.m3u8", "/live/nobody/index.m3u8", "/live/demo", "/live/x"] {
        let reply = rig.get(path, &[]).await;
        assert_eq!(reply.status, 404, "{path}");
    }
    assert_eq!(rig.get("/live/demo/index.m3u8", &[]).await.header("cache-control"), "public, max-age=1");
}

#[tokio::test]
async fn playlists_are_zipped_for_those_who_take_it_and_media_never() {
    let rig = Rig::new().await;
    rig.broadcast(Some(Ok(served(ObjectKind::BlockingPlaylist))));
    for (accepts, zipped) in [
        ("gzip", true),
        ("br, gzip;q=0.5", true),
        ("*", true),
        ("gzip;q=0", false),
        ("*;q=0", false),
        ("gzip;q=0, *", false),
        ("identity", false),
        ("br", false),
        ("", false),
    ] {
        let reply = rig.get(PLAYLIST, &[("accept-encoding", accepts)]).await;
        assert_eq!(reply.header("content-encoding") == "gzip", zipped, "{accepts:?}");
        assert_eq!(reply.body == "zipped", zipped, "{accepts:?}");
    }
    rig.broadcast(Some(Ok(served(ObjectKind::VideoMedia))));
    assert_eq!(rig.get(MEDIA, &[("accept-encoding", "gzip")]).await.header("content-encoding"), "");
}

#[tokio::test]
async fn media_come_in_ranges_and_playlists_whole() {
    let rig = Rig::new().await;
    rig.broadcast(Some(Ok(served(ObjectKind::VideoMedia))));
    let whole = rig.get(MEDIA, &[]).await;
    assert_eq!((whole.status, whole.header("accept-ranges"), whole.header("content-length")), (200, "bytes", "10"));

    let part = rig.get(MEDIA, &[("range", "bytes=2-4")]).await;
    assert_eq!((part.status, &part.body[..], part.header("content-range")), (206, &b"234"[..], "bytes 2-4/10"));
    assert_eq!(part.header("cache-control"), "public, max-age=31536000, immutable");

    let beyond = rig.get(MEDIA, &[("range", "bytes=10-")]).await;
    assert_eq!((beyond.status, beyond.header("content-range")), (416, "bytes */10"));
    assert_eq!(beyond.header("cache-control"), "public, max-age=1");

    let conditional = rig.get(MEDIA, &[("range", "bytes=2-4"), ("if-range", "\"x\"")]).await;
    assert_eq!(conditional.status, 200);

    rig.broadcast(Some(Ok(served(ObjectKind::BarePlaylist))));
    assert_eq!(rig.get(PLAYLIST, &[("range", "bytes=0-1")]).await.status, 200);
}

#[tokio::test]
async fn preflights_are_answered_and_other_methods_are_not() {
    let rig = Rig::new().await;
    let reply = rig.send("OPTIONS", MEDIA, &[("origin", "https://x")], "").await;
    assert_eq!((reply.status, reply.header("access-control-allow-headers")), (204, "Range"));
    let reply = rig.send("POST", MEDIA, &[], "").await;
    assert_eq!((reply.status, reply.header("cache-control")), (405, "no-store"));
    assert!(reply.header("allow").contains("GET"), "{}", reply.header("allow"));
}

#[tokio::test]
async fn a_request_that_waits_is_answered_when_the_server_closes() {
    let rig = Rig::new().await;
    rig.broadcast(None);
    let waiting = rig.get(PLAYLIST, &[]);
    let closing = async {
        tokio::task::yield_now().await;
        rig.lifecycle.close();
    };
    let (reply, ()) = tokio::join!(waiting, closing);
    assert_eq!((reply.status, reply.header("cache-control")), (503, "no-store"));
}
