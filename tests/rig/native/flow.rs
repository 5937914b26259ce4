//! Media from one peer of ours to another, through the server.

use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::peer::{DATAGRAM_BYTES_MAX, Peer};
use crate::rtcp::is_rtcp;
use crate::vp8::{Vp8Stream, sent_ns};

/// A frame is published this often, 100 a second: 900 ticks of 90 kHz.
const FRAME: Duration = Duration::from_millis(10);
const FRAME_TICKS: u32 = 900;
/// Written into the packets, to know them again.
const MARK: u64 = 1;

/// Publishes keyframes of one packet each until `viewer` has decrypted so many; `Err` after `seconds`.
pub fn flow(publisher: &mut Peer, stream: &mut Vp8Stream, viewer: &mut Peer, packets: u32, seconds: u64) -> Result<()> {
    let (mut packet, mut datagram, mut got) = (vec![], [0; DATAGRAM_BYTES_MAX], 0);
    viewer.socket.set_read_timeout(Some(FRAME)).map_err(Error::io("setting up a viewer's socket"))?;
    let until = Instant::now() + Duration::from_secs(seconds);
    while got < packets {
        if Instant::now() > until {
            let (what, detail) =
                ("media between two peers".to_owned(), format!("; instead: {got} of {packets} packets"));
            return Err(Error::Timeout { what, seconds, detail });
        }
        stream.next_frame(FRAME_TICKS);
        stream.packet(&mut packet, true, true, true, MARK);
        publisher.send_rtp(&packet)?;
        while let Ok(n) = viewer.socket.recv(&mut datagram) {
            let rtp = datagram[0] >> 6 == 2 && !is_rtcp(&datagram[..n]);
            let ours = rtp && viewer.rx.decrypt_rtp(&datagram[..n]).is_ok_and(|plain| sent_ns(&plain) == Some(MARK));
            got += u32::from(ours);
        }
    }
    Ok(())
}
