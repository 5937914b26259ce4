use std::time::{Duration, SystemTime};

use serde_json::json;

use crate::node::{DrainProgress, NodeDesk, NodeStatus};
use crate::testing::Rig;

/// Follows orders as the loop that decides about the audience does.
async fn follow(desk: NodeDesk) {
    let mut orders = desk.orders();
    while orders.changed().await.is_ok() {
        let ordered = desk.ordered();
        let drain = ordered.map(|order| DrainProgress {
            order,
            seats_before: 7,
            ends_by_utc: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000),
        });
        desk.note(NodeStatus { seats_taken: 5, drain, ..NodeStatus::default() });
    }
}

#[tokio::test]
async fn operators_drain_the_node_and_are_told_how_far_it_is() {
    let rig = Rig::new().await;
    tokio::spawn(follow(rig.parts.node.clone()));
    tokio::task::yield_now().await;
    let (name, operator) = rig.bearer("demo", "operator");
    let operator = &[(name, operator.as_str())];
    assert_eq!(rig.get("/readyz", &[]).await.status, 200);
    let before = rig.send("GET", "/v1/node", operator, "").await.json();
    assert_eq!((&before["admission"], &before["drain"]), (&json!("open"), &json!(null)));
    for _ in 0..2 {
        let drained = rig.send("PUT", "/v1/node/drain", operator, "").await.json();
        let drain = &drained["drain"];
        assert_eq!(
            (&drain["seats_before"], &drain["seats_left"], &drain["is_over"]),
            (&json!(7), &json!(5), &json!(false))
        );
        assert_eq!(drain["ends_by"], "2027-01-15T08:00:00.000Z");
    }
    assert_eq!(rig.get("/readyz", &[]).await.status, 503, "balancers look elsewhere");
    let after = rig.send("DELETE", "/v1/node/drain", operator, "").await.json();
    assert_eq!(after["drain"], json!(null));
    assert_eq!(rig.get("/readyz", &[]).await.status, 200);
}

#[tokio::test]
async fn nobody_but_an_operator_sees_or_drains_the_node() {
    let rig = Rig::new().await;
    for (method, path) in [("GET", "/v1/node"), ("PUT", "/v1/node/drain"), ("DELETE", "/v1/node/drain")] {
        let (name, token) = rig.bearer("demo", "admin create list publish subscribe");
        assert_eq!(rig.send(method, path, &[(name, &token)], "").await.status, 403, "{method} {path}");
        assert_eq!(rig.send(method, path, &[], "").await.status, 401, "{method} {path}");
    }
    assert!(rig.parts.node.ordered().is_none());
}
