//! Who is where: the rooms, their stages, and what each viewer's sections carry. [`sections`], [`place`],
//! [`participants`] and [`member`] decide, `state` knows, `address` says where we are, `now` when it is, `authority`
//! acts.

pub(crate) mod address;
pub(crate) mod authority;
mod departures;
pub(crate) mod member;
pub(crate) mod now;
mod participants;
mod place;
mod sections;
mod session;
#[cfg(test)]
mod simulation;
mod state;
