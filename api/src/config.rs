//! The settings of the HTTP surface.

mod metrics;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use rooms::{DatabaseUrl, RoomSettings};
use serde::{Deserialize, Serialize};

pub use metrics::MetricsAccess;

use crate::ConfigFault;
use crate::address_prefix::AddressPrefix;
use crate::ice_servers::{IceServer, is_header_safe};

/// Settings of the HTTP surface.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The address that serves HTTP/1.1, and HTTP/2 with prior knowledge, in the clear. Default `0.0.0.0:8080`.
    pub http: SocketAddr,
    /// Certificate and address for HTTPS. Browsers publish and watch the stage over HTTPS (or on localhost) only, so
    /// either this or a proxy that ends TLS is needed. Default none.
    pub tls: Option<Tls>,
    /// Where rooms are remembered: the path of a SQLite file, whose folder is created, or a PostgreSQL server (15 or
    /// later), `postgres://user:password@host/database`. A PostgreSQL database is made before, encoded as UTF8; its
    /// tables are made here. One server has a database for itself. Default `data/spillway.db`.
    pub database: DatabaseUrl,
    /// This server's URL as clients see it, `https://host`. URLs that LiveKit's API hands out begin with it. Default
    /// none: they begin with the host that the request for the URL came to.
    pub public_url: Option<String>,
    /// The CDN's `https://host`: playlist URLs that we hand out begin with it, before `/live/…`. Without it viewers
    /// come to this server. Default none.
    pub playlist_base_url: Option<String>,
    /// Which rooms `GET /v1/rooms` shows to callers without a token: `all`, `live` or `none`. Default `all`.
    pub lobby: Lobby,
    /// Rooms that may exist at once; the next one is refused with 507. Default 1000.
    pub rooms_max: u32,
    /// Make the room that the token of a LiveKit client names, if there is none. Default true.
    pub auto_create_rooms: bool,
    /// How long a room that was made so, or by LiveKit's API without a time of its own, may be empty before it is
    /// closed. Rooms of the REST API stay until they are deleted. Seconds; 0: for ever. Default 300.
    pub room_idle_end_seconds: u32,
    /// Ingresses of LiveKit's API that may exist at once; the next one is refused. Default 1000.
    pub ingresses_max: u32,
    /// How long the stream key of an ingress is good, from when it is told; each listing tells a new one. Deleting the
    /// ingress ends all of them. Days; default 365.
    pub ingress_key_ttl_days: u32,
    /// Connections that may be open at once; a further one is closed as soon as it is accepted. Every waiting viewer
    /// without an edge in between holds one, and each is a file descriptor. Default 20000.
    pub connections_max: u32,
    /// Of these, connections from one address (of IPv6: from one network of 64 bits). A further one in the clear is
    /// answered with 429, one over TLS is closed. More admits larger crowds behind one NAT or CDN; less leaves more for
    /// others when one host opens as many as it can. `trusted_proxies` are exempt. Default 2000.
    pub connections_per_address_max: u32,
    /// Proxies whose `X-Forwarded-For` is believed: addresses, and networks like `10.0.0.0/8`. Behind another proxy all
    /// clients count as one address. A proxy on this machine must say for whom it asks (`X-Forwarded-For`, `X-Real-IP`,
    /// `Forwarded` or `Via`), or its clients are taken for this machine's own. Default this machine's own addresses,
    /// `127.0.0.0/8` and `::1/128`.
    pub trusted_proxies: Vec<AddressPrefix>,
    /// Joins by WHIP, WHEP, LiveKit's protocol and events sockets a second from one address (of IPv6: from one network
    /// of 64 bits); ten times as many at once after a rest, and a further one is refused with 429. This machine's own
    /// are not counted. Default 50.
    pub joins_per_address_second_max: u32,
    /// Joins a second of one identity in a room; ten times as many at once after a rest, and a further one is refused
    /// with 429. Default 5.
    pub joins_per_identity_second_max: u32,
    /// Reports of players (`POST /v1/cmcd`) a second from one address (of IPv6: from one network of 64 bits); ten times
    /// as many at once after a rest, and a further one is refused with 429. A player makes one every half minute, and
    /// one more whenever it starts, stops or stalls. This machine's own are not counted. Default 50.
    pub reports_per_address_second_max: u32,
    /// Sessions of players that are counted at once by their reports: so many that have an events socket, and as many
    /// others. Further ones are not counted. Each takes some 500 bytes. Default 20000.
    pub player_sessions_max: u32,
    /// Time for a request's head, and for a TLS handshake. Over HTTP/1.1 it also bounds how long a connection may lie
    /// idle between two requests. Milliseconds; default 10000.
    pub header_read_timeout_ms: u32,
    /// Time a connection may lie idle before it is closed. Milliseconds; default 60000.
    pub keep_alive_idle_ms: u32,
    /// Time a client may take to receive 64 KiB of an answer, or its rest, before the connection is closed. Longer
    /// bears slower networks; shorter frees sooner what is kept for clients that do not read. Milliseconds; default
    /// 30000.
    pub write_stall_timeout_ms: u32,
    /// Time for a request's body. Milliseconds; default 10000.
    pub body_read_timeout_ms: u32,
    /// Events sockets that may be open at once; a further one is refused with 503. Each is a connection of
    /// `connections_max` too. Default 20000.
    pub events_connections_max: u32,
    /// How often an events socket is pinged. One of which nothing was heard for 2.4 times as long is closed. Longer
    /// costs less; it must be shorter than the idle timeout of the proxies in between. Milliseconds; default 25000.
    pub events_ping_interval_ms: u32,
    /// Origins whose pages may open events sockets, `https://host` or `https://host:port`. Clients that send no
    /// `Origin`, and this server's own pages, always may. Default none: pages of every origin, as they may read all
    /// other answers.
    pub events_origins: Vec<String>,
    /// STUN and TURN servers that clients are told of (RFC 9725 §4.6). This server is reachable at its own
    /// addresses without any; they help clients behind strict firewalls. Default none.
    pub ice_servers: Vec<IceServer>,
    /// URLs that events of rooms are POSTed to, signed as LiveKit's server does: `http://…` or `https://…`. Each is
    /// told what it missed while it or this server was away: broadcasts, moves, thresholds and audiences of the last
    /// day. Default none.
    pub webhook_urls: Vec<String>,
    /// Settings of a room that a LiveKit token or LiveKit's CreateRoom makes. Default: off the air, private and not
    /// recorded, until somebody with the right grants changes that (StartRoomCompositeEgress, or PATCH
    /// /v1/rooms/{room}).
    pub livekit_rooms: RoomSettings,
    /// The address of `/metrics`, and the token that its readers need.
    pub metrics: MetricsAccess,
}

/// The address and the certificate of HTTPS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The address that serves HTTPS, usually `0.0.0.0:443`.
    pub address: SocketAddr,
    /// The certificate chain, PEM, with the server's own certificate first. Chain and key are read again when they
    /// change.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// Browsers that came by HTTPS use only HTTPS for this host for so long (RFC 6797). Longer protects visitors who
    /// come back late; until it has passed, the host cannot go back to plain HTTP. Seconds; 0: not at all. Default
    /// 15552000, half a year.
    #[serde(default = "hsts_default")]
    pub hsts_seconds: u32,
}

fn hsts_default() -> u32 {
    15_552_000
}

/// Which rooms strangers see in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lobby {
    /// Every room.
    All,
    /// Rooms with a live broadcast.
    Live,
    /// No room; a token with `roomList` is needed.
    None,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            http: SocketAddr::from(([0, 0, 0, 0], 8080)),
            tls: None,
            database: DatabaseUrl::file("data/spillway.db"),
            public_url: None,
            playlist_base_url: None,
            lobby: Lobby::All,
            rooms_max: 1000,
            auto_create_rooms: true,
            room_idle_end_seconds: 300,
            ingresses_max: 1000,
            ingress_key_ttl_days: 365,
            connections_max: 20_000,
            connections_per_address_max: 2_000,
            trusted_proxies: AddressPrefix::loopback(),
            joins_per_address_second_max: 50,
            joins_per_identity_second_max: 5,
            reports_per_address_second_max: 50,
            player_sessions_max: 20_000,
            header_read_timeout_ms: 10_000,
            keep_alive_idle_ms: 60_000,
            write_stall_timeout_ms: 30_000,
            body_read_timeout_ms: 10_000,
            events_connections_max: 20_000,
            events_ping_interval_ms: 25_000,
            events_origins: Vec::new(),
            ice_servers: Vec::new(),
            webhook_urls: Vec::new(),
            livekit_rooms: RoomSettings::default(),
            metrics: MetricsAccess::default(),
        }
    }
}

impl Config {
    /// Refuses what cannot work, naming the key.
    pub fn validate(&self) -> Result<(), ConfigFault> {
        let refuse = |key, sentence: String| Err(ConfigFault::new(key, sentence));
        for (key, ms) in [
            ("header_read_timeout_ms", self.header_read_timeout_ms),
            ("keep_alive_idle_ms", self.keep_alive_idle_ms),
            ("write_stall_timeout_ms", self.write_stall_timeout_ms),
            ("body_read_timeout_ms", self.body_read_timeout_ms),
            ("events_ping_interval_ms", self.events_ping_interval_ms),
        ] {
            if !(1_000..=600_000).contains(&ms) {
                return refuse(key, format!("must lie between 1000 and 600000; it is {ms}"));
            }
        }
        for (key, count) in [
            ("rooms_max", self.rooms_max),
            ("ingresses_max", self.ingresses_max),
            ("connections_max", self.connections_max),
            ("connections_per_address_max", self.connections_per_address_max),
            ("events_connections_max", self.events_connections_max),
            ("joins_per_address_second_max", self.joins_per_address_second_max),
            ("joins_per_identity_second_max", self.joins_per_identity_second_max),
            ("reports_per_address_second_max", self.reports_per_address_second_max),
            ("player_sessions_max", self.player_sessions_max),
        ] {
            if !(1..=1_000_000).contains(&count) {
                return refuse(key, format!("must lie between 1 and 1000000; it is {count}"));
            }
        }
        if !(1..=3650).contains(&self.ingress_key_ttl_days) {
            let days = self.ingress_key_ttl_days;
            return refuse("ingress_key_ttl_days", format!("must lie between 1 and 3650; it is {days}"));
        }
        for (key, url) in [("public_url", &self.public_url), ("playlist_base_url", &self.playlist_base_url)] {
            if let Some(url) = url
                && (!is_header_safe(url)
                    || !(url.starts_with("https://") || url.starts_with("http://"))
                    || url.ends_with('/'))
            {
                return refuse(key, format!("must be http(s)://host without a slash at its end; it is {url:?}"));
            }
        }
        for url in &self.webhook_urls {
            if !url.starts_with("http://") && !url.starts_with("https://") {
                return refuse("webhook_urls", format!("each must begin with http:// or https://; one is {url:?}"));
            }
        }
        for origin in &self.events_origins {
            let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
            if host.is_none_or(|host| host.is_empty() || host.contains('/')) {
                return refuse("events_origins", format!("each must be http(s)://host alone; one is {origin:?}"));
            }
        }
        for server in &self.ice_servers {
            server.validate()?;
        }
        if self.tls.as_ref().is_some_and(|tls| tls.address == self.http) {
            return refuse("tls.address", "must differ from http".into());
        }
        self.metrics.validate(self)
    }

    pub(crate) fn body_read_timeout(&self) -> Duration {
        Duration::from_millis(self.body_read_timeout_ms.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_settings_are_valid() {
        Config::default().validate().unwrap();
    }

    #[test]
    fn impossible_setting_is_refused_by_its_key() {
        type Spoil = fn(&mut Config);
        let table: [(Spoil, &str); 18] = [
            (|c| c.header_read_timeout_ms = 0, "header_read_timeout_ms"),
            (|c| c.write_stall_timeout_ms = 0, "write_stall_timeout_ms"),
            (|c| c.rooms_max = 0, "rooms_max"),
            (|c| c.events_connections_max = 0, "events_connections_max"),
            (|c| c.events_origins = vec!["https://app.example/".into()], "events_origins"),
            (|c| c.connections_per_address_max = 0, "connections_per_address_max"),
            (|c| c.ingresses_max = 0, "ingresses_max"),
            (|c| c.joins_per_identity_second_max = 0, "joins_per_identity_second_max"),
            (|c| c.reports_per_address_second_max = 0, "reports_per_address_second_max"),
            (|c| c.player_sessions_max = 0, "player_sessions_max"),
            (|c| c.ingress_key_ttl_days = 0, "ingress_key_ttl_days"),
            (|c| c.public_url = Some("live.example".into()), "public_url"),
            (|c| c.playlist_base_url = Some("cdn.example".into()), "playlist_base_url"),
            (|c| c.playlist_base_url = Some("https://cdn.example/".into()), "playlist_base_url"),
            (|c| c.ice_servers = vec![IceServer { url: "http://x".into(), ..IceServer::default() }], "ice_servers"),
            (
                |c| {
                    let (certificate, key) = ("a".into(), "b".into());
                    c.tls = Some(Tls { address: c.http, certificate, key, hsts_seconds: 0 });
                },
                "tls.address",
            ),
            (|c| c.metrics.address = Some(c.http), "metrics.address"),
            (|c| c.metrics.token = "short".into(), "metrics.token"),
        ];
        for (spoil, key) in table {
            let mut config = Config::default();
            spoil(&mut config);
            let sentence = config.validate().unwrap_err().to_string();
            assert!(sentence.contains(key), "{sentence}");
        }
    }
}
