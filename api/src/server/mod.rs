//! The surface on sockets: accepting, TLS, limits, and an end within a bound.
//!
//! [`Server::bind`] takes the addresses before anything else starts; [`Server::serve`] runs until [`Lifecycle::close`].
//! Each connection is one task, owned by the acceptor's `JoinSet`; when `connections_max` are open, a further one is
//! closed as soon as it is accepted.

mod connection;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::extract::{Caller, Place};
use crate::{Config, Error, Lifecycle, metrics};

/// Wait after an accept that failed (out of file descriptors, mostly), so that it is not retried in a spin.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Bound sockets that nobody is served on yet.
pub struct Server {
    config: Config,
    http: TcpListener,
    https: Option<(TcpListener, TlsAcceptor)>,
}

impl Server {
    /// Takes the addresses and reads the certificate.
    pub async fn bind(config: &Config) -> Result<Self, Error> {
        let https = match &config.tls {
            Some(tls) => Some((listen(tls.address).await?, tls::acceptor(tls)?)),
            None => None,
        };
        Ok(Self { config: config.clone(), http: listen(config.http).await?, https })
    }

    /// Where HTTP is served: with port 0 in the configuration, the system chose one.
    pub fn http_address(&self) -> SocketAddr {
        self.http.local_addr().unwrap_or(self.config.http)
    }

    /// Where HTTPS is served.
    pub fn https_address(&self) -> Option<SocketAddr> {
        self.https.as_ref().and_then(|(listener, _)| listener.local_addr().ok())
    }

    /// Serves until `lifecycle` closes; then requests under way get `drain_max` to finish, and the rest is cut.
    pub async fn serve(self, router: Router, lifecycle: Lifecycle, drain_max: Duration) {
        let serving = Arc::new(Serving {
            places: Arc::new(Semaphore::new(self.config.connections_max as usize)),
            timing: connection::Timing::of(&self.config),
            router,
            lifecycle,
            drain_max,
        });
        let mut acceptors = JoinSet::new();
        acceptors.spawn(serving.clone().accept(self.http, None));
        if let Some((listener, tls)) = self.https {
            acceptors.spawn(serving.accept(listener, Some(tls)));
        }
        while acceptors.join_next().await.is_some() {}
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|source| Error::Bind { address, source })
}

struct Serving {
    places: Arc<Semaphore>,
    timing: connection::Timing,
    router: Router,
    lifecycle: Lifecycle,
    drain_max: Duration,
}

impl Serving {
    async fn accept(self: Arc<Self>, listener: TcpListener, tls: Option<TlsAcceptor>) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((socket, address)) => {
                        let from = Caller { address, tls: tls.is_some() };
                        self.admit(&mut connections, socket, from, tls.clone());
                    }
                    Err(error) => {
                        tracing::warn!(%error, "accepting a connection");
                        tokio::time::sleep(ACCEPT_RETRY).await;
                    }
                },
                Some(_) = connections.join_next() => {}
                () = self.lifecycle.closing() => break,
            }
        }
        drop(listener);
        let rest = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(self.drain_max, rest).await.is_err() {
            tracing::warn!(connections = connections.len(), "cutting connections that did not end in time");
            connections.shutdown().await;
        }
    }

    fn admit(&self, connections: &mut JoinSet<()>, socket: TcpStream, from: Caller, tls: Option<TlsAcceptor>) {
        let Ok(place) = self.places.clone().try_acquire_owned() else {
            metrics::connection_refused();
            return;
        };
        // Playlists and parts are small and wanted now.
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "setting TCP_NODELAY");
        }
        let (timing, router, lifecycle) = (self.timing, self.router.clone(), self.lifecycle.clone());
        connections.spawn(async move {
            let place = Place::new(place);
            match tls {
                None => connection::serve(socket, from, place, router, timing, &lifecycle).await,
                Some(tls) => match tokio::time::timeout(timing.header_read, tls.accept(socket)).await {
                    Ok(Ok(socket)) => connection::serve(socket, from, place, router, timing, &lifecycle).await,
                    Ok(Err(error)) => tracing::debug!(%error, "TLS handshake"),
                    Err(_) => tracing::debug!("TLS handshake took too long"),
                },
            }
        });
    }
}

#[cfg(test)]
mod tests;
