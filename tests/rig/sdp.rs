//! Offers to print and answers to read: only the few lines a client of ours needs (RFC 8866, RFC 8829).

use std::fmt::Write as _;
use std::net::SocketAddr;

use crate::error::{Error, Result};

/// Payload type of video in our offers.
pub const VIDEO_PT: u8 = 96;
/// Payload type of video's retransmissions (RFC 4588).
pub const VIDEO_RTX_PT: u8 = 97;
/// Payload type of Opus in our offers.
pub const AUDIO_PT: u8 = 111;

/// Which way media goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// WHIP.
    Publish,
    /// WHEP.
    Watch,
}

/// A video codec to offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Video {
    /// RFC 7741.
    Vp8,
    /// RFC 6184, Constrained Baseline, packetization mode 1.
    H264,
}

/// An offer.
#[derive(Clone, Debug)]
pub struct Offer {
    /// Which way.
    pub direction: Direction,
    /// The video section's codec; `None`: no video section.
    pub video: Option<Video>,
    /// Whether there is an Opus section.
    pub audio: bool,
    /// Our ICE user name fragment.
    pub ufrag: String,
    /// Our ICE password.
    pub pwd: String,
    /// SHA-256 of our certificate, in colon-separated hexadecimal.
    pub fingerprint: String,
    /// SSRC of what we publish; audio has the next one.
    pub ssrc: u32,
}

impl Offer {
    /// The offer as SDP text.
    pub fn print(&self) -> String {
        let mids: Vec<&str> = self.video.map(|_| "0").into_iter().chain(self.audio.then_some("1")).collect();
        let mut sdp =
            format!("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {}\r\n", mids.join(" "));
        sdp.push_str("a=msid-semantic: WMS *\r\n");
        if let Some(video) = self.video {
            self.section(&mut sdp, "video", &format!("{VIDEO_PT} {VIDEO_RTX_PT}"), "0", self.ssrc);
            let _ = match video {
                Video::Vp8 => write!(sdp, "a=rtpmap:{VIDEO_PT} VP8/90000\r\n"),
                Video::H264 => write!(
                    sdp,
                    "a=rtpmap:{VIDEO_PT} H264/90000\r\na=fmtp:{VIDEO_PT} level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n"
                ),
            };
            for feedback in ["nack", "nack pli", "ccm fir", "goog-remb"] {
                let _ = write!(sdp, "a=rtcp-fb:{VIDEO_PT} {feedback}\r\n");
            }
            let _ = write!(sdp, "a=rtpmap:{VIDEO_RTX_PT} rtx/90000\r\na=fmtp:{VIDEO_RTX_PT} apt={VIDEO_PT}\r\n");
        }
        if self.audio {
            self.section(&mut sdp, "audio", &AUDIO_PT.to_string(), "1", self.ssrc + 1);
            let _ = write!(sdp, "a=rtpmap:{AUDIO_PT} opus/48000/2\r\na=fmtp:{AUDIO_PT} minptime=10;useinbandfec=1\r\n");
        }
        sdp
    }

    fn section(&self, sdp: &mut String, kind: &str, formats: &str, mid: &str, ssrc: u32) {
        let _ = write!(
            sdp,
            "m={kind} 9 UDP/TLS/RTP/SAVPF {formats}\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:{}\r\na=ice-pwd:{}\r\n\
             a=fingerprint:sha-256 {}\r\na=setup:actpass\r\na=mid:{mid}\r\na=rtcp-mux\r\na=rtcp-rsize\r\n",
            self.ufrag, self.pwd, self.fingerprint
        );
        for (id, uri) in [
            (1, "urn:ietf:params:rtp-hdrext:sdes:mid"),
            (2, "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"),
        ] {
            let _ = write!(sdp, "a=extmap:{id} {uri}\r\n");
        }
        let _ = match self.direction {
            Direction::Watch => write!(sdp, "a=recvonly\r\n"),
            Direction::Publish => {
                write!(
                    sdp,
                    "a=sendonly\r\na=msid:rig {kind}\r\na=ssrc:{ssrc} cname:rig\r\na=ssrc:{ssrc} msid:rig {kind}\r\n"
                )
            }
        };
    }
}

/// What a client takes from an answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The server's ICE user name fragment.
    pub ufrag: String,
    /// The server's ICE password.
    pub pwd: String,
    /// Its first UDP candidate of IPv4.
    pub udp: SocketAddr,
    /// All its UDP candidates.
    pub candidates: Vec<SocketAddr>,
    /// SHA-256 of its certificate.
    pub fingerprint: String,
    /// Payload type of video; ours unless the server chose another.
    pub video_pt: u8,
    /// SSRC of the picture we are to get, where the answer tells.
    pub video_ssrc: Option<u32>,
    /// All of it.
    pub text: String,
}

impl Answer {
    /// Reads an answer.
    pub fn parse(text: &str) -> Result<Self> {
        let value = |key: &'static str, name: &'static str| {
            text.lines().find_map(|line| line.strip_prefix(key)).map(str::trim).ok_or(Error::Answer(name))
        };
        let candidates: Vec<SocketAddr> = text.lines().filter_map(udp_candidate).collect();
        let ipv4 = candidates.iter().copied().find(SocketAddr::is_ipv4);
        Ok(Self {
            ufrag: value("a=ice-ufrag:", "ICE user name fragment")?.to_owned(),
            pwd: value("a=ice-pwd:", "ICE password")?.to_owned(),
            udp: ipv4.ok_or(Error::Answer("UDP candidate"))?,
            candidates,
            fingerprint: value("a=fingerprint:sha-256 ", "SHA-256 fingerprint")?.to_owned(),
            video_pt: value("m=video ", "video section").ok().and_then(first_format).unwrap_or(VIDEO_PT),
            video_ssrc: text.split("m=video ").nth(1).and_then(first_ssrc),
            text: text.to_owned(),
        })
    }
}

/// `a=candidate:<foundation> <component> udp <priority> <address> <port> typ host` (RFC 8839 §5.1).
fn udp_candidate(line: &str) -> Option<SocketAddr> {
    let words: Vec<&str> = line.strip_prefix("a=candidate:")?.split_whitespace().collect();
    let [_, _, transport, _, address, port, ..] = words[..] else { return None };
    transport.eq_ignore_ascii_case("udp").then_some(SocketAddr::new(address.parse().ok()?, port.parse().ok()?))
}

/// The first `a=ssrc` (RFC 5576 §4.1) of a section that other sections may follow.
fn first_ssrc(section: &str) -> Option<u32> {
    let own = section.split("\nm=").next()?;
    own.lines().find_map(|line| line.strip_prefix("a=ssrc:")?.split(' ').next()?.parse().ok())
}

fn first_format(media: &str) -> Option<u8> {
    media.split_whitespace().nth(2)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_udp_candidate_of_ipv4_is_taken() {
        let answer = "a=ice-ufrag:u\r\na=ice-pwd:p\r\na=fingerprint:sha-256 AB\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n\
            a=ssrc:5 cname:x\r\nm=video 9 UDP/TLS/RTP/SAVPF 102 103\r\na=ssrc:6 cname:x\r\n\
            a=candidate:1 1 tcp 5 127.0.0.1 7 typ host tcptype passive\r\na=candidate:2 1 udp 5 ::1 8 typ host\r\n\
            a=candidate:3 1 UDP 5 127.0.0.1 9 typ host\r\n";
        let answer = Answer::parse(answer).unwrap();
        assert_eq!((answer.udp.port(), answer.video_pt, answer.video_ssrc), (9, 102, Some(6)));
        assert!(matches!(Answer::parse("a=ice-ufrag:u\r\n"), Err(Error::Answer("ICE password"))));
    }
}
