//! One WebSocket message, as it is read.

use bytes::Bytes;
use livekit_protocol as proto;
use prost::Message as _;

use crate::signalling::sdp::Limits;

/// A longer message is refused. The largest description that a participant may send fits, with room for the message
/// around it.
pub const FRAME_BYTES_MAX: usize = Limits::PARTICIPANT.bytes + 64 * 1024;

/// One WebSocket message. A client that sends text is answered in text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Protobuf.
    Binary(Bytes),
    /// The same in protobuf's JSON mapping.
    Text(String),
}

impl Frame {
    /// Text, not binary.
    pub fn is_text(&self) -> bool {
        matches!(self, Self::Text(_))
    }

    /// Bytes of it.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Binary(bytes) => bytes.len(),
            Self::Text(text) => text.len(),
        }
    }

    /// The request; `None` within for a kind of request that this version does not know. `Err`: it is none at all.
    pub fn request(self) -> Result<Option<proto::signal_request::Message>, Malformed> {
        if self.len() > FRAME_BYTES_MAX {
            return Err(Malformed);
        }
        let request = match self {
            Self::Binary(bytes) => proto::SignalRequest::decode(bytes).map_err(|_| Malformed)?,
            Self::Text(text) => serde_json::from_str::<proto::SignalRequest>(&text).map_err(|_| Malformed)?,
        };
        Ok(request.message)
    }
}

/// Not a message of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a signal request")]
pub struct Malformed;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_encodings_say_the_same_and_nonsense_is_refused() {
        let ping = proto::SignalRequest { message: Some(proto::signal_request::Message::Ping(7)) };
        let binary = Frame::Binary(ping.encode_to_vec().into());
        let text = Frame::Text(r#"{"ping":"7"}"#.into());
        assert_eq!(binary.request(), text.request());
        assert_eq!(Frame::Binary(Bytes::from_static(&[0xff; 9])).request(), Err(Malformed));
        assert_eq!(Frame::Text("{".into()).request(), Err(Malformed));
        assert_eq!(Frame::Binary(vec![0; FRAME_BYTES_MAX + 1].into()).request(), Err(Malformed));
        // Field 1000, which nobody has assigned.
        assert_eq!(Frame::Binary(Bytes::from_static(&[0xc0, 0x3e, 0x01])).request(), Ok(None));
    }
}
