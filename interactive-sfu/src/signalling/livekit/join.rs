//! What a client says as it connects: in the query of `/rtc`, or in one parameter of `/rtc/v1`.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use flate2::read::GzDecoder;
use livekit_protocol as proto;
use livekit_protocol::client_info::Sdk;
use livekit_protocol::signal_request::Message;
use livekit_protocol::wrapped_join_request::Compression;
use prost::Message as _;

use super::frame::Malformed;
use crate::control::Client;

/// Tracks that are announced as the client connects: further ones are not read.
const TRACKS_MAX: usize = 64;

/// Bytes of what a client says as it connects, once it is unpacked: its token need not be valid.
const JOIN_BYTES_MAX: usize = 256 * 1024;

/// How a client connects.
#[derive(Clone, Debug, PartialEq)]
pub struct Join {
    /// What it says of itself.
    pub client: Client,
    /// Continue the session of this participant's sid.
    pub resume: Option<String>,
    /// What it asks for in the same breath.
    pub requests: Vec<Message>,
}

impl Join {
    /// The parameter `join_request`: a `WrappedJoinRequest` in base64, which holds a `JoinRequest`, compressed or not.
    pub fn decode(text: &str) -> Result<Self, Malformed> {
        let text = text.trim_end_matches('=');
        let wrapped = URL_SAFE_NO_PAD.decode(text).or_else(|_| STANDARD_NO_PAD.decode(text)).map_err(|_| Malformed)?;
        let wrapped = proto::WrappedJoinRequest::decode(wrapped.as_slice()).map_err(|_| Malformed)?;
        let request = match Compression::try_from(wrapped.compression) {
            Ok(Compression::None) => wrapped.join_request,
            Ok(Compression::Gzip) => gunzip(&wrapped.join_request)?,
            Err(_) => return Err(Malformed),
        };
        Ok(proto::JoinRequest::decode(request.as_slice()).map_err(|_| Malformed)?.into())
    }
}

/// At most what a message may be long.
fn gunzip(compressed: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut plain = Vec::new();
    let read = GzDecoder::new(compressed).take(JOIN_BYTES_MAX as u64 + 1).read_to_end(&mut plain);
    read.ok().filter(|len| *len <= JOIN_BYTES_MAX).map(|_| plain).ok_or(Malformed)
}

impl From<proto::JoinRequest> for Join {
    fn from(join: proto::JoinRequest) -> Self {
        let info = join.client_info.unwrap_or_default();
        let auto_subscribe = join.connection_settings.is_none_or(|settings| settings.auto_subscribe);
        let mut requests = Vec::new();
        if !join.metadata.is_empty() || !join.participant_attributes.is_empty() {
            requests.push(Message::UpdateMetadata(proto::UpdateParticipantMetadata {
                metadata: join.metadata,
                attributes: join.participant_attributes,
                ..proto::UpdateParticipantMetadata::default()
            }));
        }
        requests.extend(join.sync_state.map(Message::SyncState));
        // In this order: an offer brings what was announced.
        requests.extend(join.add_track_requests.into_iter().take(TRACKS_MAX).map(Message::AddTrack));
        requests.extend(join.publisher_offer.map(Message::Offer));
        let version: String = info.version.chars().take(32).collect();
        Self {
            client: Client {
                auto_subscribe,
                single_connection: true,
                sdk: format!("{} {version}", Sdk::try_from(info.sdk).unwrap_or_default().as_str_name().to_lowercase()),
                protocol: u32::try_from(info.protocol).unwrap_or_default(),
            },
            resume: join.reconnect.then_some(join.participant_sid),
            requests,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use base64::engine::general_purpose::URL_SAFE;
    use flate2::Compression as Level;
    use flate2::write::GzEncoder;

    use super::*;

    fn wrapped(join: &[u8], compression: Compression) -> String {
        let join_request = match compression {
            Compression::None => join.to_vec(),
            Compression::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Level::fast());
                encoder.write_all(join).unwrap();
                encoder.finish().unwrap()
            }
        };
        let wrapped = proto::WrappedJoinRequest { compression: compression.into(), join_request };
        URL_SAFE.encode(wrapped.encode_to_vec())
    }

    #[test]
    fn join_reads_the_same_compressed_or_not_and_brings_its_requests_in_order() {
        let join = proto::JoinRequest {
            client_info: Some(proto::ClientInfo {
                sdk: Sdk::Js.into(),
                version: "2.0".into(),
                protocol: 16,
                ..Default::default()
            }),
            connection_settings: Some(proto::ConnectionSettings { auto_subscribe: false, ..Default::default() }),
            publisher_offer: Some(proto::SessionDescription { id: 1, ..Default::default() }),
            add_track_requests: vec![proto::AddTrackRequest { cid: "c".into(), ..Default::default() }],
            reconnect: true,
            participant_sid: "PA_1".into(),
            ..Default::default()
        };
        let [plain, zipped] = [Compression::None, Compression::Gzip]
            .map(|way| Join::decode(&wrapped(&join.encode_to_vec(), way)).unwrap());
        assert_eq!(plain, zipped);
        assert_eq!((plain.resume.as_deref(), plain.client.sdk.as_str()), (Some("PA_1"), "js 2.0"));
        assert!(!plain.client.auto_subscribe && plain.client.single_connection);
        assert!(matches!(&plain.requests[..], [Message::AddTrack(_), Message::Offer(offer)] if offer.id == 1));
    }

    #[test]
    fn nonsense_and_what_grows_beyond_a_message_are_refused() {
        for text in ["", "%%%", "AAAA", "_____w"] {
            let read = Join::decode(text);
            assert!(read.is_err() || read == Ok(proto::JoinRequest::default().into()), "{text}");
        }
        let bomb = proto::JoinRequest { metadata: "x".repeat(JOIN_BYTES_MAX), ..Default::default() };
        assert_eq!(Join::decode(&wrapped(&bomb.encode_to_vec(), Compression::Gzip)), Err(Malformed));
        assert_eq!(Join::decode(&wrapped(&[0xff; 9], Compression::None)), Err(Malformed));
    }
}
