use rooms::Visibility;
use serde_json::json;

use super::*;
use crate::Config;
use crate::testing::{Reply, Rig};

const PATH: &str = "/v1/cmcd";
const CMCD: (&str, &str) = ("content-type", "application/cmcd");
/// As hls.js 1.7.4 sent it in Chromium, with `@svta/cml-cmcd` 2.
const HLS_JS: &str = include_str!("hls_js.cmcd");

async fn report(rig: &Rig, body: &str) -> u16 {
    rig.send("POST", PATH, &[CMCD], body).await.status
}

async fn presence(rig: &Rig) -> serde_json::Value {
    rig.get("/v1/rooms/demo", &[]).await.json()["presence"].clone()
}

async fn metric(rig: &Rig, series: &str) -> Option<String> {
    let text = String::from_utf8(rig.get("/metrics", &[]).await.body.to_vec()).unwrap();
    let value = |line: &str| line.strip_prefix(series).map(|value| value.trim().to_owned());
    text.lines().find_map(value)
}

#[tokio::test]
async fn player_is_counted_apart_until_it_leaves_and_one_of_an_events_socket_by_its_socket_alone() {
    let rig = Rig::new().await;
    let known = rig.parts.players.session_id(OfRoom { name: "demo", created_at_utc_ms: 0 });
    for session in ["a", "b", &known] {
        let reply =
            rig.send("POST", PATH, &[CMCD], &format!("cid=\"demo\",e=ps,sid=\"{session}\",sta=p,ts=1,v=2")).await;
        assert_eq!((reply.status, reply.body.len(), reply.header("access-control-allow-origin")), (204, 0, "*"));
    }
    assert_eq!(presence(&rig).await["unverified"], 2);
    assert_eq!(presence(&rig).await["total"], 0, "reports are nobody's presence");
    let playing = |verified| format!("spillway_players{{room=\"demo\",verified=\"{verified}\",state=\"playing\"}}");
    assert_eq!(metric(&rig, &playing(true)).await.as_deref(), Some("1"));
    assert_eq!(metric(&rig, &playing(false)).await.as_deref(), Some("2"));
    assert_eq!(report(&rig, "cid=\"demo\",e=ps,sid=\"a\",sta=q,ts=2,v=2").await, 204);
    assert_eq!(presence(&rig).await["unverified"], 1);
}

#[tokio::test]
async fn real_reports_of_hls_js_are_counted() {
    let rig = Rig::new().await;
    for body in HLS_JS.split("\n\n") {
        assert_eq!(rig.send("POST", PATH, &[CMCD], body).await.status, 204, "{body}");
    }
    let series = |name: &str| format!("spillway_players{name}{{room=\"demo\",verified=\"false\"");
    assert_eq!(metric(&rig, &format!("{}}}", series("_sessions_total"))).await.as_deref(), Some("1"));
    assert_eq!(metric(&rig, &format!("{},state=\"playing\"}}", series(""))).await.as_deref(), Some("1"));
    for (name, expected) in [
        ("_startup_seconds_sum", "0.494"),
        // The first picture, and three intervals.
        ("_bits_per_second_count", "4"),
        ("_bits_per_second_sum", "11515000"),
        // It stalled, sought the live edge, and stalled again.
        ("_stalls_total", "2"),
        ("_stalled_seconds_total", "0.147"),
        ("_errors_total", "0"),
    ] {
        assert_eq!(metric(&rig, &format!("{}}}", series(name))).await.as_deref(), Some(expected), "{name}");
    }
}

#[tokio::test]
async fn nonsense_is_a_problem_and_what_the_standard_passes_over_is_not() {
    let rig = Rig::new().await;
    let good = "cid=\"demo\",sid=\"a\",v=2";
    for (body, status) in [
        ("", 400),
        ("\n \n", 400),
        ("{\"cid\":\"demo\"}", 400),
        ("CMCD=cid%3D%22demo%22", 400),
        (&format!("{good}\nsid=\"b"), 400),
        (&format!("{good}\n").repeat(101), 400),
        (&format!("{good},x=\"{}\"", "x".repeat(8 * 1024)), 400),
        (&"x".repeat(64 * 1024 + 1), 413),
        (good, 204),
        (&format!("  {good}\r\n\r\n"), 204),
        // Without a session, of a later version, of values of other types.
        ("e=t,ts=1764752400000,v=2", 204),
        ("cid=\"demo\",sid=\"b\",v=3", 204),
        ("cid=\"demo\",sid=\"c\",sta=\"p\",br=x,ts=now,msd=-5", 204),
    ] {
        let reply = rig.send("POST", PATH, &[CMCD], body).await;
        assert_eq!(reply.status, status, "{}", &body[..body.len().min(80)]);
    }
    assert_eq!(presence(&rig).await["unverified"], 2, "a, which came twice, and c");
    assert_eq!(rig.send_raw("POST", PATH, &[CMCD], vec![b'a', b'=', b'"', 0xff, b'"']).await.status, 400);
    for (content_type, status) in [
        ("text/plain;charset=UTF-8", 204),
        ("Text/CMCD", 204),
        ("application/json", 415),
        ("application/x-www-form-urlencoded", 415),
    ] {
        assert_eq!(
            rig.send("POST", PATH, &[("content-type", content_type)], good).await.status,
            status,
            "{content_type}"
        );
    }
    assert_eq!(rig.send("POST", PATH, &[], good).await.status, 415);
}

#[tokio::test]
async fn flood_from_one_address_waits_and_others_do_not() {
    let rig = Rig::with(Config { reports_per_address_second_max: 2, ..Config::default() }, false).await;
    let body = |count: usize| "cid=\"demo\",sid=\"a\",e=t\n".repeat(count);
    let post = async |address: &str, count: usize| rig.post_from(address, PATH, "application/cmcd", &body(count)).await;
    // Twenty at once after a rest; each line is a report.
    assert_eq!([post("192.0.2.1", 15).await.status, post("192.0.2.1", 5).await.status], [204, 204]);
    let refused = post("192.0.2.1", 1).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, "1"));
    assert_eq!(refused.json()["type"], "urn:spillway:problem:too-many-reports");
    assert_eq!(post("192.0.2.2", 20).await.status, 204);
    assert_eq!(post("192.0.2.3", 21).await.status, 429, "one body is not taken in part");
    // A body of nonsense counts as well.
    for expected in [400; 20].into_iter().chain([429]) {
        assert_eq!(rig.post_from("192.0.2.4", PATH, "application/cmcd", "{").await.status, expected);
    }
}

#[tokio::test]
async fn report_for_a_room_that_one_may_not_watch_is_refused_as_for_one_that_does_not_exist() {
    let rig = Rig::new().await;
    rig.set(|room| room.visibility = Visibility::Private).await;
    let known = rig.parts.players.session_id(OfRoom { name: "demo", created_at_utc_ms: 0 });
    let of_earlier = rig.parts.players.session_id(OfRoom { name: "demo", created_at_utc_ms: 1 });
    let body = |room: &str, session: &str| format!("cid=\"{room}\",sid=\"{session}\",sta=p");
    let refusal = |reply: Reply| {
        let mut headers = reply.headers;
        headers.remove("x-request-id");
        (reply.status, headers, reply.body)
    };
    let nowhere = refusal(rig.send("POST", PATH, &[CMCD], &body("nowhere", "a")).await);
    assert_eq!(nowhere.0, 404);
    for session in ["a", &of_earlier] {
        assert_eq!(refusal(rig.send("POST", PATH, &[CMCD], &body("demo", session)).await), nowhere);
    }
    let (playback, other) = (rig.playback_token("demo", 0, None), rig.playback_token("demo", 1, None));
    let (name, bearer) = rig.bearer("demo", "subscribe");
    let in_query = |token: &str| format!("{PATH}?access_token={token}");
    let url = |token: &str| format!("sid=\"u\",e=rr,url=\"https://cdn.example/live/t/{token}/demo/index.m3u8?x\"");
    let playback_header = format!("Bearer {playback}");
    for (who, path, headers, body, status) in [
        ("an id of its events socket", PATH.to_owned(), vec![CMCD], body("demo", &known), 204),
        ("an access token", PATH.to_owned(), vec![CMCD, (name, bearer.as_str())], body("demo", "b"), 204),
        ("a playback token", PATH.to_owned(), vec![CMCD, (name, playback_header.as_str())], body("demo", "c"), 204),
        ("one in the query", in_query(&playback), vec![CMCD], body("demo", "d"), 204),
        ("one that is good for an earlier room", in_query(&other), vec![CMCD], body("demo", "e"), 404),
        ("a forged access token", in_query("a.b.c"), vec![CMCD], body("demo", "e"), 401),
        ("a URL with a token", PATH.to_owned(), vec![CMCD], url(&playback), 204),
        ("a URL with a worthless token", PATH.to_owned(), vec![CMCD], url(&other), 404),
    ] {
        assert_eq!(rig.send("POST", &path, &headers, &body).await.status, status, "{who}");
    }
    // A body with one report that counts is taken.
    let mixed = format!("{}\n{}", body("nowhere", "f"), body("demo", &known));
    assert_eq!(rig.send("POST", PATH, &[CMCD], &mixed).await.status, 204);
    let (name, admin) = rig.bearer("demo", "subscribe");
    let room = rig.get("/v1/rooms/demo", &[(name, &admin)]).await.json();
    assert_eq!(room["presence"]["unverified"], 4);
}

#[tokio::test]
async fn metrics_name_public_rooms_and_others_to_their_own_readers_alone() {
    let named = r#"spillway_players_sessions_total{room="demo",verified="false"}"#;
    let summed = r#"spillway_players_sessions_total{room="(others)",verified="false"}"#;
    for (visibility, is_named) in [(Visibility::Public, true), (Visibility::Unlisted, false)] {
        let rig = Rig::new().await;
        rig.set(move |room| room.visibility = visibility).await;
        report(&rig, "cid=\"demo\",sid=\"a\"").await;
        assert_eq!((metric(&rig, named).await.is_some(), metric(&rig, summed).await.is_some()), (is_named, !is_named));
        rig.set(|room| room.visibility = Visibility::Private).await;
        assert_eq!((metric(&rig, named).await, metric(&rig, summed).await.as_deref()), (None, Some("1")));
    }
    let mut config = Config::default();
    config.metrics.token = "0123456789abcdef".into();
    let rig = Rig::with(config, false).await;
    rig.set(|room| room.visibility = Visibility::Unlisted).await;
    report(&rig, "cid=\"demo\",sid=\"a\"").await;
    let reply = rig.get("/metrics", &[("authorization", "Bearer 0123456789abcdef")]).await;
    assert!(String::from_utf8(reply.body.to_vec()).unwrap().contains(named));
}

#[tokio::test]
async fn room_tells_how_many_watch_it() {
    let rig = Rig::new().await;
    let seated = crate::Seated { identity: "ann".parse().unwrap(), class: access::Class::Viewer, performs: false };
    rig.media.seated.lock().unwrap().push(seated);
    let expected = json!({ "interactive": 1, "broadcast": 0, "total": 1, "peak": 1, "unverified": 0 });
    assert_eq!(presence(&rig).await, expected);
    assert_eq!(rig.get("/v1/rooms", &[]).await.json()["rooms"][0]["presence"], expected);
}

#[test]
fn room_is_found_by_its_name_or_by_a_url_below_live() {
    let token = "x".repeat(crate::playback::TOKEN_CHARS_MIN);
    let found = |content: Option<&str>, url: Option<&str>| {
        Place::of(content, url).map(|place| (place.room.to_owned(), place.token.is_some()))
    };
    let room = |name: &str, has_token| Some((name.to_owned(), has_token));
    assert_eq!(found(Some("demo"), Some("/live/other/index.m3u8")), room("demo", false));
    for (url, expected) in [
        ("/live/demo/index.m3u8", room("demo", false)),
        ("https://live.example/live/demo/k3/720p/1.m4s?a=/live/x/y", room("demo", false)),
        ("https://live/live/demo/index.m3u8", room("demo", false)),
        ("https://cdn.example/prefix/live/demo/index.m3u8#t", room("demo", false)),
        (&format!("/live/t/{token}/demo/index.m3u8"), room("demo", true)),
        ("/live/t/x/index.m3u8", room("t", false)),
        ("/live/demo", None),
        ("https://live.example", None),
        ("/vod/demo/index.m3u8", None),
    ] {
        assert_eq!(found(Some(url), None), expected, "{url} as cid");
        assert_eq!(found(None, Some(url)), expected, "{url} as url");
    }
    assert_eq!(found(None, None), None);
}
