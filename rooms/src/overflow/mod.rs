//! The overflow decision: who has a seat, who watches the broadcast, and when a room is on the air.
//!
//! Pure: no clock, no I/O, no randomness. A loop takes a [`RoomSnapshot`] of each room about once a second and passes
//! it to the room's [`RoomOverflow`], with the room's [`Thresholds`]; [`Proposal`]s come out, for the loop to carry out
//! as commands to the SFU, the broadcast director and the events hub. The SFU alone grants seats, so that a proposal it
//! refuses oversells none. [`NodeGate`] says whether a node takes in anybody, once for all of its rooms, and
//! [`join_decision`] answers a viewer who joins. Orders that a host or an operator gives do not pass through here.
//!
//! # An example
//!
//! A room of 100 seats with `broadcast = auto`, `broadcast_start_at = 80`, `high_watermark = 90`, `low_watermark = 70`,
//! `demote = idle-first`, `promote = ask`, a dwell and a linger of 60 s. One speaker is on stage, and a viewer joins
//! every second until 300 have come. `tests/example.rs` plays it.
//!
//! - Second 80: 80 viewers are there, and 81 seats taken. `StartBroadcast(Viewers)`: the broadcast is on the air before
//!   anybody needs it.
//! - Second 90: 91 seats are taken, more than 90. `Demote` moves 21 viewers, so that 70 seats stay: those idle longest
//!   of the viewers who have had their seats for 60 s.
//! - Seconds 111, 132, … 300: 21 newcomers later the room sheds 21 viewers again. The newcomers all found a seat, and
//!   those who were moved may ask to come back.
//! - Seconds 303 to 400: 70 seats are taken, and 231 viewers watch the broadcast. The seats are neither above the high
//!   watermark nor below the low one, so there is no proposal.
//! - Seconds 401 to 520: a viewer leaves on each path every second. A seat below 70 goes to the viewer who asked first:
//!   `Promote`. The audience is gone at second 520; 62 seats are taken.
//! - Second 580: the last viewer of the broadcast left a linger ago. `StopBroadcast(Unneeded)`. Two seats are taken.
//!
//! # Rules that hold whatever the audience does
//!
//! - A step promotes no more people than the SFU's own rule has seats for, up to the low watermark; demotes nobody
//!   below it; moves at most [`MOVES_PER_STEP_MAX`] people, in one direction.
//! - People who were moved stay for a dwell. A broadcast runs for a linger at least, and starts once a linger at most.
//! - Speakers, hosts and everybody on stage keep their seats, and so do classes within their reservation. A draining
//!   node alone moves everybody, at its rate, the stage last.
//! - The stricter of room and node wins.
//! - Lists, memory and proposals are bounded: [`CANDIDATES_MAX`] people a list, some thousand moves remembered.
//!
//! Because [`RoomOverflow::step`] needs values alone, a forecast ("what if the thresholds were these?") steps it over
//! snapshots of an imagined audience, as `tests/world.rs` does.

mod change;
mod decide;
mod demotion;
mod drain;
mod join;
mod levels;
mod moves;
mod node_load;
mod promotion;
mod proposal;
mod run;
mod snapshot;
mod thresholds;

#[cfg(test)]
mod tests;

pub use change::ThresholdsChange;
pub use decide::{MOVES_PER_STEP_MAX, RoomOverflow, SNAPSHOT_AGE_MS_MAX};
pub use drain::drain_seconds_max;
pub use join::{Asked, JoinDecision, Joining, SeatAnswer, Why, join_decision};
pub use node_load::{Admission, NodeGate, NodeLimits, NodeLoad};
pub use proposal::{DemoteReason, Proposal, Reason, StartReason, StopReason};
pub use snapshot::{Audience, BroadcastState, CANDIDATES_MAX, NodeSnapshot, RoomSnapshot, Seated, Seats, Watching};
pub use thresholds::{BadSetting, Demotion, Promotion, Thresholds};
