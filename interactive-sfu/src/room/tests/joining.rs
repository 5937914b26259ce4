//! Coming, and staying.

use super::*;

#[tokio::test]
async fn newcomer_and_others_are_told_of_each_other_and_data_is_offered_at_once() {
    let sfu = sfu();
    let mut ann = Participant::join(&sfu, grants("ann")).await;
    let offer = ann.find(|message| if let Message::Offer(offer) = message { Some(offer) } else { None }).await;
    let described = RemoteDescription::parse(&offer.sdp).unwrap();
    assert_eq!((offer.id, described.sections.len(), described.sections[0].data), (1, 1, true));

    let mut connection = sfu.connect(request(grants("ben"))).await.unwrap();
    let Frame::Binary(first) = connection.ready().await.swap_remove(0) else { panic!() };
    let Some(Message::Join(join)) = proto::SignalResponse::decode(first).unwrap().message else { panic!() };
    assert_eq!((join.other_participants[0].identity.as_str(), join.room.unwrap().num_participants), ("ann", 2));
    assert!(join.ping_interval > 0 && join.ping_timeout > 0 && !join.server_info.unwrap().version.is_empty());
    assert!(join.participant.unwrap().permission.unwrap().can_publish && join.subscriber_primary);
    assert_eq!(ann.update_of("ben").await.state(), Presence::Joined);
    sfu.shutdown().await;
}

#[tokio::test]
async fn hidden_participant_sees_others_and_is_not_seen() {
    let sfu = sfu();
    let mut ann = Participant::join(&sfu, grants("ann")).await;
    let mut ghost = Participant::join(&sfu, Grants { hidden: true, ..grants("ghost") }).await;
    let _ben = Participant::join(&sfu, grants("ben")).await;
    ghost.update_of("ben").await;
    let first = ann
        .find(|message| match message {
            Message::Update(update) => update.participants.into_iter().find(|one| one.identity != "ann"),
            _ => None,
        })
        .await;
    assert_eq!(first.identity, "ben");
    assert_eq!(sfu.participants("r", false).len(), 2);
    sfu.shutdown().await;
}

#[tokio::test]
async fn second_participant_of_an_identity_replaces_the_first_and_a_full_room_refuses() {
    let sfu = sfu();
    let mut first = Participant::join(&sfu, grants("ann")).await;
    let _second = Participant::join(&sfu, grants("ann")).await;
    assert_eq!(first.left().await.0, proto::DisconnectReason::DuplicateIdentity);
    let _others = (Participant::join(&sfu, grants("b")).await, Participant::join(&sfu, grants("c")).await);
    assert!(matches!(sfu.connect(request(grants("d"))).await.err(), Some(SfuError::NoSeat(NoSeat::RoomFull))));
    sfu.shutdown().await;
}

#[tokio::test]
async fn token_is_renewed_while_its_participant_stays() {
    let sfu = sfu();
    let mut ann = Participant::join(&sfu, grants("ann")).await;
    sfu.driver().tick(later(301));
    let token = ann.find(|message| if let Message::RefreshToken(token) = message { Some(token) } else { None }).await;
    let renewed = Keys::new("k", "s").verify(&token, later(301).utc).unwrap();
    assert_eq!((renewed.identity.as_deref(), renewed.name.as_str(), renewed.can_publish), (Some("ann"), "ANN", true));
    sfu.shutdown().await;
}
