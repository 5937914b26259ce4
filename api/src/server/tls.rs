//! The certificate, and what TLS offers: 1.2 and 1.3, `h2` before `http/1.1`.
//!
//! A renewed certificate takes no restart: [`Certificate::watch`] compares the two files with what was read last, and
//! connections from then on get the new pair. A pair that is no good is logged, and the old one stays.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::{StartError, Tls};

/// The interval between two comparisons of the files.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(10);

/// The certificate in use.
pub(super) struct Certificate {
    tls: Tls,
    current: RwLock<TlsAcceptor>,
    last_look: Mutex<Look>,
}

/// The files as they were when they were last read.
#[derive(Clone, PartialEq, Eq)]
enum Look {
    /// SHA-256 of their contents, usable or not.
    Held(Vec<u8>),
    Unreadable(String),
}

/// The content of the files.
struct Files {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Certificate {
    /// Reads the files.
    pub(super) fn read(tls: &Tls) -> Result<Self, StartError> {
        let files = Files::read(tls)?;
        let current = RwLock::new(files.acceptor(tls)?);
        Ok(Self { tls: tls.clone(), current, last_look: Mutex::new(Look::Held(files.digest())) })
    }

    /// The TLS settings with the certificate in use.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes renewed files into use. Runs until it is dropped.
    pub(super) async fn watch(self: Arc<Self>, every: Duration) {
        loop {
            tokio::time::sleep(every).await;
            let certificate = self.clone();
            // Files are read on a thread that may wait for a disk.
            if let Err(error) = tokio::task::spawn_blocking(move || certificate.look()).await {
                tracing::error!(%error, "looking at the certificate");
            }
        }
    }

    /// Reads the files again, if they changed.
    fn look(&self) {
        let files = Files::read(&self.tls);
        let look = match &files {
            Ok(files) => Look::Held(files.digest()),
            Err(error) => Look::Unreadable(error.to_string()),
        };
        let previous =
            std::mem::replace(&mut *self.last_look.lock().unwrap_or_else(PoisonError::into_inner), look.clone());
        if previous == look {
            return;
        }
        match files.and_then(|files| files.acceptor(&self.tls)) {
            Ok(acceptor) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = acceptor;
                tracing::info!("the renewed certificate is in use");
            }
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the changed certificate is no good; the one in use stays"
            ),
        }
    }
}

impl Files {
    fn read(tls: &Tls) -> Result<Self, StartError> {
        let read = |path: &Path| std::fs::read(path).map_err(|error| unreadable(path, error));
        Ok(Self { certificate: read(&tls.certificate)?, key: read(&tls.key)? })
    }

    fn digest(&self) -> Vec<u8> {
        let mut digest = Context::new(&SHA256);
        // With its length, so that bytes that moved from one file to the other are a change.
        digest.update(&self.certificate.len().to_be_bytes());
        digest.update(&self.certificate);
        digest.update(&self.key);
        digest.finish().as_ref().to_vec()
    }

    /// Refuses a pair that does not fit together.
    fn acceptor(&self, tls: &Tls) -> Result<TlsAcceptor, StartError> {
        let certificates = CertificateDer::pem_slice_iter(&self.certificate)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| unreadable(&tls.certificate, error))?;
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|error| unreadable(&tls.key, error))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(certificates, key))
            .map_err(|error| unreadable(&tls.certificate, error))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

fn unreadable(path: &Path, source: impl std::error::Error + Send + Sync + 'static) -> StartError {
    StartError::Certificate { path: path.to_owned(), source: Box::new(source) }
}
