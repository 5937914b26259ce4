//! What the simulated clients describe, in SDP.

use std::fmt::Write as _;

use super::step::Media;

/// A line that the client publishes on.
pub(super) struct Line {
    pub(super) cid: String,
    pub(super) media: Media,
    pub(super) active: bool,
    /// Its first SSRC; a retransmission's is one more.
    pub(super) ssrc: u32,
}

const FINGERPRINT: &str =
    "sha-256 AB:CD:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:FF";

/// The first line to receive on.
const RECEIVING_MID: usize = 1000;

fn head(mids: impl Iterator<Item = usize>) -> String {
    let mut sdp = String::from("v=0\r\no=- 46 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE");
    for mid in mids {
        let _ = write!(sdp, " {mid}");
    }
    sdp.push_str("\r\n");
    sdp
}

fn transport(sdp: &mut String, mid: usize) {
    let _ = write!(
        sdp,
        "a=mid:{mid}\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=setup:actpass\r\na=fingerprint:{FINGERPRINT}\r\n"
    );
}

fn media(sdp: &mut String, mid: usize, video: bool, direction: &str, cid: Option<&str>) {
    sdp.push_str(if video {
        "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack pli\r\na=rtcp-mux\r\n"
    } else {
        "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-mux\r\n"
    });
    let _ = write!(sdp, "a={direction}\r\n");
    if let Some(cid) = cid {
        let _ = write!(sdp, "a=msid:s {cid}\r\n");
    }
    transport(sdp, mid);
}

/// The layers of a line by RID, or its SSRCs, as browsers name them.
fn streams(sdp: &mut String, line: &Line) {
    let (ssrc, rtx) = (line.ssrc, line.ssrc + 1);
    let _ = match line.media {
        Media::Sound => write!(sdp, "a=ssrc:{ssrc} cname:c\r\n"),
        Media::Picture => {
            write!(sdp, "a=ssrc-group:FID {ssrc} {rtx}\r\na=ssrc:{ssrc} cname:c\r\na=ssrc:{rtx} cname:c\r\n")
        }
        Media::Simulcast => write!(
            sdp,
            "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n\
             a=rid:q send\r\na=rid:h send\r\na=rid:f send\r\na=simulcast:send q;h;f\r\n"
        ),
    };
}

/// By a client of LiveKit's protocol: its data channels, what it publishes, then what it receives. Lines keep their
/// MIDs.
pub(super) fn offer(published: &[Line], receiving: &[bool]) -> String {
    let receiving_mids = RECEIVING_MID..RECEIVING_MID + receiving.len();
    let mut sdp = head((0..=published.len()).chain(receiving_mids));
    sdp.push_str("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=sctp-port:5000\r\n");
    transport(&mut sdp, 0);
    for (at, line) in published.iter().enumerate() {
        let direction = if line.active { "sendonly" } else { "inactive" };
        let video = line.media != Media::Sound;
        media(&mut sdp, 1 + at, video, direction, line.active.then_some(line.cid.as_str()));
        if line.active {
            streams(&mut sdp, line);
        }
    }
    for (at, video) in receiving.iter().enumerate() {
        media(&mut sdp, RECEIVING_MID + at, *video, "recvonly", None);
    }
    sdp
}

/// By a WHIP publisher, or a WHEP viewer.
pub(super) fn session(publishes: bool, video: bool) -> String {
    let mut sdp = head(0..1 + usize::from(video));
    let direction = if publishes { "sendonly" } else { "recvonly" };
    media(&mut sdp, 0, false, direction, publishes.then_some("sound"));
    if video {
        media(&mut sdp, 1, true, direction, publishes.then_some("picture"));
    }
    sdp
}

/// The answer to an offer of the server's: all of it is taken.
pub(super) fn answer(offer: &str) -> String {
    let mut sdp = String::new();
    for line in offer.lines() {
        let ours = ["a=ice-lite", "a=candidate", "a=end-of-candidates", "a=ssrc", "a=msid:", "a=ice-pwd"];
        if ours.iter().any(|prefix| line.starts_with(prefix)) {
            continue;
        }
        match line {
            "a=setup:actpass" => sdp.push_str("a=setup:active"),
            "a=sendonly" => sdp.push_str("a=recvonly"),
            line if line.starts_with("a=ice-ufrag") => {
                sdp.push_str("a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901");
            }
            line => sdp.push_str(line),
        }
        sdp.push_str("\r\n");
    }
    sdp
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signalling::sdp::{Limits, RemoteDescription};

    #[test]
    fn simulated_clients_describe_themselves_in_sdp_that_is_served() {
        let line = |media| Line { cid: "cid".into(), media, active: media != Media::Sound, ssrc: 1000 };
        let offer = offer(&[line(Media::Picture), line(Media::Sound), line(Media::Simulcast)], &[true, false]);
        for sdp in [&offer, &answer(&offer), &session(true, true), &session(false, false)] {
            if let Err(error) = RemoteDescription::parse_within(sdp, Limits::PARTICIPANT) {
                panic!("{error}:\n{sdp}");
            }
        }
    }
}
