//! DTLS (RFC 6347, RFC 5764) and the data channels inside it, on two threads of their own: media waits for neither
//! handshakes nor messages, and neither waits for the other.
//!
//! A shard forwards a peer's DTLS datagrams once ICE has authenticated its address: to the thread of handshakes
//! ([`handshake`]), and once that has sent the SRTP keys, to the thread of established associations ([`established`]).
//! Both answer with datagrams to send, and with the peer's end. Waiting datagrams are bounded, of each peer and of all:
//! further ones are dropped, and DTLS and SCTP send them again. Messages of data channels go out as reports, of each
//! peer no more than it may send ([`super::data`]).

mod association;
mod established;
mod handle;
mod handshake;
mod identity;
mod keys;
mod outbox;
mod peers;
mod shaking;
mod tasks;
#[cfg(test)]
mod tests;
mod timers;
mod waiting;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use crate::error::StartError;
use crate::report::Report;
use crate::shard::inbox::Inboxes;
use crate::supervise::spawn_supervised;
use established::Established;
pub(crate) use handle::Dtls;
use handshake::Handshakes;
pub(crate) use identity::Identity;
pub(crate) use tasks::HandshakeTask;
pub(crate) use waiting::Waiting;

/// ICE may move the peer's real address; towards the library it never changes.
const REMOTE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 1);

/// Starts both threads. They end at [`HandshakeTask::Stop`].
pub(crate) fn start(
    identity: Arc<Identity>,
    shards: Inboxes,
    reports: Sender<Report>,
) -> Result<(Dtls, [JoinHandle<()>; 2]), StartError> {
    let system = |source| StartError::System { doing: "starting a DTLS thread", source };
    let ((handshake_tasks, handshakes_end), (data_tasks, data_end)) = (channel(), channel());
    let dtls = Dtls::new(handshake_tasks, data_tasks.clone());
    let in_data_shards = shards.clone();
    let data = spawn_supervised("sfu-data".into(), move || {
        Established::new(in_data_shards, reports).run(&data_end);
    });
    let data = data.map_err(system)?;
    let handshakes = spawn_supervised("sfu-handshakes".into(), move || {
        Handshakes::new(identity, shards, data_tasks).run(&handshakes_end);
    });
    Ok((dtls, [handshakes.map_err(system)?, data]))
}
