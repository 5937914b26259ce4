//! Our DTLS identity: one certificate, and one configuration for each role and SRTP profile.

use std::sync::Arc;
use std::time::Duration;

use rtc_dtls::config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig};
use rtc_dtls::crypto::Certificate;
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;

use crate::error::StartError;
use crate::transport::association::Fingerprint;
use crate::transport::profile::Profile;

/// RFC 6347's second is too patient for somebody who wants to see a picture.
pub(super) const FLIGHT_INTERVAL: Duration = Duration::from_millis(200);

/// This server's certificate, and its configuration for each SRTP profile.
pub(crate) struct Identity {
    pub fingerprint: Fingerprint,
    gcm: Arc<HandshakeConfig>,
    cm: Arc<HandshakeConfig>,
    client: Arc<HandshakeConfig>,
}

impl Identity {
    /// Makes a certificate (ECDSA P-256, self-signed).
    pub(crate) fn generate() -> Result<Self, StartError> {
        let failed = |error: rtc_shared::error::Error| StartError::Certificate(error.to_string().into());
        let provider = Arc::new(rtc_dtls::crypto_provider::providers::AwsLcRsProvider::new());
        let crypto = rtc_dtls::crypto_provider::RTCCryptoProvider::crypto(&*provider);
        let certificate = Certificate::generate_self_signed(vec!["spillway".to_owned()], crypto).map_err(failed)?;
        let Some(der) = certificate.certificate.first() else {
            return Err(StartError::Certificate("no certificate".into()));
        };
        let fingerprint = fingerprint(der.as_ref());
        let config = |profiles: &[SrtpProtectionProfile], client: bool| {
            // The certificate is judged by its fingerprint, once the handshake is complete.
            let builder = ConfigBuilder::default()
                .with_crypto_provider(provider.clone())
                .with_certificates(vec![certificate.clone()])
                .with_srtp_protection_profiles(profiles.to_vec())
                .with_client_auth(ClientAuthType::RequireAnyClientCert)
                .with_insecure_skip_verify(true)
                .with_extended_master_secret(ExtendedMasterSecretType::Require)
                .with_flight_interval(FLIGHT_INTERVAL)
                .with_mtu(1200);
            builder.build(client, None).map(Arc::new).map_err(failed)
        };
        let (gcm, cm) =
            (SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm, SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80);
        Ok(Self {
            fingerprint,
            gcm: config(&[gcm], false)?,
            cm: config(&[cm], false)?,
            client: config(&[gcm, cm], true)?,
        })
    }

    /// As a server that agrees to `profile` alone.
    pub(super) fn config(&self, profile: Profile) -> &Arc<HandshakeConfig> {
        match profile {
            Profile::AeadAes128Gcm => &self.gcm,
            Profile::Aes128CmSha1_80 => &self.cm,
        }
    }

    /// As a client, which prefers GCM.
    pub(super) fn client_config(&self) -> &Arc<HandshakeConfig> {
        &self.client
    }
}

/// Of a certificate in DER.
pub(super) fn fingerprint(der: &[u8]) -> Fingerprint {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, der);
    Fingerprint(digest.as_ref().try_into().unwrap_or_default())
}

/// The profile that a handshake has agreed on, if it is one of ours.
pub(super) fn agreed(profile: SrtpProtectionProfile) -> Option<Profile> {
    match profile {
        SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm => Some(Profile::AeadAes128Gcm),
        SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80 => Some(Profile::Aes128CmSha1_80),
        _ => None,
    }
}
