//! A track that a participant publishes, in one codec or several. Pure.

use livekit_protocol as proto;
use livekit_protocol::VideoQuality;

use crate::room::participant::livekit::asked::Asked;
use crate::room::sections::MediaTrack;
use crate::signalling::sdp::CodecName;

/// A track that is there.
#[derive(Debug)]
pub(crate) struct Track {
    pub(super) cid: String,
    pub(super) mid: String,
    pub info: proto::TrackInfo,
    pub media: MediaTrack,
    pub asked: Asked,
    /// For whoever cannot decode it.
    pub backups: Vec<Backup>,
}

/// The same picture in another codec, which the client can publish when it is asked to.
#[derive(Debug)]
pub(crate) struct Backup {
    pub codec: CodecName,
    /// The client's id of it, once it is announced.
    pub(super) cid: String,
    pub(super) mid: String,
    /// Once it is published.
    pub media: Option<MediaTrack>,
    pub asked: Asked,
}

impl Track {
    /// The media that it is published as: first choice first.
    pub(crate) fn published(&self) -> impl Iterator<Item = &MediaTrack> {
        std::iter::once(&self.media).chain(self.backups.iter().filter_map(|backup| backup.media.as_ref()))
    }

    /// The quality that is asked for in each codec, first choice first.
    pub(crate) fn asked(&self) -> impl Iterator<Item = (CodecName, VideoQuality)> {
        let backups = self.backups.iter().map(|backup| (backup.codec, backup.asked.told()));
        std::iter::once((self.media.codec.name(), self.asked.told())).chain(backups)
    }

    /// The media of the track that a section carries.
    pub(super) fn at(&self, mid: &str) -> Option<&MediaTrack> {
        let backup = || self.backups.iter().find(|backup| backup.mid == mid)?.media.as_ref();
        if self.mid == mid { Some(&self.media) } else { backup() }
    }

    /// Whether the client calls the track so, in any codec.
    pub(super) fn is_called(&self, cid: &str) -> bool {
        self.cid == cid || self.backups.iter().any(|backup| backup.cid == cid)
    }
}
