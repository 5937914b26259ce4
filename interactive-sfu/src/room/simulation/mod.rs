//! The simulated room: rooms and their driver without sockets and threads, in virtual time.
//!
//! Random people of both protocols come, lose their socket, resume, publish, mute, send messages, are moderated, and
//! go; publishers' encoders begin anew, peer connections come up and break, receivers of messages are slow, clocks
//! jump. After each step nothing may be ordered of a peer that is not there, and when all is said and answered, what
//! everybody was told equals what is so, and everybody is sent what they are to be sent. When all have left, nothing
//! remains.
//!
//! `random` takes the steps of a test: `ROOM_STEPS` sets how many, `PROPTEST_RNG_SEED` repeats them; a sequence that
//! fails is shortened and printed. A fuzzer makes its steps of `bytes`.

mod bytes;
mod checks;
mod client;
mod compared;
mod descriptions;
mod garbled;
mod plane;
mod qualities;
#[cfg(test)]
mod random;
mod remains;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod seats;
mod step;
mod steps;
mod world;

/// Takes the steps that some bytes are, in a world of their own. Panics where a rule is broken.
#[cfg(feature = "simulation")]
pub fn run(bytes: &[u8]) {
    let steps = bytes::steps(bytes);
    if let Err(fault) = world::World::new().run(&steps) {
        panic!("{fault}\n{steps:#?}");
    }
}
