//! Feedback that the receiver of a payload type may send.

use super::lines::Block;

/// `a=rtcp-fb` of a payload type (RFC 4585, RFC 5104).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Feedback {
    /// Generic NACK.
    pub nack: bool,
    /// Picture loss indication.
    pub pli: bool,
    /// Full intra request.
    pub fir: bool,
    /// Receiver estimated maximum bitrate.
    pub remb: bool,
    /// Transport-wide congestion control.
    pub transport_cc: bool,
}

impl Feedback {
    const NAMES: [&'static str; 5] = ["nack", "nack pli", "ccm fir", "goog-remb", "transport-cc"];

    /// The feedback that a section offers for a format.
    pub(super) fn parse(block: &Block<'_>, format: &str) -> Self {
        let mut feedback = Self::default();
        for (payload_type, name) in block.all("rtcp-fb").filter_map(|value| value.split_once(' ')) {
            if payload_type == format || payload_type == "*" {
                feedback.set(name.trim_end());
            }
        }
        feedback
    }

    /// The feedback of both; transport-cc only where there is no REMB, whose receivers estimate for themselves.
    pub(super) fn agree(self, ours: Self) -> Self {
        let remb = self.remb && ours.remb;
        Self {
            nack: self.nack && ours.nack,
            pli: self.pli && ours.pli,
            fir: self.fir && ours.fir,
            remb,
            transport_cc: !remb && self.transport_cc && ours.transport_cc,
        }
    }

    fn set(&mut self, name: &str) {
        let [nack, pli, fir, remb, transport_cc] = Self::NAMES;
        match name {
            n if n == nack => self.nack = true,
            n if n == pli => self.pli = true,
            n if n == fir => self.fir = true,
            n if n == remb => self.remb = true,
            n if n == transport_cc => self.transport_cc = true,
            _ => {}
        }
    }

    /// The values of the `a=rtcp-fb` lines.
    pub(super) fn names(self) -> impl Iterator<Item = &'static str> {
        let on = [self.nack, self.pli, self.fir, self.remb, self.transport_cc];
        Self::NAMES.into_iter().zip(on).filter_map(|(name, on)| on.then_some(name))
    }
}
