use interactive_sfu::{Command, SfuError};
use rooms::BroadcastSetting;
use serde_json::json;

use crate::testing::{Reply, Rig};

async fn ask(rig: &Rig, identity: &str, grants: &str, body: &str) -> Reply {
    let (name, token) = rig.bearer("demo", grants);
    let headers = [(name, token.as_str()), ("content-type", "application/json")];
    rig.send("POST", &format!("/v1/rooms/demo/participants/{identity}/move"), &headers, body).await
}

const TO_BROADCAST: &str = r#"{"delivery":"broadcast"}"#;
const TO_SEAT: &str = r#"{"delivery":"interactive"}"#;

#[tokio::test]
async fn host_moves_a_seated_viewer_to_the_broadcast_which_starts_for_them() {
    let rig = Rig::new().await;
    let reply = ask(&rig, "bob", "admin", TO_BROADCAST).await;
    assert_eq!((reply.status, reply.json()["within_seconds"].clone()), (202, json!(15)));
    let told = rig.media.moderated.lock().unwrap().pop().unwrap();
    let Command::Demote(demote) = told else { panic!("{told:?}") };
    assert_eq!((demote.identity.as_str(), demote.within_ms), ("bob", 15_000));
    let answer: serde_json::Value = serde_json::from_str(&demote.answer).unwrap();
    assert_eq!((&answer["reason"], &answer["ready"]), (&json!("by_host"), &json!(false)));
    assert_eq!(rig.demand.waited_for(std::time::Instant::now()).len(), 1);
}

#[tokio::test]
async fn broadcast_does_not_start_for_somebody_who_is_not_there() {
    let rig = Rig::new().await;
    *rig.media.other.lock().unwrap() = Some(SfuError::UnknownParticipant);
    assert_eq!(ask(&rig, "nobody", "admin", TO_BROADCAST).await.status, 404);
    assert!(rig.demand.waited_for(std::time::Instant::now()).is_empty());
}

#[tokio::test]
async fn nobody_is_moved_to_a_broadcast_that_cannot_be() {
    let rig = Rig::new().await;
    rig.set(|room| room.broadcast.setting = BroadcastSetting::Off).await;
    let reply = ask(&rig, "bob", "admin", TO_BROADCAST).await;
    assert_eq!((reply.status, reply.json()["type"].clone()), (409, json!("urn:spillway:problem:not-on-air")));
    assert!(rig.media.moderated.lock().unwrap().is_empty());
}

#[tokio::test]
async fn moving_somebody_takes_the_rooms_administrator_and_a_body_that_says_where() {
    let rig = Rig::new().await;
    assert_eq!(ask(&rig, "bob", "publish subscribe create list", TO_BROADCAST).await.status, 403);
    assert_eq!(ask(&rig, "bob", "admin", r#"{"delivery":"elsewhere"}"#).await.status, 422);
    assert_eq!(ask(&rig, "bob", "admin", r#"{"delivery":"broadcast","within":1}"#).await.status, 422);
    assert_eq!(ask(&rig, &"x".repeat(300), "admin", TO_BROADCAST).await.status, 404);
    assert_eq!(ask(&rig, "bob", "admin", TO_SEAT).await.status, 404, "nobody who could be told");
}
