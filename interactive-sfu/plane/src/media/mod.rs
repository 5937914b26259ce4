//! Decisions about media between a publisher and its subscribers. Pure: packets, times and reports come in, decisions
//! and bytes come out.

pub(crate) mod allocate;
pub(crate) mod estimate;
pub(crate) mod keyframes;
pub(crate) mod layers;
pub(crate) mod loss;
pub(crate) mod loudness;
pub(crate) mod pace;
pub(crate) mod packet;
pub(crate) mod police;
pub(crate) mod probe;
pub(crate) mod proven;
pub(crate) mod quality;
pub(crate) mod receive;
pub(crate) mod report;
pub(crate) mod rewrite;
pub(crate) mod ring;
#[expect(unreachable_pub, reason = "fuzz/ compiles it as a part of another crate")]
pub(crate) mod rtcp;
#[expect(unreachable_pub, reason = "fuzz/ compiles it as a part of another crate")]
pub(crate) mod rtp;
pub(crate) mod scalability;
pub(crate) mod splice;
