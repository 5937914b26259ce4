//! A player of LL-HLS on the lowest rung: a picture and a sound, each followed by blocking reloads at the live edge and
//! fetched part by part, on a connection of its own.
//!
//! It shows nothing and keeps nothing. Deltas are asked for, compression is not. A request that fails is asked for
//! again, from the live edge; three in a row end the player.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rig::hls::{Rendition, renditions_of, resolve};
use rig::process::realtime_ns;
use rig::{Error, Result};
use tokio::time::sleep;

use super::http::Connection;
use super::playlist::{News, Part, Position};
use super::record::{Delivery, Fault, Record};

/// A player whose requests fail so often in a row gives up.
const FAILURES_MAX: u32 = 3;
/// It asks again after so long, and where a playlist lists no part yet.
const ASK_AGAIN: Duration = Duration::from_millis(200);

/// The paths of the media playlists that a player follows.
pub(crate) struct Paths {
    picture: String,
    sound: Option<String>,
}

impl Paths {
    /// The lowest rung of a multivariant playlist, and the sound.
    pub(crate) fn lowest(text: &str, path: &str) -> Option<Self> {
        let renditions = renditions_of(text, path);
        let pictures = renditions.iter().filter(|rendition| !rendition.audio);
        let path = |rendition: &Rendition| rendition.path.clone();
        Some(Self {
            picture: pictures.min_by_key(|rendition| rendition.height).map(path)?,
            sound: renditions.iter().find(|rendition| rendition.audio).map(path),
        })
    }
}

/// Plays until it is dropped; returns when it cannot go on. `since`: when the viewer arrived.
pub(crate) async fn play(
    server: SocketAddr,
    picture: Connection,
    paths: &Paths,
    since: Instant,
    record: &Record,
) -> (Fault, bool) {
    let mut picture = Follower::new(picture, &paths.picture, "picture", record, Some(since));
    let sound = async {
        let Some(path) = &paths.sound else { return std::future::pending().await };
        match Connection::open(server).await {
            Ok(connection) => Follower::new(connection, path, "sound", record, None).follow().await,
            Err(error) => Fault::at("sound")(error),
        }
    };
    let fault = tokio::select! {
        fault = picture.follow() => fault,
        fault = sound => fault,
    };
    (fault, picture.since.is_none())
}

/// One rendition of a player.
struct Follower<'a> {
    connection: Connection,
    path: &'a str,
    kind: &'static str,
    record: &'a Record,
    /// When the viewer of this picture arrived, until its first part is there.
    since: Option<Instant>,
    is_picture: bool,
    next: Option<Position>,
    has_map: bool,
}

impl<'a> Follower<'a> {
    fn new(
        connection: Connection,
        path: &'a str,
        kind: &'static str,
        record: &'a Record,
        since: Option<Instant>,
    ) -> Self {
        Self { connection, path, kind, record, since, is_picture: since.is_some(), next: None, has_map: false }
    }

    async fn follow(&mut self) -> Fault {
        let mut failures = 0;
        loop {
            match self.step().await {
                Ok(()) => failures = 0,
                Err(error) => {
                    failures += 1;
                    self.next = None;
                    if failures == FAILURES_MAX {
                        return Fault::at(self.kind)(error);
                    }
                    sleep(ASK_AGAIN).await;
                }
            }
        }
    }

    /// The next playlist, and what is new in it.
    async fn step(&mut self) -> Result<()> {
        let target = target(self.path, self.next);
        self.get(&target).await?;
        let news = News::parse(self.connection.text(), self.next);
        let news = news.ok_or_else(|| Error::Child(format!("{target} is no media playlist")))?;
        if news.has_ended {
            return Err(Error::Child("the broadcast has ended".into()));
        }
        if let (false, Some(map)) = (self.has_map, &news.map) {
            self.get(&resolve(self.path, map)).await?;
            self.has_map = true;
        }
        let is_first = self.next.is_none();
        for part in &news.parts {
            self.fetch(part).await?;
        }
        if is_first && news.parts.is_empty() {
            sleep(ASK_AGAIN).await;
            return Ok(());
        }
        self.next = Some(news.next);
        Ok(())
    }

    async fn fetch(&mut self, part: &Part) -> Result<()> {
        let asked = Instant::now();
        self.get(&resolve(self.path, &part.uri)).await?;
        let behind_ms = realtime_ns() as f64 / 1e6 - part.end_utc_ms as f64;
        self.record.part(asked.elapsed(), self.is_picture.then_some(behind_ms));
        if let Some(since) = self.since.take() {
            self.record.watches(Delivery::Broadcast, since);
        }
        Ok(())
    }

    /// A request that must be answered with 200.
    async fn get(&mut self, target: &str) -> Result<()> {
        let answer = self.connection.get(target).await;
        let is_good = answer.as_ref().is_ok_and(|head| head.status == 200);
        self.record.request(is_good);
        match answer {
            Ok(_) if is_good => Ok(()),
            Ok(head) => Err(Error::Child(format!("{target} answered {}", head.status))),
            Err(error) => {
                // The rest of a late answer may still come.
                self.connection.open_again().await?;
                Err(error)
            }
        }
    }
}

/// The playlist's path, asked for from `next` on.
fn target(path: &str, next: Option<Position>) -> String {
    let Some(Position { msn, part }) = next else { return path.to_owned() };
    let joint = if path.contains('?') { '&' } else { '?' };
    format!("{path}{joint}_HLS_msn={msn}&_HLS_part={part}&_HLS_skip=YES")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lowest_rung_is_the_least_high_picture_and_the_sound_goes_with_it() {
        let text = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",URI=\"e/a.m3u8\"\n\
            #EXT-X-STREAM-INF:BANDWIDTH=2,RESOLUTION=640x360\ne/360p.m3u8\n\
            #EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=320x180\ne/180p.m3u8\n";
        let paths = Paths::lowest(text, "/live/r/index.m3u8").unwrap();
        assert_eq!((paths.picture.as_str(), paths.sound.as_deref()), ("/live/r/e/180p.m3u8", Some("/live/r/e/a.m3u8")));
        assert!(Paths::lowest("#EXTM3U\n", "/live/r/index.m3u8").is_none());
    }

    #[test]
    fn reload_blocks_until_the_next_part() {
        assert_eq!(target("/v.m3u8", None), "/v.m3u8");
        let next = Some(Position { msn: 9, part: 3 });
        assert_eq!(target("/v.m3u8", next), "/v.m3u8?_HLS_msn=9&_HLS_part=3&_HLS_skip=YES");
        assert_eq!(target("/v.m3u8?a=b", next), "/v.m3u8?a=b&_HLS_msn=9&_HLS_part=3&_HLS_skip=YES");
    }
}
