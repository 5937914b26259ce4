//! Asks publishers for no layer that nobody looks at.

use std::time::Instant;

use livekit_protocol as proto;
use livekit_protocol::VideoQuality;
use livekit_protocol::signal_response::Message;

use super::super::Authority;
use super::subscribing::quality_wanted;
use crate::room::member::{Backup, Member, Track, rank};
use crate::room::state::State;
use crate::signalling::sdp::CodecName;

impl Authority {
    pub(super) fn poll_qualities(&self, state: &mut State, now: Instant) {
        let stale: Vec<String> =
            state.rooms.iter().filter(|(_, room)| room.qualities_stale).map(|(name, _)| name.clone()).collect();
        for room in stale {
            let mut settled = true;
            for sid in state.performers_of(&room).map(|member| member.sid.clone()).collect::<Vec<_>>() {
                settled &= self.poll_publisher(state, &sid, now);
            }
            if let Some(room) = state.rooms.get_mut(&room) {
                room.qualities_stale = !settled;
            }
        }
    }

    /// Whether nothing is pending.
    fn poll_publisher(&self, state: &mut State, sid: &str, now: Instant) -> bool {
        let Some(member) = state.members.get(sid) else { return true };
        let is_video = |track: &Track| track.media.video().is_some();
        let videos = member.uplink.tracks.iter().filter(|track| is_video(track));
        let wanted: Vec<Vec<VideoQuality>> = videos.map(|track| state.wanted_of(&member.room, track)).collect();
        let Some(member) = state.members.get_mut(sid) else { return true };
        let (mut settled, mut told) = (true, Vec::new());
        let videos = member.uplink.tracks.iter_mut().filter(|track| is_video(track));
        for (track, wanted) in videos.zip(wanted) {
            let all = std::iter::once(&mut track.asked).chain(track.backups.iter_mut().map(|backup| &mut backup.asked));
            let mut news = false;
            for (asked, wanted) in all.zip(wanted) {
                match asked.want(wanted, now) {
                    Ok(changed) => news |= changed.is_some(),
                    Err(()) => settled = false,
                }
            }
            told.extend(news.then(|| update(&track.info.sid, track.asked())));
        }
        told.into_iter().for_each(|update| member.tell(Message::SubscribedQualityUpdate(update)));
        settled
    }
}

impl State {
    /// The largest quality that somebody has use for, of each codec of a track: its first choice, then the others.
    fn wanted_of(&self, room: &str, track: &Track) -> Vec<VideoQuality> {
        let sid = &track.info.sid;
        let most = |takes: &dyn Fn(&Member) -> bool, by_whep: bool| {
            let wants = self.members_of(room).filter(|member| takes(member)).map(|member| {
                let setting = member.settings.get(sid);
                setting.map_or(VideoQuality::High, |setting| quality_wanted(*setting, &track.info))
            });
            let by_whep = by_whep.then_some(VideoQuality::High);
            let (mut wants, mut most) = (by_whep.into_iter().chain(wants), VideoQuality::Off);
            // Nobody wants more than the most: the rest of a room of thousands need not be asked.
            while most != VideoQuality::High
                && let Some(quality) = wants.next()
            {
                most = std::cmp::max_by_key(most, quality, |quality| rank(*quality));
            }
            most
        };
        let main = track.media.id;
        let of_main = most(&|member| member.downlink.media_of(sid) == Some(main), self.is_watched(room, main));
        let of_backup = |backup: &Backup| {
            let published = backup.media.as_ref().map(|media| media.id);
            let needs = |member: &Member| {
                let refused = |codec| member.undecodable.contains(&(sid.clone(), codec));
                published.is_none() && refused(track.media.codec.name()) && !refused(backup.codec)
            };
            let takes = |member: &Member| published.is_some() && member.downlink.media_of(sid) == published;
            most(&|member| takes(member) || needs(member), false)
        };
        std::iter::once(of_main).chain(track.backups.iter().map(of_backup)).collect()
    }
}

/// What is asked for of a track, in all its codecs.
fn update(track_sid: &str, asked: impl Iterator<Item = (CodecName, VideoQuality)>) -> proto::SubscribedQualityUpdate {
    let codec = |(codec, most): (CodecName, VideoQuality)| proto::SubscribedCodec {
        codec: codec.as_str().to_owned(),
        qualities: [VideoQuality::Low, VideoQuality::Medium, VideoQuality::High]
            .map(|quality| proto::SubscribedQuality { quality: quality.into(), enabled: rank(quality) <= rank(most) })
            .to_vec(),
    };
    proto::SubscribedQualityUpdate {
        track_sid: track_sid.to_owned(),
        subscribed_codecs: asked.map(codec).collect(),
        ..proto::SubscribedQualityUpdate::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_names_every_quality() {
        let asked = [(CodecName::Vp9, VideoQuality::Off), (CodecName::Vp8, VideoQuality::Medium)];
        let told = update("TR_1", asked.into_iter());
        let enabled =
            |at: usize| -> Vec<bool> { told.subscribed_codecs[at].qualities.iter().map(|q| q.enabled).collect() };
        assert_eq!((told.subscribed_codecs[1].codec.as_str(), enabled(1)), ("vp8", vec![true, true, false]));
        assert_eq!((told.subscribed_codecs[0].codec.as_str(), enabled(0)), ("vp9", vec![false, false, false]));
    }
}
