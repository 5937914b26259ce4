//! The small values that an offer consists of.

use std::fmt;

use plane::{DtlsRole, Fingerprint};

use super::lines::is_ice_string;
use super::{SdpError, malformed, unacceptable};

/// ICE user fragment and password of one side (RFC 8839 §5.4).
#[derive(Clone, PartialEq, Eq)]
pub struct IceCredentials {
    /// The user fragment, 4 to 256 ice-chars.
    pub ufrag: String,
    /// The password, 22 to 256 ice-chars. `Debug` does not show it.
    pub pwd: String,
}

impl IceCredentials {
    /// Checks length and alphabet.
    pub fn new(ufrag: &str, pwd: &str) -> Result<Self, SdpError> {
        if !is_ice_string(ufrag, 4) {
            return malformed("a=ice-ufrag is not 4 to 256 ice-chars");
        }
        if !is_ice_string(pwd, 22) {
            return malformed("a=ice-pwd is not 22 to 256 ice-chars");
        }
        Ok(Self { ufrag: ufrag.to_owned(), pwd: pwd.to_owned() })
    }
}

impl fmt::Debug for IceCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceCredentials").field("ufrag", &self.ufrag).finish_non_exhaustive()
    }
}

/// The fingerprint in the value of `a=fingerprint`; `None` when the hash is not SHA-256.
pub(super) fn parse_fingerprint(value: &str) -> Result<Option<Fingerprint>, SdpError> {
    let Some((hash, hex)) = value.split_once(' ') else { return malformed("a=fingerprint") };
    if !hash.eq_ignore_ascii_case("sha-256") {
        return Ok(None);
    }
    let mut bytes = [0; 32];
    let mut pairs = hex.split(':');
    for byte in &mut bytes {
        let pair = pairs.next().filter(|p| p.len() == 2 && p.bytes().all(|b| b.is_ascii_hexdigit()));
        *byte = match pair.map(|p| u8::from_str_radix(p, 16)) {
            Some(Ok(value)) => value,
            _ => return malformed("a=fingerprint is not 32 bytes in hexadecimal"),
        };
    }
    if pairs.next().is_some() {
        return malformed("a=fingerprint is longer than 32 bytes");
    }
    Ok(Some(Fingerprint(bytes)))
}

/// `a=setup`: the DTLS role of whoever wrote it (RFC 8842 §5.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Setup {
    /// Either role, as the other end chooses.
    ActPass,
    /// DTLS client.
    Active,
    /// DTLS server.
    Passive,
}

/// The value by which an answer of ours names our role.
impl From<DtlsRole> for Setup {
    fn from(role: DtlsRole) -> Self {
        match role {
            DtlsRole::Client => Self::Active,
            DtlsRole::Server => Self::Passive,
        }
    }
}

impl Setup {
    pub(super) fn parse(value: &str) -> Result<Self, SdpError> {
        match value {
            "actpass" => Ok(Self::ActPass),
            "active" => Ok(Self::Active),
            "passive" => Ok(Self::Passive),
            "holdconn" => unacceptable("a=setup:holdconn leaves no DTLS role"),
            _ => malformed("a=setup"),
        }
    }

    /// The attribute's value.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::ActPass => "actpass",
            Self::Active => "active",
            Self::Passive => "passive",
        }
    }

    /// Our role towards a peer that wrote this. If it leaves us the choice, we are the server, because a
    /// browser's ClientHello then comes as soon as its ICE has a path.
    pub fn our_role(self) -> DtlsRole {
        match self {
            Self::ActPass | Self::Active => DtlsRole::Server,
            Self::Passive => DtlsRole::Client,
        }
    }

    /// Whether a later description with this value lets an association in which we have `role` go on (RFC 8842 §5.5).
    pub fn keeps(self, role: DtlsRole) -> bool {
        self == Self::ActPass || self.our_role() == role
    }
}

/// The kind of media in a section.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum SectionKind {
    /// Audio.
    Audio,
    /// Video.
    Video,
    /// Data channels.
    Application,
    /// Any other kind; always rejected.
    Other,
}

/// The direction of media, seen from its writer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// The writer sends and receives.
    SendRecv,
    /// The writer sends.
    SendOnly,
    /// The writer receives.
    RecvOnly,
    /// The writer does neither.
    Inactive,
}

impl Direction {
    /// The attribute's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// Whether its writer sends.
    pub fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether its writer receives.
    pub fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }
}

/// RTP header extensions this server knows; an offer's others are dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Extension {
    /// The MID (RFC 9143 §15).
    Mid,
    /// The RID (RFC 8852 §3.1).
    RtpStreamId,
    /// The RID of the repaired stream (RFC 8852 §3.2).
    RepairedRtpStreamId,
    /// The sending time: 24 bits of NTP time in 6.18 fixed point.
    AbsSendTime,
    /// The audio level (RFC 6464).
    AudioLevel,
    /// The transport-wide sequence number (draft-holmer-rmcat-transport-wide-cc-extensions-01).
    TransportCc,
    /// Bounds on the receiver's jitter buffer.
    PlayoutDelay,
    /// 3GPP TS 26.114 §7.4.5: a sender that may use it does not rotate its pictures itself.
    VideoOrientation,
    /// The time of capture, in NTP format.
    AbsCaptureTime,
    /// The dependency descriptor (RTP payload format for AV1, appendix A). It is too long for a one-byte header, and
    /// needs `a=extmap-allow-mixed`.
    DependencyDescriptor,
}

impl Extension {
    const ALL: [(Self, &'static str); 10] = [
        (Self::Mid, "urn:ietf:params:rtp-hdrext:sdes:mid"),
        (Self::RtpStreamId, "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"),
        (Self::RepairedRtpStreamId, "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"),
        (Self::AbsSendTime, "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"),
        (Self::AudioLevel, "urn:ietf:params:rtp-hdrext:ssrc-audio-level"),
        (Self::TransportCc, "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"),
        (Self::PlayoutDelay, "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"),
        (Self::VideoOrientation, "urn:3gpp:video-orientation"),
        (Self::AbsCaptureTime, "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time"),
        (
            Self::DependencyDescriptor,
            "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension",
        ),
    ];

    /// The URI of `a=extmap`.
    pub fn uri(self) -> &'static str {
        Self::ALL.iter().find(|(e, _)| *e == self).map_or("", |(_, uri)| uri)
    }

    pub(super) fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == uri).map(|(e, _)| *e)
    }
}

/// `a=msid` (RFC 8830).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Msid {
    /// The media stream, `-` for none. At most 64 token characters.
    pub stream: String,
    /// The track within it. At most 64 token characters; empty when the peer names none.
    pub track: String,
}

/// The stream that a section of ours sends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SendStream {
    /// The SSRC of the media.
    pub ssrc: u32,
    /// The SSRC of its retransmissions, where a codec has an RTX payload type.
    pub rtx_ssrc: Option<u32>,
    /// The CNAME (RFC 7022); streams that are played in sync share it.
    pub cname: String,
    /// The track.
    pub msid: Msid,
}
