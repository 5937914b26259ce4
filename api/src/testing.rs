//! The harness of this crate's tests: an SFU and a broadcast that answer what the test wants, and a router over them.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use access::{Keys, TokenSpec};
use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use interactive_sfu::{
    Command, ConnectRequest, Connection, JoinRequest, Joined, Leave, LimitLayer, NoSeat, Patch, Patched,
    Reply as SfuReply, SeatAnswer, SessionId, SfuError, Speaker,
};
use livekit_protocol::ParticipantInfo;
use packager::{NotServed, Served};
use rooms::{DatabaseUrl, Room, RoomSettings, Rooms};
use tower::ServiceExt as _;

use crate::extract::Caller;
use crate::playback::{PlaybackKeys, PlaybackSpec};
use crate::{
    AppParts, BoxFuture, Config, Demand, EventsHub, Lifecycle, Media, NodeDesk, OriginRegistry, Players, Seated, router,
};

mod fake_playback;
mod orders;

pub(crate) use fake_playback::FakePlayback;
use orders::Orders;

/// The time for an answer that waits for no event; a request's body may take ten seconds.
const A_WHILE: Duration = Duration::from_secs(2);

/// Answers every call with what was put in, and remembers what was asked.
#[derive(Default)]
pub(crate) struct FakeMedia {
    pub(crate) join: Mutex<Option<Result<Joined, SfuError>>>,
    pub(crate) patch: Mutex<Option<Result<Patched, SfuError>>>,
    pub(crate) other: Mutex<Option<SfuError>>,
    pub(crate) no_seat: Mutex<Option<NoSeat>>,
    pub(crate) speakers: Mutex<Vec<Speaker>>,
    pub(crate) participants: Mutex<Vec<ParticipantInfo>>,
    pub(crate) seated: Mutex<Vec<Seated>>,
    /// Leases in the tokens of those who asked for a seat.
    pub(crate) leases: Mutex<Vec<Option<i64>>>,
    pub(crate) asked: Mutex<Vec<String>>,
    pub(crate) moderated: Mutex<Vec<Command>>,
}

impl FakeMedia {
    fn note(&self, text: String) {
        self.asked.lock().unwrap().push(text);
    }

    fn joined(&self, what: &str, request: JoinRequest) -> Result<SfuReply, SfuError> {
        self.note(format!("{what} {} {} {:?} {}", request.room, request.identity, request.participant, request.offer));
        let joined = Joined { session: SessionId::from("s1"), etag: "e1".into(), answer: "v=0 answer".into() };
        self.join.lock().unwrap().clone().unwrap_or(Ok(joined)).map(SfuReply::Joined)
    }

    fn done(&self, reply: SfuReply) -> Result<SfuReply, SfuError> {
        self.other.lock().unwrap().clone().map_or(Ok(reply), Err)
    }

    fn reply(&self, command: Command) -> Result<SfuReply, SfuError> {
        match command {
            Command::Publish(request) => self.joined("publish", request),
            Command::Subscribe(request) => self.joined("subscribe", request),
            Command::Patch(Patch { room, session, if_match, fragment }) => {
                self.note(format!("patch {room} {} {if_match:?} {fragment}", session.as_str()));
                self.patch.lock().unwrap().clone().unwrap_or(Ok(Patched::Trickled)).map(SfuReply::Patched)
            }
            Command::LimitLayer(LimitLayer { room, session, width_max, height_max }) => {
                self.note(format!("layer {room} {} {width_max}x{height_max}", session.as_str()));
                self.done(SfuReply::Done)
            }
            Command::Leave(Leave { room, session }) => {
                self.note(format!("leave {room} {}", session.as_str()));
                self.done(SfuReply::Done)
            }
            Command::GrantSeat(ask) => {
                self.note(format!("seat {} {} {} {}", ask.room, ask.identity, ask.class, ask.limits.max));
                self.leases.lock().unwrap().push(ask.leased_until_utc_ms);
                let granted = SeatAnswer::Granted { expires_at_utc_ms: 1_800_000_000_000 };
                Ok(SfuReply::Seat(self.no_seat.lock().unwrap().map_or(granted, SeatAnswer::Refused)))
            }
            moderation => {
                let reply = match &moderation {
                    Command::MuteTrack(_) => SfuReply::Track(Box::default()),
                    Command::UpdateParticipant(_) => SfuReply::Participant(Box::default()),
                    _ => SfuReply::Done,
                };
                self.moderated.lock().unwrap().push(moderation);
                self.done(reply)
            }
        }
    }
}

impl Media for FakeMedia {
    fn call(&self, command: Command) -> BoxFuture<'_, Result<SfuReply, SfuError>> {
        Box::pin(async { self.reply(command) })
    }

    fn connect(&self, request: ConnectRequest) -> BoxFuture<'_, Result<Connection, SfuError>> {
        self.note(format!("connect {} {} {:?}", request.room, request.identity, request.resume));
        // A connection is the SFU's own to make.
        Box::pin(async { Err(SfuError::ShuttingDown) })
    }

    fn is_encrypted(&self, _room: &str) -> bool {
        false
    }

    fn stage(&self, _room: &str) -> Vec<Speaker> {
        self.speakers.lock().unwrap().clone()
    }

    fn participants(&self, _room: &str, _hidden: bool) -> Vec<ParticipantInfo> {
        self.participants.lock().unwrap().clone()
    }
}

/// The surface with a room `demo` as the REST API makes it, and everything behind it.
pub(crate) struct Rig {
    pub(crate) parts: AppParts,
    pub(crate) events: EventsHub,
    pub(crate) router: Router,
    pub(crate) media: Arc<FakeMedia>,
    pub(crate) origins: OriginRegistry,
    pub(crate) demand: Demand,
    pub(crate) orders: Orders,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) rooms: Rooms,
    pub(crate) playback: PlaybackKeys,
    keys: Keys,
    folder: tempfile::TempDir,
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

impl Rig {
    pub(crate) async fn new() -> Self {
        Self::with(Config::default(), true).await
    }

    pub(crate) async fn with(config: Config, dev_tokens: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let rooms = Rooms::open(&DatabaseUrl::file(folder.path().join("db")), 1).await.unwrap();
        let demo = Room { title: "Demo".into(), ..Room::new("demo".parse().unwrap(), 0, RoomSettings::REST) };
        rooms.create(demo, 9).await.unwrap();
        let orders = Orders(rooms.orders("test").await.unwrap());
        let store = object_store::local::LocalFileSystem::new_with_prefix(folder.path()).unwrap();
        let recordings = packager::Recordings::new(Arc::new(store), &packager::Config::default());
        let (media, origins, lifecycle) =
            (Arc::new(FakeMedia::default()), OriginRegistry::new(Some(recordings)), Lifecycle::default());
        let keys = Keys::new("k", "s");
        let playback = PlaybackKeys::new(&keys);
        let events = EventsHub::start(&config, media.clone()).unwrap();
        let demand = Demand::default();
        let parts = AppParts {
            players: Players::new(&keys, config.player_sessions_max),
            config,
            media: media.clone(),
            playback: playback.clone(),
            keys: keys.clone(),
            origins: origins.clone(),
            demand: demand.clone(),
            rooms: rooms.clone(),
            events: events.clone(),
            node: NodeDesk::default(),
            metrics: Arc::new(|| "spillway_up 1\n".into()),
            lifecycle: lifecycle.clone(),
            dev_tokens,
        };
        let router = router(parts.clone());
        Self { parts, events, demand, router, media, origins, orders, lifecycle, rooms, playback, keys, folder }
    }

    /// Puts an object into the store of recordings; `path` begins with the room.
    pub(crate) fn store(&self, path: &str, bytes: &[u8]) {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// Sets the room `demo`, as if those who follow changes had followed already.
    pub(crate) async fn set(&self, set: impl FnOnce(&mut Room) + Send + 'static) {
        self.rooms.change("demo", set).await.unwrap();
        self.follow().await;
    }

    /// Deletes the room `demo`, as if those who follow changes had followed already.
    pub(crate) async fn delete(&self) {
        self.rooms.end("demo", async {}).await.unwrap();
        self.follow().await;
    }

    async fn follow(&self) {
        let mut orders = self.rooms.orders("test").await.unwrap();
        assert_eq!(orders.try_next().await.unwrap(), None);
    }

    /// A playback token for `room` as made then, good for a minute.
    pub(crate) fn playback_token(&self, room: &str, created_at_utc_ms: i64, address: Option<&str>) -> String {
        let expires_at = SystemTime::now() + Duration::from_secs(60);
        let address = address.map(|prefix| prefix.parse().unwrap());
        self.playback.mint(&PlaybackSpec { room, created_at_utc_ms, expires_at, address }).unwrap()
    }

    /// A Bearer header; `grants` is a list of words.
    pub(crate) fn bearer(&self, room: &str, grants: &str) -> (&'static str, String) {
        let has = |word| grants.split(' ').any(|grant| grant == word);
        let spec = TokenSpec {
            room: room.into(),
            identity: "ann".into(),
            name: "Ann".into(),
            publish: has("publish"),
            subscribe: has("subscribe"),
            admin: has("admin"),
            create: has("create"),
            list: has("list"),
            record: has("record"),
            ingress_admin: has("ingress"),
            operator: has("operator"),
            ttl: Duration::from_secs(60),
            ..TokenSpec::default()
        };
        ("authorization", format!("Bearer {}", self.keys.mint(&spec, SystemTime::now()).unwrap()))
    }

    pub(crate) fn broadcast(&self, answer: Option<Result<Served, NotServed>>) {
        self.broadcast_since(answer, SystemTime::UNIX_EPOCH);
    }

    pub(crate) fn broadcast_since(&self, answer: Option<Result<Served, NotServed>>, since: SystemTime) {
        let access = self.rooms.access("demo").unwrap();
        self.origins.insert("demo", Arc::new(FakePlayback::new(answer)), since, access);
    }

    pub(crate) async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let reply = self.send_raw(method, path, headers, body.into()).await;
        let status = StatusCode::from_u16(reply.status).unwrap();
        if status.is_client_error() || status.is_server_error() {
            assert_problem(status, &reply, method);
        }
        reply
    }

    /// A POST over a connection from `address`.
    pub(crate) async fn post_from(&self, address: &str, path: &str, content_type: &str, body: &str) -> Reply {
        let caller = Caller { address: SocketAddr::new(address.parse().unwrap(), 1), tls: false };
        let request = Request::post(path).extension(caller).header("content-type", content_type);
        self.answer(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    /// A GET over a connection from `address`; `forwarded_for`: by a proxy that says so.
    pub(crate) async fn get_from(&self, address: &str, forwarded_for: Option<&str>, path: &str) -> Reply {
        let address = SocketAddr::new(address.parse().unwrap(), 1);
        let request = Request::get(path).extension(Caller { address, tls: false });
        let request = forwarded_for.into_iter().fold(request, |request, told| request.header("x-forwarded-for", told));
        self.answer(request.body(Body::empty()).unwrap()).await
    }

    /// As [`Rig::send`], where errors are not `application/problem+json`.
    pub(crate) async fn send_raw(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Reply {
        let request = headers
            .iter()
            .fold(Request::builder().method(method).uri(path), |request, (name, value)| request.header(*name, *value));
        self.answer(request.body(Body::from(body)).unwrap()).await
    }

    /// As [`Rig::send_raw`], with a body that never ends. `None`: there is no answer within a while.
    pub(crate) async fn send_without_end(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Option<Reply> {
        let request = headers
            .iter()
            .fold(Request::builder().method(method).uri(path), |request, (name, value)| request.header(*name, *value));
        let body = Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::convert::Infallible>>());
        tokio::time::timeout(A_WHILE, self.answer(request.body(body).unwrap())).await.ok()
    }

    pub(crate) async fn answer(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Reply { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    /// A call of LiveKit's server API in JSON, `{Service}/{Method}`, by who has `grants` for `demo`.
    pub(crate) async fn twirp(&self, call: &str, grants: &str, body: serde_json::Value) -> Reply {
        let (name, token) = self.bearer("demo", grants);
        let headers = [(name, token.as_str()), ("content-type", "application/json"), ("host", "live.example")];
        self.send_raw("POST", &format!("/twirp/livekit.{call}"), &headers, body.to_string().into()).await
    }

    pub(crate) async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.send("GET", path, headers, "").await
    }
}

/// Checks that a refusal is a problem.
fn assert_problem(status: StatusCode, reply: &Reply, method: &str) {
    assert_eq!(reply.header("content-type"), "application/problem+json", "{status}");
    if method != "HEAD" {
        let body = reply.json();
        assert_eq!(body["status"], status.as_u16());
        assert!(body["type"].as_str().unwrap().starts_with("urn:spillway:problem:"));
    }
}
