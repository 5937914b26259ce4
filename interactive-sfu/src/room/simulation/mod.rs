//! The simulated room: rooms and their driver without sockets and threads, in virtual time.
//!
//! Random people of both protocols come, lose their socket, resume, publish, mute, send messages, are moderated, and
//! go; publishers' encoders begin anew, peer connections come up and break, receivers of messages are slow, clocks
//! jump. After each step nothing may be ordered of a peer that is not there, and when all is said and answered, what
//! everybody was told equals what is so, and everybody is sent what they are to be sent. When all have left, nothing
//! remains.
//!
//! `random` takes the steps of a test: `ROOM_STEPS` sets how many, `PROPTEST_RNG_SEED` repeats them; a sequence that
//! fails is shortened and printed.

mod checks;
mod client;
mod compared;
mod descriptions;
mod garbled;
mod plane;
mod qualities;
mod random;
mod remains;
mod rules;
mod seats;
mod step;
mod steps;
mod world;
