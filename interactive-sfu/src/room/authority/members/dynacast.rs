//! Asks publishers for no layer that nobody looks at.

use std::time::Instant;

use livekit_protocol as proto;
use livekit_protocol::VideoQuality;
use livekit_protocol::signal_response::Message;

use super::super::Authority;
use super::subscribing::quality_wanted;
use crate::room::member::{Track, rank};
use crate::room::state::State;

impl Authority {
    pub(super) fn poll_qualities(&self, state: &mut State, now: Instant) {
        let stale: Vec<String> =
            state.rooms.iter().filter(|(_, room)| room.qualities_stale).map(|(name, _)| name.clone()).collect();
        for room in stale {
            let mut settled = true;
            for sid in state.rooms.get(&room).map(|room| room.members.clone()).unwrap_or_default() {
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
        let videos = member.uplink.tracks.iter().filter(|track| track.media.video().is_some());
        let wanted: Vec<VideoQuality> = videos.map(|track| state.wanted_of(&member.room, track)).collect();
        let Some(member) = state.members.get_mut(sid) else { return true };
        let (mut settled, mut told) = (true, Vec::new());
        let videos = member.uplink.tracks.iter_mut().filter(|track| track.media.video().is_some());
        for (track, wanted) in videos.zip(wanted) {
            match track.asked.want(wanted, now) {
                Ok(news) => told.extend(news.map(|quality| update(&track.info, quality))),
                Err(()) => settled = false,
            }
        }
        told.into_iter().for_each(|update| member.tell(Message::SubscribedQualityUpdate(update)));
        settled
    }
}

impl State {
    /// The largest quality that somebody has use for.
    fn wanted_of(&self, room: &str, track: &Track) -> VideoQuality {
        let by_whep = self.is_watched(room, track.media.id).then_some(VideoQuality::High);
        let by_members = self.members_of(room).filter_map(|member| {
            member.downlink.section_of(&track.info.sid)?;
            let setting = member.settings.get(&track.info.sid);
            Some(setting.map_or(VideoQuality::High, |setting| quality_wanted(*setting, &track.info)))
        });
        by_members.chain(by_whep).max_by_key(|quality| rank(*quality)).unwrap_or(VideoQuality::Off)
    }
}

fn update(track: &proto::TrackInfo, most: VideoQuality) -> proto::SubscribedQualityUpdate {
    let codec = track.mime_type.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let qualities = [VideoQuality::Low, VideoQuality::Medium, VideoQuality::High]
        .map(|quality| proto::SubscribedQuality { quality: quality.into(), enabled: rank(quality) <= rank(most) });
    proto::SubscribedQualityUpdate {
        track_sid: track.sid.clone(),
        subscribed_codecs: vec![proto::SubscribedCodec { codec, qualities: qualities.to_vec() }],
        ..proto::SubscribedQualityUpdate::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_names_every_quality() {
        let track = proto::TrackInfo { sid: "TR_1".into(), mime_type: "video/VP8".into(), ..Default::default() };
        let told = update(&track, VideoQuality::Medium);
        let enabled: Vec<bool> = told.subscribed_codecs[0].qualities.iter().map(|q| q.enabled).collect();
        assert_eq!((told.subscribed_codecs[0].codec.as_str(), enabled), ("vp8", vec![true, true, false]));
    }
}
