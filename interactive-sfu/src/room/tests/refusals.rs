//! Requests that cannot be followed.

use super::*;

#[tokio::test]
async fn track_that_may_not_or_cannot_be_published_is_refused_with_a_reason() {
    let sfu = sfu();
    let listener = Grants { can_publish_sources: vec!["camera".into()], ..grants("ann") };
    assert_eq!(Participant::join(&sfu, listener).await.announce("mic").await, Err(Reason::NotAllowed));
    let mut ben = Participant::join(&sfu, grants("ben")).await;
    assert_eq!(ben.announce("").await, Err(Reason::InvalidRequest));
    assert_eq!(ben.announce(&"x".repeat(300)).await, Err(Reason::InvalidRequest));
    assert!(ben.announce("1").await.is_ok() && ben.announce("2").await.is_ok());
    assert_eq!(ben.announce("3").await, Err(Reason::LimitExceeded));
    ben.say(Request::AddTrack(proto::AddTrackRequest { sid: "TR_x".into(), ..Default::default() }));
    let reason = ben.find(|message| match message {
        Message::RequestResponse(response) => Some(response.reason()),
        _ => None,
    });
    assert_eq!(reason.await, Reason::NotFound);
    ben.say(Request::UpdateMetadata(proto::UpdateParticipantMetadata { request_id: 9, ..Default::default() }));
    let reason = ben.find(|message| match message {
        Message::RequestResponse(response) => Some((response.request_id, response.reason())),
        _ => None,
    });
    assert_eq!(reason.await, (9, Reason::NotAllowed));
    sfu.shutdown().await;
}

#[tokio::test]
async fn nonsense_ends_its_own_client_and_nobody_else_notices() {
    let sfu = sfu();
    let (mut ann, mut ben) =
        (Participant::join(&sfu, grants("ann")).await, Participant::join(&sfu, grants("ben")).await);
    // Out of order, repeated and unknown: nothing comes of it.
    let answer = proto::SessionDescription { sdp: OFFER.replace("actpass", "active"), id: 99, ..Default::default() };
    ann.say(Request::Answer(answer));
    let unknown = vec!["TR_x".to_owned(); 5];
    ann.say(Request::Subscription(proto::UpdateSubscription { track_sids: unknown.clone(), ..Default::default() }));
    ann.say(Request::TrackSetting(proto::UpdateTrackSettings { track_sids: unknown, ..Default::default() }));
    ann.say(Request::Trickle(proto::TrickleRequest { candidate_init: "{".into(), ..Default::default() }));
    ann.say(Request::PingReq(proto::Ping { timestamp: 5, rtt: 0 }));
    let pong = ann.find(|message| if let Message::PongResp(pong) = message { Some(pong) } else { None }).await;
    assert_eq!(pong.last_ping_timestamp, 5);
    assert!(ann.connection.receive(Frame::Binary(vec![0xff; 100].into())).is_err());

    ann.offer("v=0\r\nnonsense");
    assert_eq!(ann.left().await, (proto::DisconnectReason::StateMismatch, proto::leave_request::Action::Reconnect));
    assert_eq!(ben.update_of("ann").await.state(), Presence::Disconnected);
    assert!(ben.announce("mic").await.is_ok());
    sfu.shutdown().await;
}
