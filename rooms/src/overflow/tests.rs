//! Tests of the decision: single rules, a worked example, arbitrary snapshots, arbitrary audiences and a day.

mod arbitrary;
mod broadcast;
mod day;
mod example;
mod properties;
mod rules;
mod world;

use access::{ByClass, Class, Identity};

use super::*;
use crate::BroadcastSetting;

fn identity(text: impl ToString) -> Identity {
    text.to_string().parse().unwrap()
}

/// A room of 100 seats that is on the air, with one speaker on stage, on an idle node.
fn room(now_ms: u64) -> RoomSnapshot {
    RoomSnapshot {
        taken_at_ms: now_ms,
        setting: BroadcastSetting::Auto,
        is_encrypted: false,
        seats: Seats {
            limit: 1000,
            taken: ByClass { speaker: 1, ..ByClass::default() },
            on_stage: 1,
            ..Seats::default()
        },
        audience: Audience::default(),
        broadcast: BroadcastState::OnAir { started_ms: 0, last_viewer_gone_ms: None },
        node: NodeSnapshot::default(),
    }
}

const THRESHOLDS: Thresholds = Thresholds {
    seats_max: 100,
    reserved: ByClass { speaker: 0, host: 0, premium: 0, viewer: 0, anonymous: 0 },
    lowest_class: Class::Anonymous,
    broadcast_start_at: 80,
    high_watermark: 90,
    low_watermark: 70,
    dwell_seconds: 60,
    demote: Demotion::IdleFirst,
    promote: Promotion::Ask,
    linger_seconds: 60,
};

fn seated(name: &str, class: Class) -> Seated {
    Seated { identity: identity(name), class, seated_since_ms: 0, idle_since_ms: None, on_stage: false }
}

fn watching(name: &str, class: Class, asked_since_ms: Option<u64>) -> Watching {
    Watching {
        identity: identity(name),
        class,
        asked_since_ms,
        on_broadcast_since_ms: Some(0),
        asked_for_broadcast: false,
    }
}

/// The people that proposals move, in their order: `+` to a seat, `-` to the broadcast.
fn moved(proposals: &[Proposal]) -> String {
    let words: Vec<String> = proposals
        .iter()
        .filter_map(|proposal| match proposal {
            Proposal::Promote { identity, .. } => Some(format!("+{identity}")),
            Proposal::Demote { identity, .. } => Some(format!("-{identity}")),
            Proposal::StartBroadcast(_) | Proposal::StopBroadcast(_) => None,
        })
        .collect();
    words.join(" ")
}
