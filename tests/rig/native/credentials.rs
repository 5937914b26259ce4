//! What our end of DTLS is made from: one certificate, and the settings of either role.

use std::sync::Arc;
use std::time::Duration;

use rtc_dtls::config::{ClientAuthType, ConfigBuilder, HandshakeConfig};
use rtc_dtls::crypto::Certificate;
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_srtp::crypto::providers::AwsLcRsProvider;
use rtc_srtp::crypto::{HashAlgorithm, RTCCryptoProvider};

use crate::error::{Error, Result};

/// A flight is repeated after this.
const FLIGHT_INTERVAL: Duration = Duration::from_millis(200);

/// The SRTP profiles of our end, in the order of preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SrtpOffer {
    /// AES-CM and then AEAD-AES-128-GCM, in the order browsers list them. Many servers take the first.
    Gcm,
    /// AEAD-AES-128-GCM alone.
    GcmOnly,
    /// AES-CM-128-HMAC-SHA1-80 alone, as GStreamer 1.22 has it.
    CmOnly,
}

impl SrtpOffer {
    fn listed(self) -> Vec<SrtpProtectionProfile> {
        let (cm, gcm) =
            (SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80, SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm);
        match self {
            Self::Gcm => vec![cm, gcm],
            Self::GcmOnly => vec![gcm],
            Self::CmOnly => vec![cm],
        }
    }

    /// The DTLS library's server follows the client's order, so it gets only the one that is wanted.
    fn wanted(self) -> Vec<SrtpProtectionProfile> {
        self.listed().split_off(self.listed().len() - 1)
    }
}

/// The certificate and DTLS settings, shared by any number of peers: making a certificate for each would cost more than
/// all else.
#[derive(Clone)]
pub struct Credentials {
    pub(crate) provider: Arc<AwsLcRsProvider>,
    pub(crate) client: Arc<HandshakeConfig>,
    pub(crate) server: Arc<HandshakeConfig>,
    fingerprint: String,
}

impl Credentials {
    /// A new certificate and the settings for it.
    pub fn new(offer: SrtpOffer) -> Result<Self> {
        let provider = Arc::new(AwsLcRsProvider::new());
        let dtls = |e: rtc_shared::error::Error| Error::Dtls(e.to_string());
        let certificate = Certificate::generate_self_signed(vec!["rig".to_owned()], provider.crypto()).map_err(dtls)?;
        let digest = provider.crypto().hash(HashAlgorithm::Sha256, certificate.certificate[0].as_ref());
        let digest = digest.map_err(|e| Error::Dtls(e.to_string()))?;
        let fingerprint = digest.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":");
        let builder = |profiles| {
            ConfigBuilder::default()
                .with_crypto_provider(provider.clone())
                .with_certificates(vec![certificate.clone()])
                .with_srtp_protection_profiles(profiles)
                .with_flight_interval(FLIGHT_INTERVAL)
        };
        let client = builder(offer.listed()).with_insecure_skip_verify(true).build(true, None).map_err(dtls)?;
        let server = builder(offer.wanted()).with_client_auth(ClientAuthType::RequireAnyClientCert);
        let server = server.build(false, None).map_err(dtls)?;
        Ok(Self { provider, client: Arc::new(client), server: Arc::new(server), fingerprint })
    }

    /// SHA-256 of the certificate, as it stands in an offer.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}
