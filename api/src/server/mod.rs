//! The surface on sockets: accepting, TLS, limits, and an end within a bound.
//!
//! [`Server::bind`] takes the addresses before anything else starts; [`Server::serve`] runs until [`Lifecycle::close`].
//! Each connection is one task, owned by the acceptor's `JoinSet`. When `connections_max` are open, a further one is
//! closed as soon as it is accepted. An address that holds `connections_per_address_max` is told so in the clear, by a
//! few tasks at most, and closed over TLS, where an answer would cost a handshake.

mod activity;
mod body;
mod connection;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::map_response;
use axum::response::{IntoResponse as _, Response};
use http::HeaderValue;
use http::header::{CONNECTION, STRICT_TRANSPORT_SECURITY};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use tls::Certificate;

use crate::addresses::Addresses;
use crate::extract::{Caller, Place};
use crate::problem::Problem;
use crate::{Config, Error, Lifecycle, StartError, metrics};

/// Wait after an accept that failed (out of file descriptors, mostly), so that it is not retried in a spin.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
/// Connections at once that are told that their address holds too many; further ones are closed.
const REFUSALS_AT_ONCE: usize = 64;
/// The time for one such answer.
const REFUSAL_MAX: Duration = Duration::from_secs(2);
/// Connections at once to the metrics' own address.
const METRICS_CONNECTIONS_MAX: u32 = 64;

/// Bound sockets that serve no client yet.
pub struct Server {
    config: Config,
    http: TcpListener,
    https: Option<(TcpListener, Arc<Certificate>)>,
    /// The interval between two comparisons of the certificate's files.
    look_every: Duration,
}

impl Server {
    /// Takes the addresses and reads the certificate.
    pub async fn bind(config: &Config) -> Result<Self, StartError> {
        let https = match &config.tls {
            Some(tls) => Some((listen(tls.address).await?, Arc::new(Certificate::read(tls)?))),
            None => None,
        };
        Ok(Self { config: config.clone(), http: listen(config.http).await?, https, look_every: tls::LOOK_EVERY })
    }

    /// Takes the metrics' own address, if they have one; to be served with [`crate::metrics_router`].
    pub async fn bind_metrics(config: &Config) -> Result<Option<Self>, StartError> {
        let Some(http) = config.metrics.address else { return Ok(None) };
        let config = Config { http, tls: None, connections_max: METRICS_CONNECTIONS_MAX, ..config.clone() };
        Self::bind(&config).await.map(Some)
    }

    /// The address that serves HTTP in the clear. With port 0 in the configuration, the system chose the port.
    pub fn http_address(&self) -> SocketAddr {
        self.http.local_addr().unwrap_or(self.config.http)
    }

    /// The address that serves HTTPS.
    pub fn https_address(&self) -> Option<SocketAddr> {
        self.https.as_ref().and_then(|(listener, _)| listener.local_addr().ok())
    }

    /// Serves until `lifecycle` closes; then requests under way get `drain_max` to finish, and the rest is cut.
    pub async fn serve(self, router: Router, lifecycle: Lifecycle, drain_max: Duration) {
        let config = &self.config;
        let serving = Arc::new(Serving {
            places: Arc::new(Semaphore::new(config.connections_max as usize)),
            addresses: Addresses::new(config.connections_per_address_max, &config.trusted_proxies),
            refusals: Arc::new(Semaphore::new(REFUSALS_AT_ONCE)),
            timing: connection::Timing::of(config),
            lifecycle,
            drain_max,
        });
        let (mut acceptors, mut watcher) = (JoinSet::new(), JoinSet::new());
        acceptors.spawn(serving.clone().accept(self.http, Surface { router: router.clone(), certificate: None }));
        if let Some((listener, certificate)) = self.https {
            watcher.spawn(certificate.clone().watch(self.look_every));
            let router = with_hsts(router, config.tls.as_ref().map_or(0, |tls| tls.hsts_seconds));
            acceptors.spawn(serving.accept(listener, Surface { router, certificate: Some(certificate) }));
        }
        while acceptors.join_next().await.is_some() {}
    }
}

/// Tells browsers to come by HTTPS for the next `seconds` (RFC 6797 §6.1).
fn with_hsts(router: Router, seconds: u32) -> Router {
    let Some(value) = HeaderValue::try_from(format!("max-age={seconds}")).ok().filter(|_| seconds > 0) else {
        return router;
    };
    router.layer(map_response(move |mut response: Response| {
        response.headers_mut().insert(STRICT_TRANSPORT_SECURITY, value.clone());
        std::future::ready(response)
    }))
}

/// The answer to an address that holds `connections_per_address_max` connections.
fn refusal() -> Router {
    Router::new().fallback(async || {
        let mut response = Problem::from(Error::TooManyConnections).into_response();
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        response
    })
}

async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| StartError::Bind { address, source })
}

/// The routes of a listener, and its certificate.
#[derive(Clone)]
struct Surface {
    router: Router,
    certificate: Option<Arc<Certificate>>,
}

struct Serving {
    places: Arc<Semaphore>,
    addresses: Addresses,
    refusals: Arc<Semaphore>,
    timing: connection::Timing,
    lifecycle: Lifecycle,
    drain_max: Duration,
}

impl Serving {
    async fn accept(self: Arc<Self>, listener: TcpListener, surface: Surface) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((socket, address)) => {
                        let from = Caller { address, tls: surface.certificate.is_some() };
                        self.admit(&mut connections, socket, from, &surface);
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

    fn admit(&self, connections: &mut JoinSet<()>, socket: TcpStream, from: Caller, surface: &Surface) {
        let Ok(place) = self.places.clone().try_acquire_owned() else {
            metrics::connection_refused("all");
            return;
        };
        // Playlists and parts are small and wanted now.
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "setting TCP_NODELAY");
        }
        let Some(counted) = self.addresses.count(from.address.ip()) else {
            metrics::connection_refused("address");
            return self.refuse(connections, socket, from);
        };
        let tls = surface.certificate.as_ref().map(|certificate| certificate.acceptor());
        let (timing, router, lifecycle) = (self.timing, surface.router.clone(), self.lifecycle.clone());
        connections.spawn(async move {
            let place = Place::new(place, counted);
            match tls {
                None => connection::serve(socket, from, Some(place), router, timing, &lifecycle).await,
                Some(tls) => match tokio::time::timeout(timing.header_read, tls.accept(socket)).await {
                    Ok(Ok(socket)) => {
                        connection::serve(socket, from, Some(place), router, timing, &lifecycle).await;
                    }
                    Ok(Err(error)) => tracing::debug!(%error, "TLS handshake"),
                    Err(_) => tracing::debug!("TLS handshake took too long"),
                },
            }
        });
    }

    /// Answers a connection in the clear with 429 and closes one over TLS, where an answer would cost a handshake.
    fn refuse(&self, connections: &mut JoinSet<()>, socket: TcpStream, from: Caller) {
        let Some(permit) = self.refusals.clone().try_acquire_owned().ok().filter(|_| !from.tls) else { return };
        let (timing, lifecycle) = (self.timing, self.lifecycle.clone());
        connections.spawn(async move {
            let answer = connection::serve(socket, from, None, refusal(), timing, &lifecycle);
            if tokio::time::timeout(REFUSAL_MAX, answer).await.is_err() {
                tracing::trace!("a refused connection asked nothing");
            }
            drop(permit);
        });
    }
}

#[cfg(test)]
mod tests;
