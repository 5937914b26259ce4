//! Certificates, and what HTTPS adds to answers.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;
use crate::Tls;

/// A certificate for `localhost` and its key.
struct Pair {
    certificate: CertificateDer<'static>,
    key: Vec<u8>,
}

impl Pair {
    fn new() -> Self {
        let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        Self { certificate: pair.cert.der().clone(), key: pair.signing_key.serialize_der() }
    }
}

fn write_pem(path: &Path, label: &str, der: &[u8]) {
    let base64 = STANDARD.encode(der);
    let lines: Vec<_> = base64.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let text = format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"));
    std::fs::write(path, text).unwrap();
}

/// A server whose certificate's files can be changed.
struct TlsRig {
    tls: Tls,
    https: SocketAddr,
    http: SocketAddr,
    roots: RootCertStore,
    serving: JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl TlsRig {
    /// Trusts each of `pairs` and serves with the first.
    async fn new(pairs: &[&Pair]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        let tls = Tls { address, certificate, key, hsts_seconds: 600 };
        let mut roots = RootCertStore::empty();
        pairs.iter().for_each(|pair| roots.add(pair.certificate.clone()).unwrap());
        write_pem(&tls.certificate, "CERTIFICATE", &pairs[0].certificate);
        write_pem(&tls.key, "PRIVATE KEY", &pairs[0].key);
        let config = Config { http: address, tls: Some(tls.clone()), ..Config::default() };
        let mut server = Server::bind(&config).await.unwrap();
        server.look_every = Duration::from_millis(20);
        let (https, http) = (server.https_address().unwrap(), server.http_address());
        let router = Router::new().route("/", get(async || "hello"));
        let serving = tokio::spawn(server.serve(router, Lifecycle::default(), SOON));
        Self { tls, https, http, roots, serving, _folder: folder }
    }

    fn write(&self, certificate: &Pair, key: &Pair) {
        write_pem(&self.tls.certificate, "CERTIFICATE", &certificate.certificate);
        write_pem(&self.tls.key, "PRIVATE KEY", &key.key);
    }

    /// A new connection, without a session to resume.
    async fn connect(&self) -> TlsStream<TcpStream> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_root_certificates(self.roots.clone()).with_no_client_auth();
        let socket = TcpStream::connect(self.https).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, socket).await.unwrap()
    }

    /// The certificate that a new connection is shown.
    async fn shown(&self) -> CertificateDer<'static> {
        self.connect().await.get_ref().1.peer_certificates().unwrap()[0].clone()
    }

    /// Waits until new connections are shown the certificate of `pair`.
    async fn shows(&self, pair: &Pair) {
        let shown = async {
            while self.shown().await != pair.certificate {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(SOON, shown).await.expect("the new certificate should be in use");
    }
}

impl Drop for TlsRig {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn ask(socket: &mut TlsStream<TcpStream>) -> String {
    socket.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut reply = Vec::new();
    while !reply.ends_with(b"hello") {
        let mut chunk = [0; 1024];
        let length = timeout(SOON, socket.read(&mut chunk)).await.unwrap().unwrap();
        assert_ne!(length, 0, "the server should not have closed");
        reply.extend_from_slice(&chunk[..length]);
    }
    String::from_utf8(reply).unwrap()
}

#[tokio::test]
async fn new_connections_get_the_renewed_certificate_and_old_ones_live_on() {
    let (first, renewed) = (Pair::new(), Pair::new());
    let rig = TlsRig::new(&[&first, &renewed]).await;
    let mut old = rig.connect().await;
    ask(&mut old).await;
    assert_eq!(rig.shown().await, first.certificate);
    rig.write(&renewed, &renewed);
    rig.shows(&renewed).await;
    ask(&mut old).await;
    assert_eq!(old.get_ref().1.peer_certificates().unwrap()[0], first.certificate);
}

#[tokio::test]
async fn unusable_new_pair_leaves_the_old_certificate_in_use() {
    let (first, other, good) = (Pair::new(), Pair::new(), Pair::new());
    let rig = TlsRig::new(&[&first, &other, &good]).await;
    rig.write(&other, &first);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(rig.shown().await, first.certificate, "the key is another certificate's");
    std::fs::write(&rig.tls.certificate, "").unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(rig.shown().await, first.certificate, "the file is empty");
    std::fs::remove_file(&rig.tls.key).unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(rig.shown().await, first.certificate, "a file is missing");
    rig.write(&good, &good);
    rig.shows(&good).await;
}

#[tokio::test]
async fn hsts_header_is_sent_over_https_only() {
    let pair = Pair::new();
    let rig = TlsRig::new(&[&pair]).await;
    let reply = ask(&mut rig.connect().await).await;
    assert!(reply.contains("strict-transport-security: max-age=600\r\n"), "{reply}");
    let mut plain = TcpStream::connect(rig.http).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
    let reply = to_end(plain).await;
    assert!(reply.starts_with("HTTP/1.1 200") && !reply.contains("strict-transport"), "{reply}");
}

#[tokio::test]
async fn unreadable_certificate_is_refused_by_its_file_name() {
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    let (certificate, key) = ("/nonexistent/cert.pem".into(), "/nonexistent/key.pem".into());
    let tls = Tls { address, certificate, key, hsts_seconds: 0 };
    let config = Config { http: address, tls: Some(tls), ..Config::default() };
    let error = Server::bind(&config).await.err().unwrap();
    assert!(error.to_string().contains("/nonexistent/cert.pem"), "{error}");
}
