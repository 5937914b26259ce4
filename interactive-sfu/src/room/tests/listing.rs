//! An audience is counted and not named one by one.

use super::*;

fn crowded() -> Sfu {
    let config = Config {
        addresses: vec!["127.0.0.1".parse().unwrap()],
        port: 0,
        shards: 1,
        listed_max: 2,
        ..Config::default()
    };
    Sfu::start(config, Keys::new("k", "s")).unwrap()
}

fn viewer(identity: &str) -> Grants {
    Grants { can_publish: false, ..grants(identity) }
}

/// Joins, and tells whom the newcomer is told of and how many there are.
async fn join(sfu: &Sfu, grants: Grants) -> (Participant, Vec<String>, u32) {
    let mut participant = Participant::of(sfu.connect(request(grants)).await.unwrap());
    let Message::Join(join) = participant.next().await.unwrap() else { panic!("join comes first") };
    participant.sid = join.participant.unwrap().sid;
    let named = join.other_participants.into_iter().map(|other| other.identity).collect();
    (participant, named, join.room.unwrap().num_participants)
}

#[tokio::test]
async fn viewers_beyond_the_limit_are_counted_and_speakers_named() {
    let sfu = crowded();
    let (mut ann, ..) = join(&sfu, grants("ann")).await;
    let (_ben, ..) = join(&sfu, viewer("ben")).await;
    let (_cat, named, count) = join(&sfu, viewer("cat")).await;
    assert_eq!((named, count), (vec!["ann".to_owned(), "ben".into()], 3));
    let (mut dan, named, count) = join(&sfu, viewer("dan")).await;
    assert_eq!((named, count), (vec!["ann".to_owned(), "ben".into()], 4), "cat is counted, not named");
    let (_eve, named, _) = join(&sfu, grants("eve")).await;
    assert_eq!(named, ["ann", "ben"]);
    let (fay, named, count) = join(&sfu, viewer("fay")).await;
    assert_eq!((named, count), (vec!["ann".to_owned(), "ben".into(), "eve".into()], 6), "eve may publish");

    sfu.driver().tick(Now::read());
    drop(fay);
    sfu.driver().tick(later(40));
    let news = ann
        .find(|message| match message {
            Message::Update(update)
                if update.participants.iter().any(|p| ["cat", "dan", "fay"].contains(&&*p.identity)) =>
            {
                Some(Err(update))
            }
            // The SFU's own ticks may have told of fewer before.
            Message::RoomUpdate(update) => {
                Some(Ok(update.room.unwrap().num_participants)).filter(|told| *told == Ok(6))
            }
            _ => None,
        })
        .await;
    assert_eq!(news, Ok(6), "how many there are is told");
    assert_eq!(sfu.participants("r", false).len(), 6 - 1, "the server's API names everybody");

    let permission = proto::ParticipantPermission { can_publish: true, can_subscribe: true, ..Default::default() };
    let request = proto::UpdateParticipantRequest {
        room: "r".into(),
        identity: "dan".into(),
        permission: Some(permission),
        ..Default::default()
    };
    sfu.ask(request).await.unwrap();
    assert_eq!(ann.update_of("dan").await.identity, "dan", "who is granted the stage is named at once");
    while !dan.update_of("dan").await.permission.unwrap().can_publish {}
    sfu.shutdown().await;
}

#[tokio::test]
async fn identity_that_joins_again_replaces_itself_whoever_is_named() {
    let sfu = crowded();
    let (_ann, ..) = join(&sfu, grants("ann")).await;
    let (_ben, ..) = join(&sfu, grants("ben")).await;
    let (mut cat, ..) = join(&sfu, viewer("cat")).await;
    let (_again, _, count) = join(&sfu, viewer("cat")).await;
    assert_eq!(count, 3);
    let duplicate = (proto::DisconnectReason::DuplicateIdentity, proto::leave_request::Action::Disconnect);
    assert_eq!(cat.left().await, duplicate);
    sfu.shutdown().await;
}
