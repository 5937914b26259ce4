//! A message to one client or to many: encoded once, however many get it.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use livekit_protocol as proto;
use livekit_protocol::signal_response::Message;
use prost::Message as _;

use super::Frame;

/// A message on its way to clients.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    response: proto::SignalResponse,
    binary: OnceLock<Bytes>,
    text: OnceLock<String>,
}

impl From<Message> for Outgoing {
    fn from(message: Message) -> Self {
        let response = proto::SignalResponse { message: Some(message) };
        Self(Arc::new(Shared { response, binary: OnceLock::new(), text: OnceLock::new() }))
    }
}

impl Outgoing {
    /// As a client reads it that writes `text`, or binary.
    pub(crate) fn frame(&self, text: bool) -> Frame {
        if text {
            let text = self.0.text.get_or_init(|| serde_json::to_string(&self.0.response).unwrap_or_default());
            Frame::Text(text.clone())
        } else {
            Frame::Binary(self.0.binary.get_or_init(|| self.0.response.encode_to_vec().into()).clone())
        }
    }
}

/// The end of a session, and what the client is to do about it.
pub(crate) fn leave(reason: proto::DisconnectReason, action: proto::leave_request::Action) -> Message {
    Message::Leave(proto::LeaveRequest {
        can_reconnect: action != proto::leave_request::Action::Disconnect,
        reason: reason.into(),
        action: action.into(),
        ..proto::LeaveRequest::default()
    })
}

/// News of one participant.
pub(crate) fn update(participant: proto::ParticipantInfo) -> Message {
    Message::Update(proto::ParticipantUpdate { participants: vec![participant] })
}

/// The answer to a request that carries an id.
pub(crate) fn response(request_id: u32, reason: proto::request_response::Reason, message: &str) -> Message {
    Message::RequestResponse(proto::RequestResponse {
        request_id,
        reason: reason.into(),
        message: message.to_owned(),
        ..proto::RequestResponse::default()
    })
}
