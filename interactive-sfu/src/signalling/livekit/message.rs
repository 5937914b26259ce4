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
    said: Said,
    binary: OnceLock<Bytes>,
    text: OnceLock<String>,
}

#[derive(Debug)]
enum Said {
    Response(Box<proto::SignalResponse>),
    /// A `JoinResponse` of two parts, each encoded: what this client is told of itself, and of the others.
    Join(Vec<u8>, Bytes),
}

impl From<Message> for Outgoing {
    fn from(message: Message) -> Self {
        Self::new(Said::Response(Box::new(proto::SignalResponse { message: Some(message) })))
    }
}

/// The key of `SignalResponse.join`: field 1, length-delimited.
const JOIN_KEY: u8 = 1 << 3 | 2;

impl Outgoing {
    fn new(said: Said) -> Self {
        Self(Arc::new(Shared { said, binary: OnceLock::new(), text: OnceLock::new() }))
    }

    /// What a newcomer is told first. `others`: `other_participants`, encoded once for all who come while nothing
    /// changes (fields of a message may stand in any order, and in pieces).
    pub(crate) fn join(join: &proto::JoinResponse, others: &Bytes) -> Self {
        Self::new(Said::Join(join.encode_to_vec(), others.clone()))
    }

    /// As a client reads it that writes `text`, or binary.
    pub(crate) fn frame(&self, text: bool) -> Frame {
        if text {
            let text = self.0.text.get_or_init(|| match &self.0.said {
                Said::Response(response) => serde_json::to_string(response).unwrap_or_default(),
                Said::Join(..) => {
                    let response = proto::SignalResponse::decode(self.binary()).unwrap_or_default();
                    serde_json::to_string(&response).unwrap_or_default()
                }
            });
            Frame::Text(text.clone())
        } else {
            Frame::Binary(self.binary())
        }
    }

    fn binary(&self) -> Bytes {
        let encode = || match &self.0.said {
            Said::Response(response) => response.encode_to_vec().into(),
            Said::Join(own, others) => {
                let mut bytes = Vec::with_capacity(own.len() + others.len() + 8);
                bytes.push(JOIN_KEY);
                prost::encode_length_delimiter(own.len() + others.len(), &mut bytes).expect("a Vec grows");
                bytes.extend_from_slice(own);
                bytes.extend_from_slice(others);
                bytes.into()
            }
        };
        self.0.binary.get_or_init(encode).clone()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn join_of_two_parts_reads_as_one_message_in_both_encodings() {
        let one = |sid: &str| proto::ParticipantInfo { sid: sid.into(), ..Default::default() };
        let others = proto::JoinResponse { other_participants: vec![one("PA_2"), one("PA_3")], ..Default::default() };
        let own = proto::JoinResponse { participant: Some(one("PA_1")), ping_interval: 5, ..Default::default() };
        let whole = proto::JoinResponse { other_participants: others.other_participants.clone(), ..own.clone() };
        let expected = proto::SignalResponse { message: Some(Message::Join(whole)) };
        let outgoing = Outgoing::join(&own, &others.encode_to_vec().into());
        let Frame::Binary(bytes) = outgoing.frame(false) else { panic!("not binary") };
        assert_eq!(proto::SignalResponse::decode(bytes).unwrap(), expected);
        assert_eq!(outgoing.frame(true), Outgoing::from(expected.message.unwrap()).frame(true));
    }
}
