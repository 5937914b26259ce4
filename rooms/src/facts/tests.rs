use access::{ByClass, Class};
use serde_json::Value;

use super::*;
use crate::overflow::{Reason, StartReason};
use crate::testing::{TestDatabase, for_each_database};
use crate::{BroadcastSetting, Room, RoomSettings};

const ORDERS_MAX: u32 = 2;

for_each_database! {
    facts_are_told_in_their_order_and_survive_a_restart,
    facts_are_deleted_when_all_who_follow_have_done_them,
    facts_that_nobody_has_done_refuse_no_change_of_a_room,
    oldest_facts_beyond_the_limit_are_deleted,
    nothing_is_written_where_nobody_follows,
}

fn name(text: &str) -> RoomName {
    text.parse().unwrap()
}

async fn opened(database: &TestDatabase) -> Rooms {
    let rooms = Rooms::open(&database.url, ORDERS_MAX).await.unwrap();
    drop(rooms.create(Room::new(name("a"), 7, RoomSettings::REST), 9).await);
    rooms
}

async fn follow(rooms: &Rooms, names: &[&str]) -> Vec<Facts> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    rooms.follow_facts(&names).await.unwrap()
}

fn started() -> FactKind {
    FactKind::BroadcastStarted { reason: StartReason::Waiting }
}

fn ended() -> FactKind {
    FactKind::BroadcastEnded { reason: EndReason::StageEmpty }
}

async fn kept(facts: &Facts) -> Vec<(i64, Fact)> {
    let mut kept = vec![];
    for (seq, room) in facts.after(facts.cursor(), 99).await.unwrap() {
        let fact = facts.fact(seq).await.unwrap().unwrap();
        assert_eq!(fact.room, room);
        kept.push((seq, fact));
    }
    kept
}

fn kinds(facts: &[(i64, Fact)]) -> Vec<FactKind> {
    facts.iter().map(|(_, fact)| fact.kind.clone()).collect()
}

async fn facts_are_told_in_their_order_and_survive_a_restart(database: TestDatabase) {
    let rooms = opened(&database).await;
    let mut facts = follow(&rooms, &["one"]).await.remove(0);
    rooms.change("a", |room| room.title = "no news".into()).await.unwrap();
    let changed = rooms.change("a", |room| room.audience.seats_max = 9).await.unwrap();
    let audience = FactKind::RoomAudienceChanged { audience: changed.audience };
    rooms.tell(&name("a"), started());
    rooms.tell(&name("b"), ended());
    facts.news(facts.cursor()).await;
    rooms.close().await;

    let rooms = opened(&database).await;
    let mut again = follow(&rooms, &["one"]).await.remove(0);
    assert_eq!(again.cursor(), facts.cursor());
    let before = kept(&again).await;
    assert_eq!(kinds(&before), [audience, started(), ended()]);
    again.done(before[1].0).await.unwrap();
    rooms.close().await;

    let rooms = opened(&database).await;
    let facts = follow(&rooms, &["one"]).await.remove(0);
    assert_eq!(kept(&facts).await, before[2..], "the same id, and what was done is not told again");
}

async fn facts_are_deleted_when_all_who_follow_have_done_them(database: TestDatabase) {
    let rooms = opened(&database).await;
    let mut followers = follow(&rooms, &["one", "two"]).await;
    let (one, two) = followers.split_at_mut(1);
    (0..3).for_each(|_| rooms.tell(&name("a"), started()));
    rooms.inner.facts.write(&rooms.inner.store).await.unwrap();
    let seqs: Vec<i64> = kept(&one[0]).await.into_iter().map(|(seq, _)| seq).collect();
    one[0].done(seqs[2]).await.unwrap();
    two[0].done(seqs[0]).await.unwrap();
    assert_eq!((one[0].fact(seqs[0]).await.unwrap(), kept(&two[0]).await.len()), (None, 2));

    let one = follow(&rooms, &["one"]).await.remove(0);
    assert_eq!(rooms.inner.store.facts_after(0, 9).await.unwrap(), [], "the other is waited for no more");
    rooms.tell(&name("a"), ended());
    rooms.inner.facts.write(&rooms.inner.store).await.unwrap();
    assert_eq!(kinds(&kept(&one).await), [ended()]);
    let late = follow(&rooms, &["one", "late"]).await.remove(1);
    assert_eq!(kept(&late).await, [], "who is new begins with the next fact");
}

async fn facts_that_nobody_has_done_refuse_no_change_of_a_room(database: TestDatabase) {
    let rooms = opened(&database).await;
    let mut orders = rooms.orders("broadcasts").await.unwrap();
    let facts = follow(&rooms, &["one"]).await.remove(0);
    for _ in 0..2 {
        (0..5).for_each(|_| rooms.tell(&name("a"), started()));
        rooms.inner.facts.write(&rooms.inner.store).await.unwrap();
        for setting in [BroadcastSetting::Off, BroadcastSetting::On] {
            rooms.change("a", move |room| room.broadcast = room.broadcast.set(setting, 1)).await.unwrap();
            assert!(orders.try_next().await.unwrap().is_some());
            orders.done().await;
        }
    }
    assert_eq!(orders.try_next().await.unwrap(), None);
    assert_eq!(kept(&facts).await.len(), 10, "who follows orders deletes no facts");
    assert_eq!(rooms.inner.store.order_after(0).await.unwrap(), None, "nor is the other waited for");
}

async fn oldest_facts_beyond_the_limit_are_deleted(database: TestDatabase) {
    let rooms = opened(&database).await;
    let facts = follow(&rooms, &["one"]).await.remove(0);
    let told = |at_utc_ms| Fact { at_utc_ms, ..Fact::now(name("a"), started()) };
    let many: Vec<Fact> = (0..5).map(told).collect();
    rooms.inner.store.push_facts(&many, 3).await.unwrap();
    let left: Vec<Fact> = kept(&facts).await.into_iter().map(|(_, fact)| fact).collect();
    assert_eq!(left, many[2..]);
}

async fn nothing_is_written_where_nobody_follows(database: TestDatabase) {
    let rooms = opened(&database).await;
    rooms.tell(&name("a"), started());
    rooms.change("a", |room| room.audience.seats_max = 9).await.unwrap();
    rooms.inner.facts.write(&rooms.inner.store).await.unwrap();
    assert_eq!(rooms.inner.store.newest_fact().await.unwrap(), 0);
}

#[tokio::test]
async fn facts_that_wait_are_bounded() {
    let database = TestDatabase::sqlite("");
    let rooms = opened(&database).await;
    let _facts = follow(&rooms, &["one"]).await;
    (0..WAITING_MAX + 5).for_each(|_| rooms.tell(&name("a"), started()));
    assert_eq!(rooms.inner.facts.waiting().facts.len(), WAITING_MAX);
}

#[test]
fn people_moved_for_one_reason_are_one_fact_until_it_is_written() {
    let mut waiting = Waiting::default();
    let add = |waiting: &mut Waiting, room: &str, kind: FactKind| waiting.add(Fact::now(name(room), kind)).unwrap();
    let demoted =
        |number: usize, reason| FactKind::demoted(reason, format!("v{number}").parse().unwrap(), Class::Viewer);
    add(&mut waiting, "a", demoted(0, Reason::RoomFull));
    add(&mut waiting, "b", demoted(1, Reason::RoomFull));
    add(&mut waiting, "a", demoted(2, Reason::RoomFull));
    add(&mut waiting, "a", demoted(3, Reason::NodeDrains));
    add(&mut waiting, "a", demoted(4, Reason::RoomFull));
    let people = |facts: &[Fact]| {
        let people = facts.iter().map(|fact| match &fact.kind {
            FactKind::ViewersDemoted { viewers, .. } => viewers.iter().map(|one| one.identity.to_string()).collect(),
            other => panic!("{other:?}"),
        });
        people.map(|all: Vec<String>| all.join(" ")).collect::<Vec<_>>()
    };
    let batch = waiting.batch();
    assert_eq!(people(&batch), ["v0 v2", "v1", "v3", "v4"], "in their order");
    add(&mut waiting, "a", demoted(5, Reason::RoomFull));
    assert_eq!(people(&waiting.batch()), ["v0 v2", "v1", "v3", "v4", "v5"], "what may be written stays as it is");
    waiting.written(batch.len());
    (6..6 + 300).for_each(|number| add(&mut waiting, "b", demoted(number, Reason::RoomFull)));
    let sizes: Vec<usize> = people(&waiting.batch()).iter().map(|all| all.split(' ').count()).collect();
    assert_eq!(sizes, [1, 256, 44]);
}

#[test]
fn facts_are_written_as_they_are_documented() {
    let viewers = vec![MovedViewer { identity: "ann".parse().unwrap(), class: Class::Viewer }];
    let by_class = ByClass { viewer: 3, ..ByClass::default() };
    let counts = FactKind::AudienceCounted { interactive: 1, broadcast: 2, total: 3, peak: 9, by_class };
    for (kind, json) in [
        (started(), r#"{"reason":"waiting"}"#),
        (ended(), r#"{"reason":"stage_empty"}"#),
        (
            FactKind::ViewersPromoted { reason: Reason::Seat, viewers: viewers.clone() },
            r#"{"reason":"seat","viewers":[{"identity":"ann","class":"viewer"}]}"#,
        ),
        (
            FactKind::ViewersDemoted { reason: Reason::RoomFull, viewers },
            r#"{"reason":"room_full","viewers":[{"identity":"ann","class":"viewer"}]}"#,
        ),
        (
            counts,
            r#"{"interactive":1,"broadcast":2,"total":3,"peak":9,"by_class":{"speaker":0,"host":0,"premium":0,"viewer":3,"anonymous":0}}"#,
        ),
    ] {
        assert_eq!(kind.details(), serde_json::from_str::<Value>(json).unwrap());
        let fact = Fact { id: "EV_1".into(), room: name("a"), at_utc_ms: 7, kind };
        let text = serde_json::to_string(&fact).unwrap();
        assert!(text.contains(&format!(r#""event":"{}""#, fact.kind.name())), "{text}");
        assert_eq!(serde_json::from_str::<Fact>(&text).unwrap(), fact);
    }
}
