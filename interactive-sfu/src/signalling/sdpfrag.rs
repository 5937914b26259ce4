//! `application/trickle-ice-sdpfrag` bodies (RFC 8840): those of WHIP and WHEP PATCHes, and our answer to a restart.
//!
//! A peer's candidates are checked and counted, no more: ICE-lite learns addresses from binding requests.

use super::sdp::{Candidate, IceCredentials, OFFER_BYTES_MAX, SdpError, is_ice_string, printable};

/// Candidates in one PATCH.
const CANDIDATES_MAX: usize = 256;
/// Pseudo media sections in one PATCH.
const MIDS_MAX: usize = 64;

/// A parsed fragment.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SdpFragment {
    /// The ICE session that it is for. Credentials other than those in use ask for an ICE restart (RFC 9725 §4.3.2).
    pub ice: Option<IceCredentials>,
    /// The number of media sections that it names.
    pub mids: Vec<String>,
    /// The peer's candidates.
    pub candidates: Vec<Candidate>,
    /// The peer has no more.
    pub end_of_candidates: bool,
}

impl SdpFragment {
    /// Parses a body of at most 64 KiB. Unknown lines are skipped, as RFC 8840 §9.2 asks.
    pub fn parse(text: &str) -> Result<Self, SdpError> {
        if text.len() > OFFER_BYTES_MAX {
            return malformed("the fragment is too long");
        }
        let mut fragment = Self::default();
        let (mut ufrag, mut pwd) = (None, None);
        for line in text.lines().filter(|l| !l.is_empty()) {
            let Some(value) = line.strip_prefix("a=") else {
                let kind = line.as_bytes();
                match kind {
                    [b'a'..=b'z', b'=', ..] => continue,
                    _ => return malformed(format!("not an SDP line: {:?}", printable(line))),
                }
            };
            let (name, value) = value.split_once(':').unwrap_or((value, ""));
            match name {
                "ice-ufrag" => same(&mut ufrag, value, 4, name)?,
                "ice-pwd" => same(&mut pwd, value, 22, name)?,
                "candidate" => fragment.candidates.push(Candidate::parse(value)?),
                "end-of-candidates" => fragment.end_of_candidates = true,
                "mid" => fragment.mids.push(mid(value)?),
                _ => {}
            }
            if fragment.candidates.len() > CANDIDATES_MAX || fragment.mids.len() > MIDS_MAX {
                return malformed("too many candidates or media sections");
            }
        }
        fragment.ice = match (ufrag, pwd) {
            (Some(ufrag), Some(pwd)) => Some(IceCredentials::new(ufrag, pwd)?),
            (None, None) => None,
            _ => return malformed("a=ice-ufrag and a=ice-pwd stand together"),
        };
        Ok(fragment)
    }
}

/// Our answer to an ICE restart (RFC 9725 §4.3.2): new credentials, all candidates, under the section that carries
/// the bundled transport.
pub fn restart_answer(ice: &IceCredentials, media_line: &str, mid: &str, candidates: &[Candidate]) -> String {
    let mut text = format!("a=ice-lite\r\na=ice-ufrag:{}\r\na=ice-pwd:{}\r\n", ice.ufrag, ice.pwd);
    text.push_str(&format!("m={media_line}\r\na=mid:{mid}\r\n"));
    for candidate in candidates {
        text.push_str(&format!("a=candidate:{candidate}\r\n"));
    }
    text.push_str("a=end-of-candidates\r\n");
    text
}

/// One transport has one pair of credentials, however often a fragment repeats it.
fn same<'a>(slot: &mut Option<&'a str>, value: &'a str, least: usize, name: &str) -> Result<(), SdpError> {
    if !is_ice_string(value, least) || slot.is_some_and(|known| known != value) {
        return malformed(format!("a={name}"));
    }
    *slot = Some(value);
    Ok(())
}

fn mid(value: &str) -> Result<String, SdpError> {
    let fits = (1..=16).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_graphic());
    if fits { Ok(value.to_owned()) } else { malformed("a=mid") }
}

fn malformed<T>(why: impl Into<String>) -> Result<T, SdpError> {
    Err(SdpError::Malformed(why.into()))
}
