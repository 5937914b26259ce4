//! One viewer: asks where to watch, and watches there.
//!
//! `POST /v1/rooms/{room}/join` as a guest; a seat is taken by WHEP and by LiveKit's protocol in turn, a broadcast is
//! followed by LL-HLS. Whoever is told to wait waits as long as told, and joins again as the same viewer.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use rig::livekit;
use rig::peer::{Peer, Request};
use rig::sdp::Direction;
use serde_json::Value;
use tokio::time::sleep;

use super::hls::{self, Paths};
use super::http::Connection;
use super::record::{Delivery, Fault, Sample};
use super::run::Crowd;
use crate::subscriber::Joined;

/// A viewer asks so often at most.
const ASKS_MAX: u32 = 30;
/// The longest wait that a viewer accepts, and the one without a word of the server's.
const WAIT_MAX: Duration = Duration::from_secs(10);
const WAIT: Duration = Duration::from_secs(1);

/// The answer to a join.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Seat { token: String, whep: String },
    Broadcast { playlist: String },
    Wait { token: Option<String>, wait: Duration },
}

impl Told {
    /// `None`: the answer makes no sense.
    fn of(answer: &Value) -> Option<Self> {
        let text = |name: &str| answer[name].as_str().map(str::to_owned);
        match answer["delivery"].as_str()? {
            "interactive" => Some(Self::Seat { token: text("token")?, whep: text("whep")? }),
            "broadcast" if answer["ready"] == true => Some(Self::Broadcast { playlist: text("playlist")? }),
            "broadcast" => {
                let wait = answer["retry_after_ms"].as_u64().map_or(WAIT, Duration::from_millis);
                Some(Self::Wait { token: text("token"), wait })
            }
            _ => None,
        }
    }
}

/// Arrives at `due`, and watches until the spike is over or something fails.
pub(crate) async fn watch(crowd: &Crowd, number: u32, due: Instant) {
    crowd.record.sample(Sample::Lateness, due.elapsed());
    crowd.record.now(|second| second.arrived += 1);
    let (fault, watched) = if crowd.options.asks() {
        match join(crowd, due).await {
            Ok((Told::Seat { token, whep }, _)) => {
                let by_whep = crowd.seats_taken.fetch_add(1, Relaxed).is_multiple_of(2);
                (sit(crowd, token, by_whep.then_some(whep), due).await.err(), None)
            }
            Ok((Told::Broadcast { playlist }, connection)) => follow(crowd, playlist, connection, due).await,
            Ok((Told::Wait { .. }, _)) => (Some(Fault::at("join")("told to wait too often")), None),
            Err(fault) => (Some(fault), None),
        }
    } else {
        let token = crowd.keys.mint(&crowd.options.room, &format!("viewer-{number}"), false);
        (sit(crowd, token, None, due).await.err(), None)
    };
    fault.into_iter().for_each(|fault| crowd.record.fault(fault, watched));
}

/// Asks until there is somewhere to watch. The connection goes on to be used.
async fn join(crowd: &Crowd, due: Instant) -> Result<(Told, Connection), Fault> {
    let mut connection = Connection::open(crowd.server).await.map_err(Fault::at("join"))?;
    let target = format!("/v1/rooms/{}/join", crowd.options.room);
    let mut known = None::<String>;
    for asks in 0..ASKS_MAX {
        let bearer = known.as_ref().map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        let headers = format!("Content-Length: 0\r\n{bearer}");
        let head = connection.ask("POST", &target, &headers).await.map_err(Fault::at("join"))?;
        if asks == 0 {
            crowd.record.sample(Sample::Answer, due.elapsed());
        }
        let answer = serde_json::from_slice(connection.body()).unwrap_or(Value::Null);
        let wait = match (head.status, Told::of(&answer)) {
            (200, Some(Told::Wait { token, wait })) => {
                known = token.or(known);
                wait
            }
            (200, Some(told)) => return Ok((told, connection)),
            (429 | 503, _) => head.retry_after.unwrap_or(WAIT),
            (status, _) => return Err(Fault::at("join")(format!("{status} {}", connection.text()))),
        };
        crowd.record.now(|second| second.told_to_wait += 1);
        sleep(wait.min(WAIT_MAX)).await;
    }
    Err(Fault::at("join")("told to wait too often"))
}

/// Takes a seat, by WHEP at `whep` or by LiveKit's protocol; the thread of the seats has it from then on.
async fn sit(crowd: &Crowd, token: String, whep: Option<String>, since: Instant) -> Result<(), Fault> {
    let delivery = if whep.is_some() { Delivery::Whep } else { Delivery::Livekit };
    let kind = if whep.is_some() { "seat by WHEP" } else { "seat by LiveKit" };
    let (http, credentials) = (crowd.http.clone(), crowd.credentials.clone());
    let (speaker, alone) = (crowd.options.speaker(0), crowd.options.speakers == 1);
    let connecting = tokio::task::spawn_blocking(move || match whep {
        Some(whep) => Peer::join(&http, &credentials, &Request::vp8(&whep, Some(token), Direction::Watch)),
        None => livekit::watch(&http, &credentials, &token, &[speaker], alone),
    });
    let peer = connecting.await.map_err(Fault::at(kind))?.map_err(Fault::at(kind))?;
    let joined = Joined { peer, sampled: false, since, tracks: 1, sound: false };
    crowd.seated.send((joined, delivery)).map_err(Fault::at(kind))
}

/// Follows the broadcast. Returns why it could not go on, and whether there was something to see before that.
async fn follow(
    crowd: &Crowd,
    playlist: String,
    mut connection: Connection,
    due: Instant,
) -> (Option<Fault>, Option<Delivery>) {
    let path = playlist.strip_prefix(crowd.http.origin()).unwrap_or(&playlist).to_owned();
    let answer = connection.get(&path).await;
    crowd.record.request(answer.as_ref().is_ok_and(|head| head.status == 200));
    if let Err(error) = answer {
        return (Some(Fault::at("multivariant playlist")(error)), None);
    }
    let Some(paths) = Paths::lowest(connection.text(), &path) else {
        return (Some(Fault::at("multivariant playlist")(connection.text())), None);
    };
    let (fault, watched) = hls::play(crowd.server, connection, &paths, due, &crowd.record).await;
    (Some(fault), watched.then_some(Delivery::Broadcast))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_is_a_seat_a_broadcast_or_a_wait() {
        let (token, playlist) = (|| "t".to_owned(), "/live/r/index.m3u8".to_owned());
        for (answer, told) in [
            (
                json!({ "delivery": "interactive", "token": "t", "whep": "/whep/r" }),
                Some(Told::Seat { token: token(), whep: "/whep/r".into() }),
            ),
            (
                json!({ "delivery": "broadcast", "ready": true, "playlist": playlist }),
                Some(Told::Broadcast { playlist: playlist.clone() }),
            ),
            (
                json!({ "delivery": "broadcast", "ready": false, "token": "t", "retry_after_ms": 1500 }),
                Some(Told::Wait { token: Some(token()), wait: Duration::from_millis(1500) }),
            ),
            (json!({ "delivery": "interactive" }), None),
            (json!({ "type": "room_full" }), None),
        ] {
            assert_eq!(Told::of(&answer), told, "{answer}");
        }
    }
}
