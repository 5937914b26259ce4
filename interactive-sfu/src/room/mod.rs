//! The rooms: their participants, their stages, and the tracks on each viewer's sections.
//!
//! `machine` is a room, a machine without I/O; `driver` drives all of them, `cells` finds them, and `outboxes` are the
//! ways to their clients. `verbs` has what can happen in a room, `participant` the people in it. `seats`,
//! `sections`, `place` and `negotiation` decide, `node` counts what rooms share, `address` says where we are and `now`
//! when it is.

pub(crate) mod address;
mod budget;
pub(crate) mod cells;
mod departures;
pub(crate) mod driver;
pub(crate) mod machine;
mod negotiation;
pub(crate) mod node;
pub(crate) mod now;
mod outboxes;
mod output;
pub(crate) mod participant;
mod place;
mod roster;
mod seats;
mod sections;
#[cfg(test)]
mod simulation;
#[cfg(all(feature = "simulation", not(test)))]
#[allow(dead_code, reason = "single rules, which are tests, look at more")]
pub(crate) mod simulation;
#[cfg(test)]
mod tests;
mod verbs;
