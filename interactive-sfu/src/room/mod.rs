//! Who is where: the rooms, their stages, and what each viewer's sections carry. [`stage`], [`place`], [`participants`] and [`member`]
//! decide, `state` knows, `address` says where we are, `authority` acts.

pub(crate) mod address;
pub(crate) mod authority;
pub(crate) mod member;
mod participants;
mod place;
mod session;
mod stage;
mod state;
