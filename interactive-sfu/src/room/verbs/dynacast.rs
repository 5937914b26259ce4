//! Asks publishers for no layer that nobody looks at.

use livekit_protocol as proto;
use livekit_protocol::VideoQuality;
use livekit_protocol::signal_response::Message;

use crate::room::machine::Room;
use crate::room::participant::livekit::{Backup, LiveKit, Track, rank};
use crate::room::participant::{Participant, ParticipantKey};
use crate::signalling::sdp::CodecName;

impl Room {
    pub(super) fn poll_qualities(&mut self) {
        if !std::mem::take(&mut self.qualities_stale) {
            return;
        }
        for key in self.performers().map(Participant::key).collect::<Vec<_>>() {
            self.qualities_stale |= !self.poll_publisher(key);
        }
    }

    /// Whether nothing is pending.
    fn poll_publisher(&mut self, key: ParticipantKey) -> bool {
        let now = self.now.instant;
        let Some((_, livekit)) = self.roster.livekit(key) else { return true };
        let is_video = |track: &Track| track.media.video().is_some();
        let videos = livekit.uplink.tracks.iter().filter(|track| is_video(track));
        let wanted: Vec<Vec<VideoQuality>> = videos.map(|track| self.wanted_of(track)).collect();
        let Some((_, livekit)) = self.roster.livekit_mut(key) else { return true };
        let (mut settled, mut told) = (true, Vec::new());
        let videos = livekit.uplink.tracks.iter_mut().filter(|track| is_video(track));
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
        for update in told {
            self.out.tell(livekit.connection, Message::SubscribedQualityUpdate(update));
        }
        settled
    }

    /// Tells a publisher that resumes what its tracks are asked for: its old connection may have lost an update.
    pub(super) fn tell_qualities(&mut self, key: ParticipantKey) {
        let Some((_, livekit)) = self.roster.livekit(key) else { return };
        for track in livekit.uplink.tracks.iter().filter(|track| track.media.video().is_some()) {
            let update = update(&track.info.sid, track.asked());
            self.out.tell(livekit.connection, Message::SubscribedQualityUpdate(update));
        }
    }

    /// The largest quality that somebody has use for, of each codec of a track: its first choice, then the others.
    fn wanted_of(&self, track: &Track) -> Vec<VideoQuality> {
        let sid = &track.info.sid;
        let layers = track.info.codecs.first().map(|codec| codec.layers.as_slice()).unwrap_or_default();
        let most = |takes: &dyn Fn(&LiveKit) -> bool, by_whep: bool| {
            let wants = self.roster.all_livekit().map(|(_, livekit)| livekit).filter(|livekit| takes(livekit));
            let wants = wants.map(|livekit| {
                let setting = livekit.settings.get(sid);
                setting.map_or(VideoQuality::High, |setting| setting.quality_max(layers))
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
        let mut watchers = self.watchers.iter().filter_map(|key| self.roster.get(*key)?.whip_whep());
        let watched = watchers.any(|session| session.watches(main));
        let of_main = most(&|livekit| livekit.downlink.media_of(sid) == Some(main), watched);
        let of_backup = |backup: &Backup| {
            let published = backup.media.as_ref().map(|media| media.id);
            let needs = |livekit: &LiveKit| {
                let refused = |codec| livekit.undecodable.contains(&(sid.clone(), codec));
                published.is_none() && refused(track.media.codec.name()) && !refused(backup.codec)
            };
            let takes = |livekit: &LiveKit| published.is_some() && livekit.downlink.media_of(sid) == published;
            most(&|livekit| takes(livekit) || needs(livekit), false)
        };
        std::iter::once(of_main).chain(track.backups.iter().map(of_backup)).collect()
    }
}

/// The message that asks for qualities of a track, in all its codecs.
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
