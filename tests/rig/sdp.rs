//! Offers to print, answers to read, candidates to move elsewhere: only the few lines a client of ours needs (RFC 8866, RFC 8829).

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
    /// RFC 9628, profile 0.
    Vp9,
    /// AV1, main profile.
    Av1,
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
                Video::Vp9 => write!(sdp, "a=rtpmap:{VIDEO_PT} VP9/90000\r\na=fmtp:{VIDEO_PT} profile-id=0\r\n"),
                Video::Av1 => write!(sdp, "a=rtpmap:{VIDEO_PT} AV1/90000\r\n"),
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

/// A description in which each section has one candidate: its first of UDP and IPv4, moved.
pub fn with_one_candidate(sdp: &str, mut moved: impl FnMut(SocketAddr) -> Option<SocketAddr>) -> String {
    let mut wanted = true;
    let mut keep = |line: &str| {
        wanted |= line.starts_with("m=");
        let Some(candidate) = line.strip_prefix("a=") else { return Some(line.to_owned()) };
        if !candidate.starts_with("candidate:") {
            return Some(line.to_owned());
        }
        let candidate = wanted.then(|| redirected(candidate, &mut moved)).flatten()?;
        wanted = false;
        Some(format!("a={candidate}"))
    };
    sdp.lines().filter_map(&mut keep).map(|line| line + "\r\n").collect()
}

/// `candidate:<foundation> <component> <transport> <priority> <address> <port> …` (RFC 8839 §5.1), moved; `None` if it is none of UDP
/// and IPv4.
pub fn redirected(candidate: &str, mut moved: impl FnMut(SocketAddr) -> Option<SocketAddr>) -> Option<String> {
    let mut words: Vec<&str> = candidate.split(' ').collect();
    let [_, _, transport, _, address, port, ..] = words[..] else { return None };
    let media = SocketAddr::new(address.parse().ok()?, port.parse().ok()?);
    if !transport.eq_ignore_ascii_case("udp") || !media.is_ipv4() {
        return None;
    }
    let to = moved(media)?;
    let (address, port) = (to.ip().to_string(), to.port().to_string());
    (words[4], words[5]) = (&address, &port);
    Some(words.join(" "))
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
    fn each_section_keeps_one_candidate_which_is_moved_and_all_else() {
        let sdp = "v=0\r\nm=audio 9 X 1\r\na=candidate:1 1 udp 7 ::1 9 typ host\r\na=candidate:2 1 udp 6 127.0.0.1 9 typ host\r\n\
            a=candidate:3 1 udp 5 10.0.0.1 9 typ host\r\na=candidate:4 1 tcp 4 127.0.0.1 9 typ host tcptype passive\r\n\
            a=end-of-candidates\r\nm=video 9 X 2\r\na=candidate:2 1 UDP 6 127.0.0.1 9 typ host\r\na=mid:1\r\n";
        let moved = with_one_candidate(sdp, |media| Some(SocketAddr::new(media.ip(), 7777)));
        let expected = "v=0\r\nm=audio 9 X 1\r\na=candidate:2 1 udp 6 127.0.0.1 7777 typ host\r\na=end-of-candidates\r\n\
            m=video 9 X 2\r\na=candidate:2 1 UDP 6 127.0.0.1 7777 typ host\r\na=mid:1\r\n";
        assert_eq!(moved, expected);
    }

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
