use bytes::Bytes;
use packager::{Body, NotServed, ObjectKind, Served};
use rooms::Visibility;

use super::*;
use crate::testing::{Reply, Rig};

mod recordings;

const PLAYLIST: &str = "/live/demo/k3f9a1/720p.m3u8?_HLS_msn=1";
const MEDIA: &str = "/live/demo/k3f9a1/720p/1.m4s";

fn served(kind: ObjectKind) -> Served {
    let gzip = (!kind.is_media()).then(|| Bytes::from_static(b"zipped"));
    Served { kind, body: Body::Held(Bytes::from_static(b"0123456789")), gzip }
}

#[tokio::test]
async fn every_route_of_the_origin_says_how_long_it_may_be_cached() {
    let refused = |error| (Err(error), "application/problem+json");
    let object = |kind, content_type| (Ok(kind), content_type);
    let m3u8 = "application/vnd.apple.mpegurl";
    let table = [
        (object(ObjectKind::Multivariant, m3u8), 200, "public, max-age=5", "Accept-Encoding"),
        (object(ObjectKind::BlockingPlaylist, m3u8), 200, "public, max-age=12", "Accept-Encoding"),
        (object(ObjectKind::BarePlaylist, m3u8), 200, "public, max-age=1", "Accept-Encoding"),
        (object(ObjectKind::EndedPlaylist, m3u8), 200, "public, max-age=3600", "Accept-Encoding"),
        (object(ObjectKind::VideoMedia, "video/mp4"), 200, "public, max-age=31536000, immutable", ""),
        (object(ObjectKind::AudioMedia, "audio/mp4"), 200, "public, max-age=31536000, immutable", ""),
        (object(ObjectKind::RecordingMultivariant, m3u8), 200, "public, max-age=3600", "Accept-Encoding"),
        (object(ObjectKind::RecordingPlaylist, m3u8), 200, "public, max-age=3600", "Accept-Encoding"),
        (object(ObjectKind::UnfinishedPlaylist, m3u8), 200, "public, max-age=1", "Accept-Encoding"),
        (object(ObjectKind::RecordingVideo, "video/mp4"), 200, "public, max-age=31536000, immutable", ""),
        (object(ObjectKind::RecordingAudio, "audio/mp4"), 200, "public, max-age=31536000, immutable", ""),
        (refused(NotServed::BadRequest("x".into())), 400, "public, max-age=1", ""),
        (refused(NotServed::NotFound), 404, "public, max-age=1", ""),
        (refused(NotServed::TimedOut), 503, "no-store", ""),
        (refused(NotServed::TooManyWaiting), 503, "no-store", ""),
        (refused(NotServed::StoreDown), 503, "no-store", ""),
    ];
    let rig = Rig::new().await;
    for ((answer, content_type), status, cache_control, vary) in table {
        rig.broadcast(Some(answer.clone().map(served)));
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

#[test]
fn a_path_names_a_room_and_maybe_a_token_and_a_room_may_be_called_t() {
    let token = "A".repeat(TOKEN_CHARS_MIN);
    let with_token = format!("/live/t/{token}/demo/index.m3u8");
    let of_t = format!("/live/t/{token}/t/k3f9a1/720p.m3u8");
    let short = format!("/live/t/{}/demo/index.m3u8", "A".repeat(16));
    let short_path = format!("{}/demo/index.m3u8", "A".repeat(16));
    let token = Some(token.as_str());
    for (path, asked) in [
        ("/live/demo/index.m3u8", Some((None, "demo", "index.m3u8"))),
        ("/live/demo/k3f9a1/720p/1.m4s", Some((None, "demo", "k3f9a1/720p/1.m4s"))),
        ("/live/t/index.m3u8", Some((None, "t", "index.m3u8"))),
        ("/live/t/k3f9a1/720p/1.m4s", Some((None, "t", "k3f9a1/720p/1.m4s"))),
        (&with_token, Some((token, "demo", "index.m3u8"))),
        (&of_t, Some((token, "t", "k3f9a1/720p.m3u8"))),
        (&short, Some((None, "t", &short_path))),
        ("/live/demo", None),
        ("/live/", None),
        ("/", None),
    ] {
        let expected = asked.map(|(token, room, path)| Asked { token, room, path });
        assert_eq!(Asked::of(path), expected, "{path}");
    }
}

#[test]
fn what_was_broadcast_before_the_room_was_made_is_not_the_rooms() {
    // 1_000_000_000_000 and 1_000_000_000_001 in base 36.
    for (path, since) in [
        ("index.m3u8", true),
        ("cre66i9s/720p.m3u8", true),
        ("cre66i9t/720p/1.m4s", true),
        ("cre66i9r/720p/1.m4s", false),
        ("0/720p.m3u8", false),
        ("cre66i9s0000000000000/720p.m3u8", true),
        ("cre66i9rzzzzzzzzzzzzz/720p/1.m4s", false),
        ("not an epoch/x", true),
    ] {
        let key = ObjectKey::parse(path);
        assert_eq!(key.is_none_or(|key| is_since(key, 1_000_000_000_000)), since, "{path}");
    }
}

/// Status, all headers and body: what a stranger can tell answers apart by.
fn told(reply: &Reply) -> (u16, Vec<(String, String)>, String) {
    let headers = reply.headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    (reply.status, headers.collect(), String::from_utf8(reply.body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_private_room_answers_strangers_as_one_that_does_not_exist() {
    let rig = Rig::new().await;
    rig.broadcast(Some(Ok(served(ObjectKind::Multivariant))));
    rig.set(|room| room.visibility = Visibility::Private).await;
    let nothing = told(&rig.get("/live/nobody/index.m3u8", &[]).await);
    assert_eq!(nothing.0, 404);
    let good = rig.playback_token("demo", 0, None);
    let mut changed = good.clone();
    changed.replace_range(10..11, if changed.as_bytes()[10] == b'A' { "B" } else { "A" });
    let refused = [
        "/live/demo/index.m3u8".to_owned(),
        "/live/demo/k3f9a1/720p.m3u8?_HLS_msn=1".to_owned(),
        "/live/demo/nonsense".to_owned(),
        format!("/live/t/{changed}/demo/index.m3u8"),
        format!("/live/t/{good}/nobody/index.m3u8"),
        format!("/live/t/{}/demo/index.m3u8", rig.playback_token("other", 0, None)),
        format!("/live/t/{}/demo/index.m3u8", rig.playback_token("demo", 1, None)),
        format!("/live/t/{}/demo/index.m3u8", rig.playback_token("demo", 0, Some("192.0.2.0/24"))),
        format!("/live/t/{}/demo/index.m3u8", "A".repeat(TOKEN_CHARS_MIN)),
    ];
    for path in &refused {
        assert_eq!(told(&rig.get(path, &[]).await), nothing, "{path}");
    }
    let (name, bearer) = rig.bearer("demo", "publish subscribe admin create list");
    let by_header = rig.get("/live/demo/index.m3u8", &[(name, &bearer)]).await;
    assert_eq!(told(&by_header), nothing, "a cache would not look at the header");
    assert_eq!(rig.get(&format!("/live/t/{good}/demo/index.m3u8"), &[]).await.status, 200);

    rig.set(|room| room.visibility = Visibility::Unlisted).await;
    assert_eq!(rig.get("/live/demo/index.m3u8", &[]).await.status, 200);
    let path = format!("/live/t/{changed}/demo/index.m3u8");
    assert_eq!(told(&rig.get(&path, &[]).await), nothing, "a token that does not hold hides any room");
}

#[tokio::test]
async fn an_answer_to_a_token_is_kept_by_no_cache_that_would_give_it_to_others() {
    let rig = Rig::new().await;
    rig.set(|room| room.visibility = Visibility::Private).await;
    rig.broadcast(Some(Ok(served(ObjectKind::VideoMedia))));
    let seconds = |reply: &Reply, start: &str| {
        let value = reply.header("cache-control").to_owned();
        let seconds = value.strip_prefix(start).and_then(|rest| rest.strip_suffix(", immutable"));
        seconds.unwrap_or_else(|| panic!("{value}")).parse::<u32>().unwrap()
    };
    let token = rig.playback_token("demo", 0, None);
    let reply = rig.get(&format!("/live/t/{token}/demo/k3f9a1/720p/1.m4s"), &[]).await;
    assert!((55..=60).contains(&seconds(&reply, "public, max-age=")), "no longer than the token holds");

    let token = rig.playback_token("demo", 0, Some("192.0.2.0/24"));
    let path = format!("/live/t/{token}/demo/k3f9a1/720p/1.m4s");
    let reply = rig.get_from("192.0.2.7", None, &path).await;
    assert!((55..=60).contains(&seconds(&reply, "private, max-age=")));
    // This machine's proxies are trusted, others are not.
    for (address, forwarded_for, status) in [
        ("192.0.3.7", None, 404),
        ("127.0.0.1", Some("192.0.2.7"), 200),
        ("127.0.0.1", Some("192.0.2.7, 192.0.3.7"), 404),
        ("192.0.3.7", Some("192.0.2.7"), 404),
    ] {
        let reply = rig.get_from(address, forwarded_for, &path).await;
        assert_eq!(reply.status, status, "{address} {forwarded_for:?}");
    }
}

#[tokio::test]
async fn a_deleted_rooms_end_is_for_those_who_could_watch_it() {
    let rig = Rig::new().await;
    rig.set(|room| room.visibility = Visibility::Private).await;
    rig.broadcast(Some(Ok(served(ObjectKind::EndedPlaylist))));
    let token = rig.playback_token("demo", 0, None);
    rig.delete().await;
    assert_eq!(rig.get(&format!("/live/t/{token}/demo/index.m3u8"), &[]).await.status, 200);
    assert_eq!(rig.get("/live/demo/index.m3u8", &[]).await.status, 404);
}
