//! The multivariant playlist.
//!
//! Lists the renditions whose decoder configuration is known. Its URIs lead to the media playlists from the room's
//! stable entry, or from beside them in the store. Pure. Rendered by `run.rs`.

use m3u8_rs::{AlternativeMedia, AlternativeMediaType, MasterPlaylist, Resolution, VariantStream};

use crate::delivery::{BroadcastSpec, MediaSpec, RenditionSpec};
use crate::object::{Object, ObjectKey};

/// Container and rate-control overhead of the peak against the encoders' targets.
const PEAK_OF_TARGET: f64 = 1.25;
const AUDIO_GROUP: &str = "audio";

/// The folder that the playlist is served from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServedFrom {
    /// The room's, as its stable entry.
    Room,
    /// The broadcast's, as in the store.
    Broadcast,
}

/// Writes the playlist; `codecs` holds CODECS by rendition, `None` where it is unknown.
pub(crate) fn render(spec: &BroadcastSpec, codecs: &[Option<String>], from: ServedFrom) -> String {
    let known = || spec.renditions.iter().zip(codecs).filter_map(|(r, c)| Some((r, c.as_deref()?)));
    let audio = known().find(|(rendition, _)| rendition.is_audio());
    let has_video = known().any(|(rendition, _)| !rendition.is_audio());
    let variants = known().filter(|(rendition, _)| !rendition.is_audio() || !has_video);
    let uri_of = |rendition: &RenditionSpec| {
        let playlist = Object::Playlist { rendition: &rendition.name };
        match from {
            ServedFrom::Room => ObjectKey::new(&spec.epoch, playlist).to_string(),
            ServedFrom::Broadcast => playlist.to_string(),
        }
    };
    let mut master = MasterPlaylist { version: Some(9), independent_segments: true, ..Default::default() };
    if let (Some((audio, _)), true) = (audio, has_video) {
        master.alternatives.push(alternative(audio, uri_of(audio)));
    }
    for (rendition, codec) in variants {
        let with_audio = audio.filter(|_| has_video);
        let bits = u64::from(rendition.bits_per_second) + with_audio.map_or(0, |(a, _)| u64::from(a.bits_per_second));
        let codecs = with_audio.map_or(codec.to_owned(), |(_, audio)| format!("{codec},{audio}"));
        let resolution = match rendition.media {
            MediaSpec::Video { width, height } => Some(Resolution { width: width.into(), height: height.into() }),
            MediaSpec::Audio { .. } => None,
        };
        master.variants.push(VariantStream {
            uri: uri_of(rendition),
            bandwidth: (bits as f64 * PEAK_OF_TARGET) as u64,
            average_bandwidth: Some(bits),
            codecs: Some(codecs),
            frame_rate: resolution.map(|_| f64::from(spec.frames_per_second)),
            resolution,
            audio: with_audio.map(|_| AUDIO_GROUP.to_owned()),
            ..Default::default()
        });
    }
    let mut text = Vec::new();
    // Writing into memory cannot fail.
    let _ = master.write_to(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

fn alternative(audio: &RenditionSpec, uri: String) -> AlternativeMedia {
    let channels = match audio.media {
        MediaSpec::Audio { channels } => Some(channels.to_string()),
        MediaSpec::Video { .. } => None,
    };
    AlternativeMedia {
        media_type: AlternativeMediaType::Audio,
        uri: Some(uri),
        group_id: AUDIO_GROUP.to_owned(),
        name: "Programme".to_owned(),
        default: true,
        autoselect: true,
        channels,
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::spec;

    #[test]
    fn every_known_rung_is_listed_with_its_audio() {
        let codecs = [Some("avc1.64001f".to_owned()), None, Some("mp4a.40.2".to_owned())];
        let text = render(&spec(), &codecs, ServedFrom::Room);
        let (_, parsed) = m3u8_rs::parse_master_playlist(text.as_bytes()).unwrap();
        assert_eq!(parsed.variants.len(), 1);
        let top = &parsed.variants[0];
        assert_eq!(top.uri, "k3f9a1/720p.m3u8");
        assert_eq!(top.codecs.as_deref(), Some("avc1.64001f,mp4a.40.2"));
        assert_eq!((top.average_bandwidth, top.audio.as_deref()), (Some(2_628_000), Some("audio")));
        assert_eq!(parsed.alternatives[0].uri.as_deref(), Some("k3f9a1/audio.m3u8"));
        assert!(parsed.independent_segments);
    }

    #[test]
    fn audio_alone_is_a_variant() {
        let codecs = [None, None, Some("mp4a.40.2".to_owned())];
        let (_, parsed) =
            m3u8_rs::parse_master_playlist(render(&spec(), &codecs, ServedFrom::Broadcast).as_bytes()).unwrap();
        assert_eq!(parsed.variants[0].uri, "audio.m3u8");
        assert!(parsed.alternatives.is_empty());
    }
}
