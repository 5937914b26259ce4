//! Announcements: what a client says of a track before an offer brings it. Pure.

use livekit_protocol as proto;
use livekit_protocol::TrackType;

use super::Uplink;
use crate::signalling::livekit::info;
use crate::signalling::sdp::CodecName;

/// Layers, codecs and features that a track may announce.
const LIST_MAX: usize = 16;
/// Bytes of a client's id or a name.
const TEXT_BYTES_MAX: usize = 256;

/// A track that a client has announced, and that no offer has brought yet.
#[derive(Debug)]
pub(super) struct Announced {
    pub(super) cid: String,
    pub(super) info: proto::TrackInfo,
    /// The sid of a track that is there, if it is that one in another codec.
    pub(super) backup_of: Option<(String, CodecName)>,
    /// Further codecs that it can be published in.
    pub(super) others: Vec<CodecName>,
}

impl Announced {
    /// Whether the client calls the track so, or one of its codecs.
    pub(super) fn is_called(&self, cid: &str) -> bool {
        let mut codecs = self.info.codecs.iter();
        self.cid == cid || codecs.any(|codec| !codec.cid.is_empty() && codec.cid == cid)
    }

    /// The codec that the client said it would send.
    pub(super) fn codec(&self) -> Option<CodecName> {
        CodecName::from_mime_type(&self.info.codecs.first()?.mime_type)
    }
}

/// Why a track may not be announced.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    NotAllowed,
    TooMany,
    Invalid,
    Unknown,
}

impl Uplink {
    /// The client wants to publish. A repeated request gets the first one's answer. `sid` names the track if it is new.
    pub(crate) fn announce(
        &mut self,
        request: &proto::AddTrackRequest,
        permission: &proto::ParticipantPermission,
        tracks_max: usize,
        sid: impl FnOnce(&proto::AddTrackRequest) -> String,
    ) -> Result<proto::TrackInfo, Refused> {
        if !request.sid.is_empty() {
            return self.announce_backup(request);
        }
        let lists = [request.layers.len(), request.simulcast_codecs.len(), request.audio_features.len()];
        let texts = [&request.cid, &request.name, &request.stream];
        let kind = TrackType::try_from(request.r#type);
        if request.cid.is_empty()
            || lists.into_iter().any(|len| len > LIST_MAX)
            || texts.into_iter().any(|text| text.len() > TEXT_BYTES_MAX)
            || !matches!(kind, Ok(TrackType::Audio | TrackType::Video))
            || !info::fits(request.r#type(), request.source())
        {
            return Err(Refused::Invalid);
        }
        if !info::may_publish(permission, request.source) {
            return Err(Refused::NotAllowed);
        }
        if let Some(announced) = self.announced.iter().find(|announced| announced.cid == request.cid) {
            return Ok(announced.info.clone());
        }
        if self.announced.len() + self.tracks.len() >= tracks_max {
            return Err(Refused::TooMany);
        }
        let info = track_info(request, sid(request));
        let others = request.simulcast_codecs.iter().skip(1);
        let others = others.filter_map(|codec| CodecName::from_mime_type(&mime_type(request.r#type(), &codec.codec)));
        let others = others.collect();
        self.announced.push(Announced { cid: request.cid.clone(), info: info.clone(), backup_of: None, others });
        Ok(info)
    }

    /// Another codec for a track that is there.
    fn announce_backup(&mut self, request: &proto::AddTrackRequest) -> Result<proto::TrackInfo, Refused> {
        let track = self.tracks.iter().find(|track| track.info.sid == request.sid).ok_or(Refused::Unknown)?;
        let codec = request.simulcast_codecs.first().ok_or(Refused::Invalid)?;
        let name = CodecName::from_mime_type(&mime_type(track.info.r#type(), &codec.codec)).ok_or(Refused::Invalid)?;
        let fits = (1..=TEXT_BYTES_MAX).contains(&request.cid.len()) && request.layers.len() <= LIST_MAX;
        if !fits || !track.backups.iter().any(|backup| backup.codec == name) {
            return Err(Refused::Invalid);
        }
        let mut info = track.info.clone();
        info.codecs.push(proto::SimulcastCodecInfo {
            mime_type: mime_type(info.r#type(), &codec.codec),
            cid: request.cid.clone(),
            layers: request.layers.clone(),
            ..proto::SimulcastCodecInfo::default()
        });
        let backup_of = Some((track.info.sid.clone(), name));
        self.announced.retain(|announced| announced.backup_of != backup_of);
        let announced = Announced { cid: request.cid.clone(), info: info.clone(), backup_of, others: Vec::new() };
        self.announced.push(announced);
        Ok(info)
    }
}

/// Clients write `video/vp8` or `vp8`. Empty: not said.
fn mime_type(kind: TrackType, codec: &str) -> String {
    let family = if kind == TrackType::Audio { "audio" } else { "video" };
    if codec.is_empty() || codec.contains('/') { codec.to_owned() } else { format!("{family}/{codec}") }
}

/// The track as others are told of it.
#[expect(deprecated, reason = "clients in use still read and write these fields")]
fn track_info(request: &proto::AddTrackRequest, sid: String) -> proto::TrackInfo {
    let kind = request.r#type();
    let main = request.simulcast_codecs.first();
    let mime_type = main.map_or_else(String::new, |main| mime_type(kind, &main.codec));
    let layers = main.map(|main| &main.layers).filter(|layers| !layers.is_empty()).unwrap_or(&request.layers);
    let codec = proto::SimulcastCodecInfo {
        mime_type: mime_type.clone(),
        cid: main.map_or_else(|| request.cid.clone(), |main| main.cid.clone()),
        layers: layers.clone(),
        ..proto::SimulcastCodecInfo::default()
    };
    proto::TrackInfo {
        sid,
        r#type: kind.into(),
        name: request.name.clone(),
        muted: request.muted,
        width: request.width,
        height: request.height,
        simulcast: layers.len() > 1,
        disable_dtx: request.disable_dtx,
        source: request.source,
        layers: layers.clone(),
        mime_type,
        codecs: vec![codec],
        stereo: request.stereo,
        disable_red: request.disable_red,
        encryption: request.encryption,
        stream: request.stream.clone(),
        audio_features: request.audio_features.clone(),
        backup_codec_policy: request.backup_codec_policy,
        packet_trailer_features: request.packet_trailer_features.clone(),
        ..proto::TrackInfo::default()
    }
}
