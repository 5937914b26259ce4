//! SRTP keys from a finished handshake, for the peer that was expected.

use rtc_dtls::endpoint::Endpoint;
use rtc_dtls::state::State;

use super::REMOTE;
use super::identity::{agreed, fingerprint};
use crate::dropped::Dropped;
use crate::transport::association::{DtlsRole, Expected};
use crate::transport::srtp::{Opener, Sealer, contexts};

/// The exporter's label (RFC 5764 §4.2).
const EXPORTER_LABEL: &str = "EXTRACTOR-dtls_srtp";

/// The keys of a completed handshake. Refused, with the reason to count: another certificate than the offer's, or none.
pub(super) fn keys(endpoint: &Endpoint, expected: Expected) -> Result<(Sealer, Opener), Dropped> {
    let state: &State = endpoint.get_connection_state(REMOTE).ok_or(Dropped::DtlsFailed)?;
    let presented = state.peer_certificates.first().map(|der| fingerprint(der));
    if presented != Some(expected.fingerprint) {
        return Err(Dropped::ForeignFingerprint);
    }
    let profile = agreed(state.srtp_protection_profile()).ok_or(Dropped::NoSrtpProfile)?;
    let material = state
        .export_keying_material(EXPORTER_LABEL, &[], profile.keying_material_len())
        .map_err(|_| Dropped::DtlsFailed)?;
    contexts(profile, material.as_ref(), expected.role == DtlsRole::Client).ok_or(Dropped::DtlsFailed)
}
