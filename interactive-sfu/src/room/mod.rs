//! Who is where: the rooms, their stages, and what each viewer's sections carry. [`stage`], [`place`] and [`participants`] decide, `state` knows, `address` says where we are, `authority` acts.

pub(crate) mod address;
pub(crate) mod authority;
mod participants;
mod place;
mod session;
mod stage;
mod state;
