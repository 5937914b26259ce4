//! Tracks: announced, negotiated, told to others.

use super::*;

#[tokio::test]
async fn track_is_announced_negotiated_told_to_others_muted_and_withdrawn() {
    let sfu = sfu();
    let (mut ann, mut ben) =
        (Participant::join(&sfu, grants("ann")).await, Participant::join(&sfu, grants("ben")).await);
    let announced = ann.announce("mic").await.unwrap();
    assert_eq!(ann.announce("mic").await.unwrap().sid, announced.sid, "asked twice, it is one");
    ann.offer(OFFER);
    let answer = ann.find(|message| if let Message::Answer(answer) = message { Some(answer) } else { None }).await;
    let described = RemoteDescription::parse(&answer.sdp.replace("passive", "active")).unwrap();
    assert_eq!((answer.id, described.sections[0].direction.receives()), (7, true));
    let mut order = Vec::new();
    while order.len() < 2 {
        match ben.next().await.unwrap() {
            Message::Update(update) if !update.participants[0].tracks.is_empty() => order.push("update"),
            Message::Offer(_) if order.is_empty() => {
                // The first offer, of before; an answer lets the next one come.
                ben.say(Request::Answer(proto::SessionDescription {
                    sdp: OFFER.replace("actpass", "active").replace("sendonly", "recvonly"),
                    ..Default::default()
                }));
            }
            Message::Offer(offer) => {
                assert_eq!(offer.mid_to_track_id["1"], announced.sid);
                order.push("offer");
            }
            _ => {}
        }
    }
    assert_eq!(order, ["update", "offer"], "who is told of a track first knows what to make of it");

    ann.say(Request::Mute(proto::MuteTrackRequest { sid: announced.sid.clone(), muted: true }));
    assert!(ben.update_of("ann").await.tracks[0].muted);
    ann.say(Request::Mute(proto::MuteTrackRequest { sid: "TR_unknown".into(), muted: true }));
    ann.offer(&OFFER.replace("sendonly", "inactive"));
    assert!(ben.update_of("ann").await.tracks.is_empty(), "a section that sends no more ends its track");
    sfu.shutdown().await;
}

#[tokio::test]
async fn client_with_one_connection_offers_and_is_asked_for_missing_sections() {
    let sfu = sfu();
    let mut ann = Participant::join(&sfu, grants("ann")).await;
    let track = ann.announce("mic").await.unwrap();
    ann.offer(OFFER);
    let first = proto::SessionDescription { sdp: OFFER.replace("sendonly", "inactive"), id: 1, ..Default::default() };
    let mut one = request(grants("ben"));
    one.client.single_connection = true;
    one.requests = vec![Request::Offer(first)];
    let mut ben = Participant::of(sfu.connect(one).await.unwrap());
    let Some(Message::Join(join)) = ben.next().await else { panic!("join comes first") };
    assert!(!join.subscriber_primary && join.other_participants[0].tracks.len() == 1);
    let answer = ben.find(|message| if let Message::Answer(answer) = message { Some(answer) } else { None }).await;
    assert!(answer.id == 1 && answer.mid_to_track_id.is_empty(), "it has no section to receive on");
    let missing = ben.find(|message| match message {
        Message::MediaSectionsRequirement(missing) => Some((missing.num_audios, missing.num_videos)),
        _ => None,
    });
    assert_eq!(missing.await, (1, 0));
    ben.offer(&OFFER.replace("sendonly", "recvonly"));
    let answer = ben.find(|message| if let Message::Answer(answer) = message { Some(answer) } else { None }).await;
    assert_eq!((answer.id, &answer.mid_to_track_id["0"]), (7, &track.sid));
    assert!(answer.sdp.contains("a=sendonly") && answer.sdp.contains(&track.sid));
    sfu.shutdown().await;
}
