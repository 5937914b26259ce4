//! Sessions that are asked for by WHEP, and whose media never comes.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::{Attack, Target};
use crate::error::Result;
use crate::peer::Credentials;
use crate::sdp::{Direction, Offer, Video};

/// Posts offers as fast as they are answered, with the tokens of so many identities in turn, in so many threads.
pub fn offers(target: &Target, identities: u32, credentials: &Credentials, threads: usize) -> Attack {
    let path = format!("/whep/{}", target.room);
    let tokens: Vec<String> = (0..identities.max(1)).map(|n| token(target, n)).collect();
    let (http, next, offer) = (target.http.clone(), AtomicU64::new(0), offer_to_watch(credentials));
    Attack::start(threads, move |course| {
        let n = next.fetch_add(1, Relaxed) as usize % tokens.len();
        course.counts.tried();
        course.take(offer.len());
        match http.offer(&path, tokens.get(n).map(String::as_str), offer.as_bytes()) {
            Ok(reply) if reply.status == 201 => drop(course.counts.bytes.fetch_add(offer.len() as u64, Relaxed)),
            Ok(_) => course.counts.refused(),
            Err(_) => course.refuse(),
        }
    })
}

/// The answer to one such offer.
pub fn ask(target: &Target, credentials: &Credentials) -> Result<String> {
    let path = format!("/whep/{}", target.room);
    let reply = target.http.offer(&path, Some(&token(target, 0)), offer_to_watch(credentials).as_bytes())?;
    if reply.status == 201 { Ok(reply.text()) } else { Err(reply.unexpected(&target.http.url(&path))) }
}

fn token(target: &Target, n: u32) -> String {
    target.keys.mint(&target.room, &format!("attacker-{n}"), false)
}

/// The offer of a viewer that never connects.
pub fn offer_to_watch(credentials: &Credentials) -> String {
    let (ufrag, pwd) = ("abcd".into(), "abcdefghijklmnopqrstuvwx".into());
    let fingerprint = credentials.fingerprint().to_owned();
    let (direction, video) = (Direction::Watch, Some(Video::Vp8));
    Offer { direction, video, audio: false, data: false, ufrag, pwd, fingerprint, ssrc: 7 }.print()
}
