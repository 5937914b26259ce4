//! Our end of DTLS (RFC 6347), as client or server, and the SRTP keys that come of it (RFC 5764).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Instant;

use bytes::BytesMut;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::TransportProtocol;
use rtc_srtp::config::{Config as SrtpConfig, LABEL_EXTRACTOR_DTLS_SRTP};
use rtc_srtp::context::Context;
use rtc_srtp::crypto::RTCCryptoProvider as _;
use rtc_srtp::protection_profile::ProtectionProfile;

use crate::credentials::Credentials;
use crate::error::{Error, Result};

/// Towards the library the other end never moves, whatever ICE finds.
const REMOTE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 1);

/// Our role in the handshake (RFC 8842).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It begins.
    Client,
    /// It waits.
    Server,
}

/// The association with the other end.
pub(crate) struct Dtls {
    endpoint: Endpoint,
    role: Role,
    closed: bool,
}

/// The keys of both directions.
pub(crate) struct Keys {
    pub profile: ProtectionProfile,
    pub tx: Context,
    pub rx: Context,
}

fn failed(error: rtc_shared::error::Error) -> Error {
    Error::Dtls(error.to_string())
}

/// Whether a datagram is DTLS (RFC 7983 §7).
pub(crate) fn is_dtls(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|first| (20..64).contains(first))
}

impl Dtls {
    /// A client has something to transmit at once.
    pub(crate) fn new(role: Role, credentials: &Credentials, local: SocketAddr) -> Result<Self> {
        let server = (role == Role::Server).then(|| credentials.server.clone());
        let mut endpoint = Endpoint::new(local, TransportProtocol::UDP, server);
        if role == Role::Client {
            endpoint.connect(Instant::now(), REMOTE, credentials.client.clone(), None).map_err(failed)?;
        }
        Ok(Self { endpoint, role, closed: false })
    }

    /// Takes a datagram. Whether the handshake is complete by it; what it held goes to `data`.
    pub(crate) fn read(&mut self, datagram: &[u8], data: &mut Vec<BytesMut>) -> Result<bool> {
        let events = self.endpoint.read(Instant::now(), REMOTE, None, BytesMut::from(datagram)).map_err(failed)?;
        let mut complete = false;
        for event in events {
            match event {
                EndpointEvent::HandshakeComplete => complete = true,
                EndpointEvent::ApplicationData(message) => data.push(message),
                _ => {
                    self.closed = true;
                    return Err(Error::Dtls("the server closed it".into()));
                }
            }
        }
        Ok(complete)
    }

    /// Our role in the handshake.
    pub(crate) fn role(&self) -> Role {
        self.role
    }

    /// The other end has closed the association.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Encrypts application data.
    pub(crate) fn write(&mut self, data: &[u8]) -> Result<()> {
        self.endpoint.write(Instant::now(), REMOTE, data).map_err(failed)
    }

    /// The next datagram to send.
    pub(crate) fn poll_transmit(&mut self) -> Option<BytesMut> {
        self.endpoint.poll_transmit().map(|transmit| transmit.message)
    }

    /// To be called now and then: a flight without an answer is repeated.
    pub(crate) fn handle_timeout(&mut self) -> Result<()> {
        // Before the first datagram a server has nobody to wait for.
        if self.endpoint.get_connection_state(REMOTE).is_none() {
            return Ok(());
        }
        self.endpoint.handle_timeout(REMOTE, Instant::now()).map_err(failed)
    }

    /// RFC 5764 §4.2: the keys of both directions, from the exporter.
    pub(crate) fn keys(&self, credentials: &Credentials) -> Result<Keys> {
        let srtp = |e: rtc_shared::error::Error| Error::Srtp(e.to_string());
        let state = self.endpoint.get_connection_state(REMOTE);
        let state = state.ok_or(Error::Dtls("the association is gone".into()))?;
        let profile = match state.srtp_protection_profile() {
            SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm => ProtectionProfile::AeadAes128Gcm,
            SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
            other => return Err(Error::Srtp(format!("the server chose {other:?}"))),
        };
        let mut config = SrtpConfig { profile, ..SrtpConfig::default() };
        let material = state.export_keying_material(LABEL_EXTRACTOR_DTLS_SRTP, &[], config.keying_material_len());
        let material = material.map_err(|e| Error::Srtp(e.to_string()))?;
        config.set_session_keys_from_keying_material(material.as_ref(), self.role == Role::Client).map_err(srtp)?;
        let (keys, crypto) = (config.keys, credentials.provider.crypto());
        let context = |key: &[u8], salt: &[u8]| Context::new(key, salt, profile, None, None, crypto).map_err(srtp);
        let tx = context(&keys.local_master_key, &keys.local_master_salt)?;
        let rx = context(&keys.remote_master_key, &keys.remote_master_salt)?;
        Ok(Keys { profile, tx, rx })
    }
}

#[cfg(test)]
mod tests {
    use rtc_srtp::protection_profile::ProtectionProfile;

    use super::*;
    use crate::credentials::SrtpOffer;

    #[test]
    fn client_and_server_of_ours_get_each_others_keys_and_the_profile_the_server_wants() {
        let local = "127.0.0.1:9".parse().unwrap();
        for (offer, profile) in [
            (SrtpOffer::Gcm, ProtectionProfile::AeadAes128Gcm),
            (SrtpOffer::GcmOnly, ProtectionProfile::AeadAes128Gcm),
            (SrtpOffer::CmOnly, ProtectionProfile::Aes128CmHmacSha1_80),
        ] {
            let ours = [(); 2].map(|()| Credentials::new(offer).unwrap());
            let mut ends = [Role::Client, Role::Server].map(|role| Dtls::new(role, &ours[0], local).unwrap());
            let mut complete = [false; 2];
            while complete != [true; 2] {
                for (from, to) in [(0, 1), (1, 0)] {
                    while let Some(datagram) = ends[from].poll_transmit() {
                        complete[to] |= ends[to].read(&datagram, &mut vec![]).unwrap();
                    }
                }
            }
            let [mut client, mut server] = [0, 1].map(|i| ends[i].keys(&ours[i]).unwrap());
            let packet = [0x80, 96, 4, 0, 0, 0, 0, 0, 0, 0, 0, 7, 1, 2, 3];
            let sealed = client.tx.encrypt_rtp(&packet).unwrap();
            assert_eq!(&server.rx.decrypt_rtp(&sealed).unwrap()[..], packet);
            assert_eq!(
                [client.profile, server.profile].map(|p| format!("{p:?}")),
                [(); 2].map(|()| format!("{profile:?}"))
            );
        }
    }
}
