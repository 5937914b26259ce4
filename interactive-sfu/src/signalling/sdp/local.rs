//! Our descriptions, printed: an answer, or an offer of ours.

use std::fmt::Write as _;

use plane::{Fingerprint, MESSAGE_BYTES_MAX};

use super::candidate::Candidate;
use super::negotiate::NegotiatedSection;
use super::section::EXTMAP_ALLOW_MIXED;
use super::types::{Direction, IceCredentials, Msid, SendStream, Setup};

/// An offer or answer: ICE-lite, everything on one transport, every candidate known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LocalDescription {
    /// Our DTLS role. An offer leaves it open, as it must (RFC 8842 §5.2).
    pub setup: Setup,
    /// `<sess-id>` of the `o=` line: constant for the session, below 2^63.
    pub session_id: u64,
    /// `<sess-version>`: one more with each description.
    pub session_version: u64,
    /// Our ICE credentials.
    pub ice: IceCredentials,
    /// The fingerprint of our DTLS certificate.
    pub fingerprint: Fingerprint,
    /// Our addresses.
    pub candidates: Vec<Candidate>,
    /// The sections; of an answer, in the offer's order.
    pub sections: Vec<NegotiatedSection>,
}

impl LocalDescription {
    /// The text, with CRLF.
    pub fn to_sdp(&self) -> String {
        let mut sdp = String::with_capacity(1024 + 1024 * self.sections.len());
        self.write(&mut sdp).expect("writing to a String cannot fail");
        sdp
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        write!(out, "v=0\r\no=- {} {} IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n", self.session_id, self.session_version)?;
        write!(out, "a=ice-lite\r\na=msid-semantic:WMS *\r\na=group:BUNDLE")?;
        for section in self.sections.iter().filter(|s| !s.rejected) {
            write!(out, " {}", section.mid)?;
        }
        write!(out, "\r\n")?;
        // Candidates once, on the section that carries the bundled transport.
        let tagged = self.sections.iter().position(|s| !s.rejected);
        for (i, section) in self.sections.iter().enumerate() {
            if section.rejected {
                section.write_rejected(out)?;
                continue;
            }
            section.write_head(out)?;
            self.write_transport(out)?;
            if tagged == Some(i) {
                for candidate in &self.candidates {
                    write!(out, "a=candidate:{candidate}\r\n")?;
                }
                write!(out, "a=end-of-candidates\r\n")?;
            }
            section.write_media(out)?;
        }
        Ok(())
    }

    fn write_transport(&self, out: &mut String) -> std::fmt::Result {
        let (ice, fingerprint) = (&self.ice, self.fingerprint);
        let setup = self.setup.as_str();
        write!(out, "a=ice-ufrag:{}\r\na=ice-pwd:{}\r\n", ice.ufrag, ice.pwd)?;
        write!(out, "a=fingerprint:sha-256 {fingerprint}\r\na=setup:{setup}\r\n")
    }
}

impl NegotiatedSection {
    fn write_rejected(&self, out: &mut String) -> std::fmt::Result {
        write!(out, "m={} 0 {} {}\r\n", self.media, self.proto, self.formats.join(" "))?;
        write!(out, "c=IN IP4 0.0.0.0\r\na=mid:{}\r\na=inactive\r\n", self.mid)
    }

    fn write_head(&self, out: &mut String) -> std::fmt::Result {
        // Redundancy comes first, because a sender takes the first payload type.
        let agreed = self.codecs.iter().flat_map(|codec| {
            codec.red_payload_type.into_iter().chain([codec.payload_type]).chain(codec.rtx_payload_type)
        });
        let mut formats = agreed.map(|pt| pt.to_string()).collect::<Vec<_>>().join(" ");
        if formats.is_empty() {
            // An inactive section with nothing in common; its m= line may not be empty.
            formats = self.formats.join(" ");
        }
        write!(out, "m={} 9 {} {formats}\r\nc=IN IP4 0.0.0.0\r\n", self.media, self.proto)?;
        write!(out, "a=mid:{}\r\n", self.mid)
    }

    fn write_media(&self, out: &mut String) -> std::fmt::Result {
        if self.data {
            return write!(out, "a=sctp-port:5000\r\na=max-message-size:{MESSAGE_BYTES_MAX}\r\n");
        }
        write!(out, "a=rtcp-mux\r\na=rtcp-rsize\r\na={}\r\n", self.direction.as_str())?;
        if self.extmap_allow_mixed {
            write!(out, "a={EXTMAP_ALLOW_MIXED}\r\n")?;
        }
        for (id, extension) in &self.extensions {
            write!(out, "a=extmap:{id} {}\r\n", extension.uri())?;
        }
        for codec in &self.codecs {
            let pt = codec.payload_type;
            write!(out, "a=rtpmap:{pt} {}\r\n", codec.codec.rtpmap())?;
            for name in codec.feedback.names() {
                write!(out, "a=rtcp-fb:{pt} {name}\r\n")?;
            }
            let fmtp = codec.answer_fmtp();
            if !fmtp.is_empty() {
                write!(out, "a=fmtp:{pt} {fmtp}\r\n")?;
            }
            if let Some(red) = codec.red_payload_type {
                write!(out, "a=rtpmap:{red} red/{}/2\r\na=fmtp:{red} {pt}/{pt}\r\n", codec.clock_rate_hz)?;
            }
            if let Some(rtx) = codec.rtx_payload_type {
                write!(out, "a=rtpmap:{rtx} rtx/{}\r\na=fmtp:{rtx} apt={pt}\r\n", codec.clock_rate_hz)?;
            }
        }
        self.write_rids(out)?;
        match &self.send {
            Some(send) if self.direction == Direction::SendOnly => send.write(out),
            _ => Ok(()),
        }
    }

    fn write_rids(&self, out: &mut String) -> std::fmt::Result {
        for rid in &self.rids {
            write!(out, "a=rid:{rid} recv\r\n")?;
        }
        if self.rids.is_empty() { Ok(()) } else { write!(out, "a=simulcast:recv {}\r\n", self.rids.join(";")) }
    }
}

impl SendStream {
    fn write(&self, out: &mut String) -> std::fmt::Result {
        let Self { ssrc, rtx_ssrc, cname, msid: Msid { stream, track } } = self;
        write!(out, "a=msid:{stream} {track}\r\n")?;
        if let Some(rtx) = rtx_ssrc {
            write!(out, "a=ssrc-group:FID {ssrc} {rtx}\r\n")?;
        }
        for ssrc in std::iter::once(ssrc).chain(rtx_ssrc) {
            write!(out, "a=ssrc:{ssrc} cname:{cname}\r\na=ssrc:{ssrc} msid:{stream} {track}\r\n")?;
        }
        Ok(())
    }
}
