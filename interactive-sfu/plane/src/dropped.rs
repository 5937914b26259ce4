//! Every reason for which something is thrown away, as metrics count it.

use codec_headers::bounds::Refusal;

use crate::transport::srtp::Refused;

/// Why a packet, a message or a connection is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dropped {
    /// The first byte belongs to none of STUN, DTLS, RTP and RTCP (RFC 7983).
    NotOurs,
    /// No address of any peer.
    UnknownAddress,
    StunMalformed,
    /// The user fragment belongs to no peer.
    UnknownUfrag,
    StunUnauthenticated,
    /// A copy of an earlier request, from another address.
    StunReplayed,
    /// The answer to no check of ours.
    StunUnasked,
    /// The peer, or all peers together, have too many DTLS datagrams waiting.
    DtlsFull,
    /// More bytes than a handshake takes.
    DtlsTooLong,
    DtlsFailed,
    /// The certificate is not the one that the peer described.
    ForeignFingerprint,
    NoSrtpProfile,
    /// Media before the handshake is complete.
    BeforeDtls,
    Srtp(Refused),
    MalformedRtp,
    MalformedRed,
    /// Media of a peer that publishes nothing.
    NotPublishing,
    UnknownSsrc,
    /// The publisher's encoder has restarted under another SSRC.
    SupersededSsrc,
    Duplicate,
    Muted,
    /// The encoder's next keyframe has not come yet, and a decoder needs it.
    BeforeKeyframe,
    /// A picture out of bounds.
    Picture(Refusal),
    /// The publisher sends more than it may.
    OverBitrate,
    /// Requests to send again come faster than any receiver needs.
    NackTooMany,
    /// Another shard's queue is full.
    RelayFull,
    /// The system took no more datagrams.
    SendRefused,
    TcpFraming,
    /// The connection reads too slowly.
    TcpFull,
    TcpRefused,
    TcpEvicted,
    /// The connection sent something else before its first binding request.
    TcpStranger,
    TcpUnauthenticated,
    TcpNonsense,
    TcpTooManyOfPeer,
    DataNotOpen,
    DataTooLarge,
    /// The receiver's buffer is full, or the sender's share of it.
    DataFull,
    /// Too many messages wait for all receivers together.
    DataOverload,
    /// The peer opened more streams than it needs.
    DataTooManyStreams,
}

impl Dropped {
    /// The value of the metric's label `reason`.
    pub(crate) fn as_label(self) -> &'static str {
        match self {
            Self::NotOurs => "not_ours",
            Self::UnknownAddress => "unknown_address",
            Self::StunMalformed => "stun_malformed",
            Self::UnknownUfrag => "unknown_ufrag",
            Self::StunUnauthenticated => "stun_unauthenticated",
            Self::StunReplayed => "stun_replayed",
            Self::StunUnasked => "stun_unasked",
            Self::DtlsFull => "dtls_full",
            Self::DtlsTooLong => "dtls_too_long",
            Self::DtlsFailed => "dtls_failed",
            Self::ForeignFingerprint => "foreign_fingerprint",
            Self::NoSrtpProfile => "no_srtp_profile",
            Self::BeforeDtls => "before_dtls",
            Self::Srtp(Refused::Short) => "srtp_short",
            Self::Srtp(Refused::Replayed) => "srtp_replayed",
            Self::Srtp(Refused::Forged) => "srtp_unauthenticated",
            Self::Srtp(Refused::TooManySources) => "too_many_ssrcs",
            Self::MalformedRtp => "malformed_rtp",
            Self::MalformedRed => "malformed_red",
            Self::NotPublishing => "not_publishing",
            Self::UnknownSsrc => "unknown_ssrc",
            Self::SupersededSsrc => "superseded_ssrc",
            Self::Duplicate => "duplicate",
            Self::Muted => "muted",
            Self::BeforeKeyframe => "before_keyframe",
            Self::Picture(refusal) => refusal.reason(),
            Self::OverBitrate => "over_bitrate",
            Self::NackTooMany => "nack_too_many",
            Self::RelayFull => "relay_full",
            Self::SendRefused => "send_refused",
            Self::TcpFraming => "tcp_framing",
            Self::TcpFull => "tcp_full",
            Self::TcpRefused => "tcp_refused",
            Self::TcpEvicted => "tcp_evicted",
            Self::TcpStranger => "tcp_stranger",
            Self::TcpUnauthenticated => "tcp_unauthenticated",
            Self::TcpNonsense => "tcp_nonsense",
            Self::TcpTooManyOfPeer => "tcp_too_many_of_peer",
            Self::DataNotOpen => "data_not_open",
            Self::DataTooLarge => "data_too_large",
            Self::DataFull => "data_full",
            Self::DataOverload => "data_overload",
            Self::DataTooManyStreams => "data_too_many_streams",
        }
    }
}
