//! The SRTP protection profiles of this server.

/// A protection profile (RFC 5764 §4.1.2, RFC 7714 §14.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// AEAD_AES_128_GCM, 0x0007.
    AeadAes128Gcm,
    /// AES_CM_128_HMAC_SHA1_80, 0x0001.
    Aes128CmSha1_80,
}

impl Profile {
    /// Bytes of the master salt.
    pub fn salt_len(self) -> usize {
        match self {
            Self::AeadAes128Gcm => 12,
            Self::Aes128CmSha1_80 => 14,
        }
    }

    /// Bytes to export from DTLS (RFC 5764 §4.2): two keys and two salts.
    pub fn keying_material_len(self) -> usize {
        2 * (16 + self.salt_len())
    }
}
