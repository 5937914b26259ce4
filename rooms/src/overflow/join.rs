//! The answer to a viewer who joins: a seat, the broadcast or a refusal, and why.
//!
//! Pure. `POST /v1/rooms/{room}/join` asks the SFU for a seat unless the broadcast was asked for, and passes the SFU's
//! answer in. Every answer says why, what would change it, and when to ask again; clients spread their asking
//! themselves, by adding up to as much again at random.

use super::proposal::Reason;
use super::snapshot::BroadcastState;
use crate::BroadcastSetting;

/// When to ask again for a broadcast that starts. Milliseconds.
const STARTING_RETRY_MS: u64 = 1000;
/// When to ask again for a broadcast that waits for somebody on stage. Milliseconds.
const STAGE_RETRY_MS: u64 = 5000;
/// When to ask again for a seat. Milliseconds.
const SEAT_RETRY_MS: u64 = 10_000;
/// When to ask again where a setting of the room stands in the way. Milliseconds.
const SETTING_RETRY_MS: u64 = 30_000;

/// The SFU's answer to somebody who asked for a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeatAnswer {
    /// They have one.
    Granted,
    /// Every seat is taken.
    RoomFull,
    /// The node gives no seats for now.
    NodeBusy,
    /// The node gives no seats any more.
    NodeDrains,
    /// The free seats are kept for other classes, or the class gets none.
    ClassReserved,
}

/// How somebody wants to watch, with the SFU's answer where a seat would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// By a seat if there is one, else by the broadcast.
    Either(SeatAnswer),
    /// By a seat alone.
    Seat(SeatAnswer),
    /// By the broadcast alone. The SFU is not asked.
    Broadcast,
}

/// Somebody who joins, and the room they join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Joining {
    /// How they want to watch.
    pub asked: Asked,
    /// The setting `broadcast` of the room.
    pub setting: BroadcastSetting,
    /// Whether tracks of the room are end-to-end encrypted.
    pub is_encrypted: bool,
    /// Whether somebody is on stage.
    pub has_stage: bool,
    /// The run of the room's broadcast.
    pub broadcast: BroadcastState,
}

/// The answer to somebody who joins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JoinDecision {
    /// They have a seat.
    Seat(Why),
    /// They watch the broadcast.
    Broadcast {
        /// Whether players find a playlist now. If not, they count as waiting for the broadcast, which starts it.
        is_ready: bool,
        /// Why.
        why: Why,
    },
    /// They watch nothing.
    Refused(Why),
}

/// Why somebody got an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    /// The word for programs.
    pub reason: Reason,
    /// Why, and what would change it, for people to read.
    pub sentence: String,
    /// When to ask again, milliseconds from now; `None`: there is nothing to ask for.
    pub retry_after_ms: Option<u64>,
}

/// Decides what somebody who joins gets.
pub fn join_decision(joining: &Joining) -> JoinDecision {
    match joining.asked {
        Asked::Either(SeatAnswer::Granted) | Asked::Seat(SeatAnswer::Granted) => {
            let sentence = "A seat was free.".to_owned();
            JoinDecision::Seat(Why { reason: Reason::Seat, sentence, retry_after_ms: None })
        }
        Asked::Seat(refusal) => refused(reason_of(refusal), ""),
        Asked::Either(refusal) => match broadcast_bar(joining) {
            None => broadcast(joining, reason_of(refusal)),
            Some(Reason::Encrypted) => refused(Reason::Encrypted, seat_fact(reason_of(refusal))),
            Some(_) => refused(reason_of(refusal), ""),
        },
        Asked::Broadcast => match broadcast_bar(joining) {
            None => broadcast(joining, Reason::AskedForBroadcast),
            Some(reason) => refused(reason, ""),
        },
    }
}

fn reason_of(refusal: SeatAnswer) -> Reason {
    match refusal {
        SeatAnswer::Granted => Reason::Seat,
        SeatAnswer::RoomFull => Reason::RoomFull,
        SeatAnswer::NodeBusy => Reason::NodeBusy,
        SeatAnswer::NodeDrains => Reason::NodeDrains,
        SeatAnswer::ClassReserved => Reason::ClassReserved,
    }
}

/// Why the room is never broadcast; `None`: it may be.
fn broadcast_bar(joining: &Joining) -> Option<Reason> {
    match joining.setting {
        _ if joining.is_encrypted => Some(Reason::Encrypted),
        BroadcastSetting::Off => Some(Reason::NotOnAir),
        BroadcastSetting::Auto | BroadcastSetting::On => None,
    }
}

/// The fact about seats that a refusal rests on.
fn seat_fact(reason: Reason) -> &'static str {
    match reason {
        Reason::RoomFull => "Every seat of the room is taken.",
        Reason::NodeBusy => "The server has no capacity for another seat.",
        Reason::NodeDrains => "The server is about to shut down.",
        Reason::ClassReserved => "The free seats of the room are kept for other classes.",
        Reason::AskedForBroadcast => "The broadcast was asked for.",
        Reason::ByHost => "A host has moved you.",
        Reason::Seat | Reason::NotOnAir | Reason::Encrypted => "",
    }
}

fn broadcast(joining: &Joining, reason: Reason) -> JoinDecision {
    let is_ready = joining.broadcast.is_on_air();
    let (change, retry_after_ms) = match (is_ready, joining.has_stage) {
        (true, _) if reason == Reason::AskedForBroadcast => ("Join again without asking for it to get a seat.", None),
        (true, _) if reason == Reason::NodeDrains => {
            ("Watch the broadcast; seats come back with the next server.", None)
        }
        (true, _) => ("Watch the broadcast, and ask for a seat to be moved when one is free.", None),
        (false, true) => ("The broadcast is starting; ask again in a moment.", Some(STARTING_RETRY_MS)),
        (false, false) => ("The broadcast starts when somebody is on stage; ask again then.", Some(STAGE_RETRY_MS)),
    };
    let sentence = format!("{} {change}", seat_fact(reason));
    JoinDecision::Broadcast { is_ready, why: Why { reason, sentence, retry_after_ms } }
}

/// `fact`: said before the sentence of the reason; may be empty.
fn refused(reason: Reason, fact: &str) -> JoinDecision {
    let (change, retry_after_ms) = match reason {
        Reason::Encrypted => (
            "The room is end-to-end encrypted and cannot be broadcast; ask for a seat when somebody has left.",
            SETTING_RETRY_MS,
        ),
        Reason::NotOnAir => (
            "The room is not broadcast: its setting is off. Ask for a seat, or ask its host to switch the broadcast on.",
            SETTING_RETRY_MS,
        ),
        Reason::NodeBusy => ("Ask again when it is calmer.", SEAT_RETRY_MS),
        Reason::NodeDrains => ("Ask again when the next one has taken over.", SETTING_RETRY_MS),
        Reason::ClassReserved => {
            ("Ask again when somebody of your class has left, or join with a higher class.", SEAT_RETRY_MS)
        }
        Reason::RoomFull | Reason::AskedForBroadcast | Reason::ByHost | Reason::Seat => {
            ("Ask again when somebody has left, or ask its host for more seats.", SEAT_RETRY_MS)
        }
    };
    let fact = if fact.is_empty() { seat_fact(reason) } else { fact };
    let sentence = format!("{fact} {change}").trim_start().to_owned();
    JoinDecision::Refused(Why { reason, sentence, retry_after_ms: Some(retry_after_ms) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFF: BroadcastState = BroadcastState::Off { last_started_ms: None };
    const STARTING: BroadcastState = BroadcastState::Starting { started_ms: 0 };
    const ON_AIR: BroadcastState = BroadcastState::OnAir { started_ms: 0, last_viewer_gone_ms: None };

    /// The decision in one line: delivery, readiness, reason, milliseconds to the next try.
    fn line(asked: Asked, setting: BroadcastSetting, broadcast: BroadcastState, is_encrypted: bool) -> String {
        let joining = Joining { asked, setting, is_encrypted, has_stage: true, broadcast };
        let (what, why) = match join_decision(&joining) {
            JoinDecision::Seat(why) => ("seat", why),
            JoinDecision::Broadcast { is_ready: true, why } => ("broadcast", why),
            JoinDecision::Broadcast { is_ready: false, why } => ("broadcast soon", why),
            JoinDecision::Refused(why) => ("refused", why),
        };
        let after = why.retry_after_ms.map_or("never".to_owned(), |retry_ms| retry_ms.to_string());
        format!("{what}, {}, {after}", why.reason.as_str())
    }

    #[test]
    fn without_a_seat_the_setting_decides() {
        use BroadcastSetting::{Auto, Off, On};
        use SeatAnswer::{ClassReserved, Granted, NodeBusy, NodeDrains, RoomFull};
        for (asked, setting, broadcast, is_encrypted, expected) in [
            (Asked::Either(Granted), Auto, ON_AIR, false, "seat, seat, never"),
            (Asked::Either(Granted), Off, OFF, true, "seat, seat, never"),
            (Asked::Either(RoomFull), Off, OFF, false, "refused, room_full, 10000"),
            (Asked::Either(NodeBusy), Off, OFF, false, "refused, node_busy, 10000"),
            (Asked::Either(ClassReserved), Off, OFF, false, "refused, class_reserved, 10000"),
            (Asked::Either(RoomFull), Auto, OFF, false, "broadcast soon, room_full, 1000"),
            (Asked::Either(NodeBusy), Auto, STARTING, false, "broadcast soon, node_busy, 1000"),
            (Asked::Either(RoomFull), Auto, BroadcastState::Ending, false, "broadcast soon, room_full, 1000"),
            (Asked::Either(ClassReserved), Auto, ON_AIR, false, "broadcast, class_reserved, never"),
            (Asked::Either(RoomFull), On, ON_AIR, false, "broadcast, room_full, never"),
            (Asked::Either(NodeDrains), On, ON_AIR, false, "broadcast, node_drains, never"),
            (Asked::Either(NodeDrains), Off, OFF, false, "refused, node_drains, 30000"),
            (Asked::Either(RoomFull), On, OFF, false, "broadcast soon, room_full, 1000"),
            (Asked::Either(RoomFull), On, ON_AIR, true, "refused, encrypted, 30000"),
            (Asked::Seat(Granted), Auto, ON_AIR, false, "seat, seat, never"),
            (Asked::Seat(RoomFull), On, ON_AIR, false, "refused, room_full, 10000"),
            (Asked::Broadcast, Auto, ON_AIR, false, "broadcast, asked_for_broadcast, never"),
            (Asked::Broadcast, Auto, OFF, false, "broadcast soon, asked_for_broadcast, 1000"),
            (Asked::Broadcast, Off, OFF, false, "refused, not_on_air, 30000"),
            (Asked::Broadcast, On, ON_AIR, true, "refused, encrypted, 30000"),
        ] {
            let got = line(asked, setting, broadcast, is_encrypted);
            assert_eq!(got, expected, "{asked:?}, {setting:?}, {broadcast:?}");
        }
    }

    #[test]
    fn a_broadcast_without_a_stage_is_asked_for_less_often() {
        let joining = Joining {
            asked: Asked::Either(SeatAnswer::RoomFull),
            setting: BroadcastSetting::Auto,
            is_encrypted: false,
            has_stage: false,
            broadcast: OFF,
        };
        let JoinDecision::Broadcast { is_ready: false, why } = join_decision(&joining) else { panic!() };
        assert_eq!(why.retry_after_ms, Some(5000));
        assert_eq!(
            why.sentence,
            "Every seat of the room is taken. The broadcast starts when somebody is on stage; ask again then."
        );
    }

    #[test]
    fn an_answer_says_why_and_what_would_change_it() {
        let sentence = |asked, setting, is_encrypted| {
            let joining = Joining { asked, setting, is_encrypted, has_stage: true, broadcast: ON_AIR };
            match join_decision(&joining) {
                JoinDecision::Seat(why) | JoinDecision::Broadcast { why, .. } | JoinDecision::Refused(why) => {
                    why.sentence
                }
            }
        };
        let full = Asked::Either(SeatAnswer::RoomFull);
        assert_eq!(
            sentence(full, BroadcastSetting::On, true),
            "Every seat of the room is taken. The room is end-to-end encrypted and cannot be broadcast; ask for a seat \
             when somebody has left."
        );
        assert_eq!(
            sentence(full, BroadcastSetting::Auto, false),
            "Every seat of the room is taken. Watch the broadcast, and ask for a seat to be moved when one is free."
        );
        assert_eq!(
            sentence(Asked::Broadcast, BroadcastSetting::Off, false),
            "The room is not broadcast: its setting is off. Ask for a seat, or ask its host to switch the broadcast on."
        );
    }
}
