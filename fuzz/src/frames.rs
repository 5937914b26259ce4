//! What a client says on LiveKit's signal connection, and what the server makes of it before a room is asked.

use bytes::Bytes;
use livekit_protocol::SignalRequest;
use livekit_protocol::signal_request::Message as Request;
use prost::Message as _;

use crate::signalling::livekit::frame::Frame;
use crate::signalling::sdp::{
    Candidate, Limits, PublishPolicy, RemoteDescription, SubscribePolicy, negotiate_publish, negotiate_subscribe,
};

/// A connection's frames: each begins with two bytes of length, whose highest bit says that it is text.
pub fn split(mut bytes: &[u8]) -> Vec<Frame> {
    let mut frames = vec![];
    while let Some((head, rest)) = bytes.split_first_chunk::<2>() {
        let head = u16::from_be_bytes(*head);
        let (frame, rest) = rest.split_at(rest.len().min(usize::from(head & 0x7fff)));
        bytes = rest;
        frames.push(match head >> 15 {
            0 => Frame::Binary(Bytes::copy_from_slice(frame)),
            _ => Frame::Text(String::from_utf8_lossy(frame).into_owned()),
        });
    }
    frames
}

/// Reads a frame; a request that it holds says the same after it was printed in either encoding.
pub fn read(frame: Frame) -> Option<Request> {
    let request = frame.request().ok()??;
    let printed = SignalRequest { message: Some(request.clone()) };
    let again = Frame::Binary(printed.encode_to_vec().into()).request();
    assert_eq!(again.map(|request| request.map(bytes_of)), Ok(Some(bytes_of(request.clone()))));
    if let Ok(text) = serde_json::to_string(&printed) {
        let again = Frame::Text(text).request();
        assert!(again.is_ok_and(|request| request.is_some()), "{printed:?}");
    }
    Some(request)
}

/// For comparison: a NaN is no other NaN.
fn bytes_of(request: Request) -> Vec<u8> {
    SignalRequest { message: Some(request) }.encode_to_vec()
}

/// Reads what a request carries, as it is read before a room sees the request. Target `room` goes on from there.
pub fn serve(request: &Request) {
    match request {
        Request::Offer(sdp) | Request::Answer(sdp) => {
            let Ok(description) = RemoteDescription::parse_within(&sdp.sdp, Limits::PARTICIPANT) else { return };
            let _ = negotiate_publish(&description, &PublishPolicy::default());
            let _ = negotiate_subscribe(&description, &SubscribePolicy::default());
        }
        Request::Trickle(trickle) => {
            let _ = Candidate::parse(&trickle.candidate_init);
        }
        _ => {}
    }
}
