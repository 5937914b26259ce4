//! A call of Twirp (v7), in JSON or protobuf: its head, its body, and the answer.

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use prost::Message;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::answered::answered;
use super::failure::{Code, Failure};
use crate::app::App;
use crate::extract;

/// A longer body is refused: the longest is a message of 64,000 bytes in Base64.
const BODY_BYTES_MAX: usize = 128 * 1024;

/// A call whose body has not been read: the caller's token is verified first.
pub(super) struct Unread {
    pub(super) head: Parts,
    body: Body,
    json: bool,
}

impl Unread {
    /// Refuses a body of another type.
    pub(super) fn new(request: Request) -> Result<Self, Failure> {
        let (head, body) = request.into_parts();
        let json = match extract::media_type(&head.headers) {
            "application/json" => true,
            "application/protobuf" => false,
            _ => {
                let sentence = "the body must be application/json or application/protobuf";
                return Err(Failure::new(Code::BadRoute, sentence));
            }
        };
        Ok(Self { head, body, json })
    }

    /// Reads the body.
    pub(super) async fn read(self, app: &App) -> Result<Call, Failure> {
        let body = extract::bytes(&app.config, &self.head.headers, self.body, BODY_BYTES_MAX).await?;
        Ok(Call { json: self.json, body })
    }
}

/// A request's body, and how the answer is to be written.
pub(super) struct Call {
    json: bool,
    body: Bytes,
}

impl Call {
    pub(super) fn request<M: Message + Default + DeserializeOwned>(&self) -> Result<M, Failure> {
        let malformed = |error: &dyn std::error::Error| Failure::new(Code::Malformed, error.to_string());
        if self.json {
            serde_json::from_slice(&self.body).map_err(|error| malformed(&error))
        } else {
            M::decode(self.body.clone()).map_err(|error| malformed(&error))
        }
    }

    pub(super) fn reply<M: Message + Serialize>(&self, answer: M) -> Result<Response, Failure> {
        let (kind, body) = if self.json {
            let text = serde_json::to_vec(&answer).map_err(|error| Failure::new(Code::Internal, error.to_string()))?;
            ("application/json", text)
        } else {
            ("application/protobuf", answer.encode_to_vec())
        };
        Ok(answered(StatusCode::OK, kind, body))
    }
}
