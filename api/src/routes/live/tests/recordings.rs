//! Earlier broadcasts of a room, from the store.

use rooms::{Room, RoomSettings};

use super::*;

const VOD: &[u8] = b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-ENDLIST\n";

/// A broadcast of `demo` that is over.
async fn recorded() -> Rig {
    let rig = Rig::new().await;
    rig.store("demo/cre66i9s/720p.m3u8", VOD);
    rig.store("demo/cre66i9s/720p/1.m4s", b"0123456789");
    rig
}

#[tokio::test]
async fn a_past_broadcast_is_served_with_or_without_a_running_one() {
    let rig = recorded().await;
    for is_on_the_air in [false, true] {
        if is_on_the_air {
            rig.broadcast(Some(Err(NotServed::TimedOut)));
        }
        let playlist = rig.get("/live/demo/cre66i9s/720p.m3u8", &[]).await;
        assert_eq!((playlist.status, &playlist.body[..]), (200, VOD), "{is_on_the_air}");
        assert_eq!(playlist.header("content-type"), "application/vnd.apple.mpegurl");
        assert_eq!(playlist.header("cache-control"), "public, max-age=3600");
        let segment = rig.get("/live/demo/cre66i9s/720p/1.m4s", &[]).await;
        assert_eq!(
            (segment.status, &segment.body[..], segment.header("content-length")),
            (200, &b"0123456789"[..], "10")
        );
        assert_eq!(segment.header("cache-control"), "public, max-age=31536000, immutable");
        let head = rig.send("HEAD", "/live/demo/cre66i9s/720p/1.m4s", &[], "").await;
        assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, "10", 0));
    }
    // The running broadcast answers for itself.
    assert_eq!(rig.get(MEDIA, &[]).await.status, 503);
}

#[tokio::test]
async fn stored_media_come_in_ranges() {
    let rig = recorded().await;
    for (range, status, content_range, body) in [
        ("bytes=2-4", 206, "bytes 2-4/10", "234"),
        ("bytes=-3", 206, "bytes 7-9/10", "789"),
        ("bytes=0-", 206, "bytes 0-9/10", "0123456789"),
        ("bytes=1-2,4-5", 200, "", "0123456789"),
    ] {
        let reply = rig.get("/live/demo/cre66i9s/720p/1.m4s", &[("range", range)]).await;
        let told = (reply.status, reply.header("content-range"), std::str::from_utf8(&reply.body).unwrap());
        assert_eq!(told, (status, content_range, body), "{range}");
    }
    let beyond = rig.get("/live/demo/cre66i9s/720p/1.m4s", &[("range", "bytes=10-")]).await;
    assert_eq!((beyond.status, beyond.header("content-range")), (416, "bytes */10"));
}

#[tokio::test]
async fn a_store_that_is_down_is_not_a_missing_object() {
    let rig = recorded().await;
    rig.store("down", b"a file where the room's folder should be");
    let down = Room::new("down".parse().unwrap(), 0, RoomSettings::REST);
    rig.rooms.create(down, 9).await.unwrap();
    for path in ["/live/down/cre66i9s/720p.m3u8", "/live/down/cre66i9s/720p/1.m4s"] {
        let reply = rig.get(path, &[]).await;
        assert_eq!((reply.status, reply.header("cache-control"), reply.header("retry-after")), (503, "no-store", "5"));
        assert_eq!(reply.json()["type"], "urn:spillway:problem:store-down");
    }
    for path in ["/live/demo/cre66i9s/720p/2.m4s", "/live/demo/cre66i9t/720p.m3u8", "/live/demo/cre66i9s/720p/1.0.m4s"]
    {
        let reply = rig.get(path, &[]).await;
        assert_eq!((reply.status, reply.header("cache-control")), (404, "public, max-age=1"), "{path}");
    }
    let malformed = rig.get("/live/demo/cre66i9s/720p.m3u8?_HLS_msn=x", &[]).await;
    assert_eq!(malformed.status, 400);
}

#[tokio::test]
async fn a_private_rooms_past_broadcasts_are_for_those_who_may_watch_it() {
    let rig = recorded().await;
    rig.set(|room| room.visibility = Visibility::Private).await;
    let nothing = told(&rig.get("/live/nobody/cre66i9s/720p.m3u8", &[]).await);
    for path in ["/live/demo/cre66i9s/720p.m3u8", "/live/demo/cre66i9s/720p/1.m4s", "/live/demo/nonsense"] {
        assert_eq!(told(&rig.get(path, &[]).await), nothing, "{path}");
    }
    let token = rig.playback_token("demo", 0, None);
    let reply = rig.get(&format!("/live/t/{token}/demo/cre66i9s/720p/1.m4s"), &[]).await;
    assert_eq!(reply.status, 200);
    assert!(reply.header("cache-control").ends_with(", immutable") && reply.header("cache-control").len() < 40);
    let old = rig.playback_token("demo", 1, None);
    assert_eq!(told(&rig.get(&format!("/live/t/{old}/demo/cre66i9s/720p.m3u8"), &[]).await), nothing);
}

#[tokio::test]
async fn a_room_made_again_does_not_inherit_the_recordings_of_its_name() {
    let rig = recorded().await;
    rig.delete().await;
    assert_eq!(rig.get("/live/demo/cre66i9s/720p.m3u8", &[]).await.status, 404, "there is no room");
    // The recording began at 1_000_000_000_000.
    let made = |created_at_utc_ms| Room::new("demo".parse().unwrap(), created_at_utc_ms, RoomSettings::REST);
    rig.rooms.create(made(1_000_000_000_001), 9).await.unwrap();
    for path in ["/live/demo/cre66i9s/720p.m3u8", "/live/demo/cre66i9s/720p/1.m4s"] {
        assert_eq!(rig.get(path, &[]).await.status, 404, "{path}");
    }
    let token = rig.playback_token("demo", 0, None);
    assert_eq!(rig.get(&format!("/live/t/{token}/demo/cre66i9s/720p.m3u8"), &[]).await.status, 404, "of the old room");
    rig.delete().await;
    rig.rooms.create(made(1_000_000_000_000), 9).await.unwrap();
    assert_eq!(rig.get("/live/demo/cre66i9s/720p.m3u8", &[]).await.status, 200, "its own");
}

#[tokio::test]
async fn a_client_that_reads_nothing_of_a_stored_object_is_cut_off() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    const OBJECT_BYTES: usize = 64 << 20;
    const UNREAD_MAX_MS: u32 = 300;
    let config = crate::Config {
        http: ([127, 0, 0, 1], 0).into(),
        write_stall_timeout_ms: UNREAD_MAX_MS,
        ..crate::Config::default()
    };
    let rig = Rig::with(config.clone(), false).await;
    rig.store("demo/cre66i9s/720p/1.m4s", &vec![7; OBJECT_BYTES]);
    let server = crate::server::Server::bind(&config).await.unwrap();
    let address = server.http_address();
    let serving =
        tokio::spawn(server.serve(rig.router.clone(), rig.lifecycle.clone(), std::time::Duration::from_secs(1)));
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    socket.write_all(b"GET /live/demo/cre66i9s/720p/1.m4s HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    // More than what the sockets' buffers hold would have to be read for the rest to be sent.
    tokio::time::sleep(std::time::Duration::from_millis(u64::from(UNREAD_MAX_MS) * 4)).await;
    let mut got = Vec::new();
    let _ = tokio::time::timeout(std::time::Duration::from_secs(10), socket.read_to_end(&mut got)).await.unwrap();
    assert!(got.starts_with(b"HTTP/1.1 200"));
    assert!((1..OBJECT_BYTES / 2).contains(&got.len()), "{} bytes", got.len());
    serving.abort();
}
