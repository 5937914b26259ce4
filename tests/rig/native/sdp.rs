//! Offers to print, answers to read, candidates to move elsewhere: only the few lines a client of ours needs (RFC 8866,
//! RFC 8829).

use std::fmt::Write as _;
use std::net::SocketAddr;

use crate::candidate;
use crate::dtls::Role;
use crate::error::{Error, Result};
use crate::ice::Secret;

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
    /// Whether there is a section of data channels (RFC 8841).
    pub data: bool,
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
        let sections = [self.video.map(|_| "0"), self.audio.then_some("1"), self.data.then_some("2")];
        let mids: Vec<&str> = sections.into_iter().flatten().collect();
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
        if self.data {
            let _ = write!(sdp, "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n");
            self.transport(&mut sdp, "2");
            let _ = write!(sdp, "a=sctp-port:5000\r\na=max-message-size:262144\r\n");
        }
        sdp
    }

    fn transport(&self, sdp: &mut String, mid: &str) {
        let Self { ufrag, pwd, fingerprint, .. } = self;
        let _ = write!(
            sdp,
            "a=ice-ufrag:{ufrag}\r\na=ice-pwd:{pwd}\r\na=fingerprint:sha-256 {fingerprint}\r\na=setup:actpass\r\na=mid:{mid}\r\n"
        );
    }

    fn section(&self, sdp: &mut String, kind: &str, formats: &str, mid: &str, ssrc: u32) {
        let _ =
            write!(sdp, "m={kind} 9 UDP/TLS/RTP/SAVPF {formats}\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n");
        self.transport(sdp, mid);
        let _ = write!(sdp, "a=rtcp-mux\r\na=rtcp-rsize\r\n");
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

/// What a client takes from the server's description: an answer, or an offer that it answers.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The server's ICE user name fragment.
    pub ufrag: String,
    /// The server's ICE password.
    pub pwd: String,
    /// Its first UDP candidate of IPv4; without one its first of IPv6.
    pub udp: SocketAddr,
    /// All its UDP candidates.
    pub candidates: Vec<SocketAddr>,
    /// SHA-256 of its certificate.
    pub fingerprint: String,
    /// Its ICE agent never sends checks of its own (RFC 8445 §2.5).
    pub lite: bool,
    /// Our role in DTLS, as its `a=setup` has it (RFC 8842).
    pub dtls: Role,
    /// Payload type of video; ours unless the server chose another.
    pub video_pt: u8,
    /// Payload type of Opus; ours unless the server chose another.
    pub audio_pt: u8,
    /// SSRC of the picture we are to get, where the answer tells.
    pub video_ssrc: Option<u32>,
    /// All of it.
    pub text: String,
}

impl Answer {
    /// Reads a description that holds its candidates.
    pub fn parse(text: &str) -> Result<Self> {
        Self::parse_trickled(text, &[])
    }

    /// Reads a description whose candidates came beside it, at least some.
    pub fn parse_trickled(text: &str, trickled: &[SocketAddr]) -> Result<Self> {
        let value = |key: &'static str, name: &'static str| {
            text.lines().find_map(|line| line.strip_prefix(key)).map(str::trim).ok_or(Error::Answer(name))
        };
        let within = text.lines().filter(|line| line.starts_with("a=")).filter_map(candidate::parse);
        let candidates: Vec<SocketAddr> = within.chain(trickled.iter().copied()).collect();
        let ipv4 = candidates.iter().copied().find(SocketAddr::is_ipv4);
        Ok(Self {
            ufrag: value("a=ice-ufrag:", "ICE user name fragment")?.to_owned(),
            pwd: value("a=ice-pwd:", "ICE password")?.to_owned(),
            udp: ipv4.or(candidates.first().copied()).ok_or(Error::Answer("UDP candidate"))?,
            candidates,
            fingerprint: value("a=fingerprint:sha-256 ", "SHA-256 fingerprint")?.to_owned(),
            lite: text.lines().any(|line| line == "a=ice-lite"),
            dtls: if value("a=setup:", "").is_ok_and(|setup| setup == "active") { Role::Server } else { Role::Client },
            video_pt: value("m=video ", "video section").ok().and_then(first_format).unwrap_or(VIDEO_PT),
            audio_pt: text.lines().find_map(opus_format).unwrap_or(AUDIO_PT),
            video_ssrc: text.split("m=video ").nth(1).and_then(first_ssrc),
            text: text.to_owned(),
        })
    }
}

/// Our answer to an offer: takes all of it. `local` is our candidate.
pub fn mirrored(offer: &str, secret: &Secret, fingerprint: &str, local: SocketAddr) -> String {
    let mut ours = |line: &str| {
        let (key, value) = line.split_once(':').unwrap_or((line, ""));
        match key {
            "a=ice-ufrag" => Some(format!("a=ice-ufrag:{}", secret.ufrag)),
            "a=ice-pwd" => Some(format!("a=ice-pwd:{}", secret.pwd)),
            "a=fingerprint" => Some(format!("a=fingerprint:sha-256 {fingerprint}")),
            "a=setup" => Some(format!("a=setup:{}", if value == "active" { "passive" } else { "active" })),
            "a=sendonly" => Some("a=recvonly".to_owned()),
            "a=mid" => Some(format!("{line}\r\na={}", candidate::print(local))),
            "a=ice-lite" | "a=candidate" | "a=end-of-candidates" | "a=ssrc" | "a=ssrc-group" | "a=msid" => None,
            _ => Some(line.to_owned()),
        }
    };
    offer.lines().filter_map(&mut ours).map(|line| line + "\r\n").collect()
}

/// The payload type of `a=rtpmap:<payload type> opus/48000/2`.
fn opus_format(line: &str) -> Option<u8> {
    let (format, codec) = line.strip_prefix("a=rtpmap:")?.split_once(' ')?;
    codec.to_ascii_lowercase().starts_with("opus/").then(|| format.parse().ok()).flatten()
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

/// `candidate:<foundation> <component> <transport> <priority> <address> <port> …` (RFC 8839 §5.1), moved; `None` if it
/// is none of UDP and IPv4.
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
        assert_eq!((answer.dtls, answer.lite, answer.audio_pt), (Role::Client, false, AUDIO_PT));
        assert!(matches!(Answer::parse("a=ice-ufrag:u\r\n"), Err(Error::Answer(_))));
    }

    #[test]
    fn an_offer_of_a_full_agent_is_read_with_its_trickled_candidates_and_mirrored_in_the_other_role() {
        let offer = "v=0\r\na=fingerprint:sha-256 AB\r\nm=audio 9 UDP/TLS/RTP/SAVPF 63 109\r\na=setup:active\r\na=mid:0\r\n\
            a=ice-ufrag:u\r\na=ice-pwd:p\r\na=rtpmap:63 red/48000/2\r\na=rtpmap:109 OPUS/48000/2\r\na=sendonly\r\n\
            a=msid:x y\r\na=ssrc:5 cname:x\r\n";
        assert!(matches!(Answer::parse(offer), Err(Error::Answer("UDP candidate"))));
        let theirs: SocketAddr = "10.0.0.1:7".parse().unwrap();
        let read = Answer::parse_trickled(offer, &[theirs]).unwrap();
        assert_eq!((read.udp, read.audio_pt, read.dtls), (theirs, 109, Role::Server));
        let secret = Secret { ufrag: "v".into(), pwd: "q".into() };
        let answer = mirrored(offer, &secret, "CD", "10.0.0.2:8".parse().unwrap());
        let expected = "v=0\r\na=fingerprint:sha-256 CD\r\nm=audio 9 UDP/TLS/RTP/SAVPF 63 109\r\na=setup:passive\r\na=mid:0\r\n\
            a=candidate:1 1 udp 2130706431 10.0.0.2 8 typ host\r\na=ice-ufrag:v\r\na=ice-pwd:q\r\na=rtpmap:63 red/48000/2\r\n\
            a=rtpmap:109 OPUS/48000/2\r\na=recvonly\r\n";
        assert_eq!(answer, expected);
    }
}
