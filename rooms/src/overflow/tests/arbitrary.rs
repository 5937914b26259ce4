//! Arbitrary thresholds and snapshots.

use proptest::prelude::*;

use super::*;

fn class() -> impl Strategy<Value = Class> {
    prop::sample::select(Class::ALL.to_vec())
}

fn by_class(most: u32) -> impl Strategy<Value = ByClass> {
    (0..=most, 0..=most, 0..=most, 0..=most, 0..=most).prop_map(|(speaker, host, premium, viewer, anonymous)| ByClass {
        speaker,
        host,
        premium,
        viewer,
        anonymous,
    })
}

/// Thresholds that are valid, with short times.
pub(super) fn thresholds() -> impl Strategy<Value = Thresholds> {
    let demote = prop::sample::select(vec![Demotion::Never, Demotion::IdleFirst, Demotion::LowestClassFirst]);
    let promote = prop::sample::select(vec![Promotion::Ask, Promotion::Auto, Promotion::Never]);
    (by_class(8), 0u32..80, 0u32..60, (1u32..100, 1u32..100), (10u32..40, 1u32..40), demote, promote).prop_map(
        |(reserved, spare, broadcast_start_at, (one, other), (dwell_seconds, linger_seconds), demote, promote)| {
            Thresholds {
                seats_max: (reserved.total() + spare).max(1),
                reserved,
                lowest_class: Class::Anonymous,
                broadcast_start_at,
                high_watermark: one.max(other) + 1,
                low_watermark: one.min(other),
                dwell_seconds,
                demote,
                promote,
                linger_seconds,
            }
        },
    )
}

/// One of 64 people.
fn person() -> impl Strategy<Value = Identity> {
    (0..64).prop_map(|number| identity(format!("p{number}")))
}

fn anybody_seated() -> impl Strategy<Value = Seated> {
    (person(), class(), 0u64..200_000, prop::option::of(0u64..200_000), any::<bool>()).prop_map(
        |(identity, class, seated_since_ms, idle_since_ms, on_stage)| Seated {
            identity,
            class,
            seated_since_ms,
            idle_since_ms,
            on_stage,
        },
    )
}

fn anybody_watching() -> impl Strategy<Value = Watching> {
    let since = || prop::option::of(0u64..200_000);
    (person(), class(), since(), since(), any::<bool>()).prop_map(
        |(identity, class, asked_since_ms, on_broadcast_since_ms, asked_for_broadcast)| Watching {
            identity,
            class,
            asked_since_ms,
            on_broadcast_since_ms,
            asked_for_broadcast,
        },
    )
}

fn broadcast() -> impl Strategy<Value = BroadcastState> {
    let (last_started_ms, last_viewer_gone_ms) = (prop::option::of(0u64..200_000), prop::option::of(0u64..200_000));
    prop_oneof![
        last_started_ms.prop_map(|last_started_ms| BroadcastState::Off { last_started_ms }),
        (0u64..200_000).prop_map(|started_ms| BroadcastState::Starting { started_ms }),
        Just(BroadcastState::Ending),
        (0u64..200_000, last_viewer_gone_ms)
            .prop_map(|(started_ms, last_viewer_gone_ms)| BroadcastState::OnAir { started_ms, last_viewer_gone_ms }),
    ]
}

fn node() -> impl Strategy<Value = NodeSnapshot> {
    (0u32..120, prop::bool::weighted(0.3), prop::option::weighted(0.1, 0u64..200_000), 0u64..500).prop_map(
        |(cpu_percent, is_busy, draining_since_ms, seats_taken)| NodeSnapshot {
            limits: NodeLimits::default(),
            load: NodeLoad { cpu_percent, ..NodeLoad::default() },
            admission: if is_busy { Admission::Busy } else { Admission::Open },
            draining_since_ms,
            seats_taken,
        },
    )
}

/// Any room at all, whether or not its parts fit each other.
pub(super) fn snapshot() -> impl Strategy<Value = RoomSnapshot> {
    let setting = prop::sample::select(vec![BroadcastSetting::Off, BroadcastSetting::Auto, BroadcastSetting::On]);
    let limit = prop_oneof![3 => Just(1000u32), 1 => 0u32..150];
    let seats = (limit, by_class(16), by_class(2), 0u32..3, prop::bool::weighted(0.1));
    let seated = prop::collection::vec(anybody_seated(), 0..60);
    let audience = (by_class(30), 0u32..3, prop::collection::vec(anybody_watching(), 0..60));
    (setting, prop::bool::weighted(0.1), seats, seated, audience, broadcast(), node()).prop_map(
        |(setting, is_encrypted, seats, seated, (people, waiting, watching), broadcast, node)| RoomSnapshot {
            taken_at_ms: 0,
            setting,
            is_encrypted,
            seats: Seats {
                limit: seats.0,
                taken: seats.1,
                leased: seats.2,
                on_stage: seats.3,
                is_held: seats.4,
                candidates: seated,
            },
            audience: Audience { people, waiting, candidates: watching },
            broadcast,
            node,
        },
    )
}
