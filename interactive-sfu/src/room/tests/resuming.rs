//! Signal connections that are lost.

use super::*;

#[tokio::test]
async fn lost_connection_is_resumed_or_given_up_after_a_while() {
    let sfu = sfu();
    let (ann, mut ben) = (Participant::join(&sfu, grants("ann")).await, Participant::join(&sfu, grants("ben")).await);
    let sid = ann.sid.clone();
    drop(ann);
    let resume = |grants, sid: &str| ConnectRequest { resume: Some(sid.into()), ..request(grants) };
    let connection = sfu.connect(resume(grants("ann"), &sid)).await.unwrap();
    let mut again = Participant { sid: sid.clone(), ..Participant::of(connection) };
    assert!(matches!(again.next().await, Some(Message::Reconnect(_))));
    let Some(Message::Update(update)) = again.next().await else { panic!("an update follows") };
    let told: Vec<&str> = update.participants.iter().map(|one| one.identity.as_str()).collect();
    assert_eq!(told, ["ann", "ben"], "oneself first");
    assert!(matches!(again.next().await, Some(Message::RoomUpdate(_))));
    assert!(matches!(again.next().await, Some(Message::Offer(_))), "ICE begins anew");

    // A stranger, and a session of somebody else.
    for (identity, sid) in [("ann", "PA_unknown"), ("cat", sid.as_str())] {
        let connection = sfu.connect(resume(grants(identity), sid)).await.unwrap();
        let mut refused = Participant::of(connection);
        let mismatch = (proto::DisconnectReason::StateMismatch, proto::leave_request::Action::Reconnect);
        assert_eq!(refused.left().await, mismatch, "{identity} {sid}");
    }
    drop(again);
    sfu.driver().tick(later(29));
    assert_eq!(sfu.participants("r", false).len(), 2, "they may come back");
    sfu.driver().tick(later(31));
    let gone = loop {
        let told = ben.update_of("ann").await;
        if told.state() == Presence::Disconnected {
            break told;
        }
    };
    assert_eq!(gone.disconnect_reason(), proto::DisconnectReason::SignalClose);
    assert_eq!(sfu.participants("r", false).len(), 1);
    sfu.shutdown().await;
}

#[tokio::test]
async fn client_that_reads_nothing_is_cut_off_and_costs_nobody_else() {
    let sfu = sfu();
    let mut ann = Participant::join(&sfu, Grants { can_update_own_metadata: true, ..grants("ann") }).await;
    let lazy = Participant::join(&sfu, grants("lazy")).await;
    for n in 0..600 {
        let name = format!("ann {n}");
        ann.say(Request::UpdateMetadata(proto::UpdateParticipantMetadata { name, ..Default::default() }));
        sfu.driver().tick(Now::read());
        while ann.update_of("ann").await.name != format!("ann {n}") {}
    }
    sfu.driver().tick(Now::read());
    sfu.driver().tick(later(31));
    assert_eq!(ann.update_of("lazy").await.state(), Presence::Disconnected);
    drop(lazy);
    sfu.shutdown().await;
}
