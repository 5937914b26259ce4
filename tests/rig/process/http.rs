//! HTTP as the tests need it: any status is an answer, only silence is an error.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::error::{Error, Result};

/// Answers are read up to here, bytes.
const BODY_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// A request without an answer is given up after this.
const TIMEOUT: Duration = Duration::from_secs(15);

/// A client that keeps its connections. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Http {
    agent: ureq::Agent,
    origin: String,
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    headers: ureq::http::HeaderMap,
    /// The body, decoded.
    pub body: Vec<u8>,
}

impl Http {
    /// A client of `origin`, such as `http://127.0.0.1:8080`.
    pub fn new(origin: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(TIMEOUT))
            .proxy(None)
            .max_redirects(0)
            .build();
        Self { agent: config.into(), origin: origin.trim_end_matches('/').to_owned() }
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Makes a path absolute; an absolute URL stays.
    pub fn url(&self, path: &str) -> String {
        if path.starts_with("http://") { path.to_owned() } else { format!("{}{path}", self.origin) }
    }

    /// GET.
    pub fn get(&self, path: &str) -> Result<Reply> {
        self.request("GET", path, &[], None)
    }

    /// GET that must be a 200, as text.
    pub fn text(&self, path: &str) -> Result<String> {
        let reply = self.get(path)?;
        if reply.status != 200 {
            return Err(reply.unexpected(&self.url(path)));
        }
        Ok(reply.text())
    }

    /// Any method, with headers and maybe a body.
    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> Result<Reply> {
        let url = self.url(path);
        let fail = |source: ureq::Error| Error::Http { url: url.clone(), source: Box::new(source) };
        let mut request = ureq::http::Request::builder().method(method).uri(&url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let sent = match body {
            Some(body) => self.agent.run(request.body(body).map_err(|e| fail(e.into()))?),
            None => self.agent.run(request.body(()).map_err(|e| fail(e.into()))?),
        };
        let mut answer = sent.map_err(fail)?;
        let body = answer.body_mut().with_config().limit(BODY_BYTES_MAX).read_to_vec().map_err(fail)?;
        Ok(Reply { status: answer.status().as_u16(), headers: answer.headers().clone(), body })
    }

    /// Any method, with a bearer token and a JSON body where there are any.
    pub fn ask(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<&serde_json::Value>,
    ) -> Result<Reply> {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let headers = bearer.iter().map(|bearer| ("Authorization", bearer.as_str()));
        let headers = headers.chain(body.iter().map(|_| ("Content-Type", "application/json")));
        let body = body.map(ToString::to_string);
        self.request(method, path, &headers.collect::<Vec<_>>(), body.as_ref().map(|body| body.as_bytes()))
    }

    /// Sends bytes as they are, over a connection of their own; the status answered. For requests that no client
    /// library sends, and for answers that come before the request is complete.
    pub fn raw_status(&self, request: &[u8]) -> Result<u16> {
        let address = self.origin.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).map_err(Error::io("connecting for a raw request"))?;
        stream.set_read_timeout(Some(TIMEOUT)).map_err(Error::io("setting up a raw request"))?;
        // The server may have answered and closed already.
        let _ = stream.write_all(request);
        let mut line = [0; 12];
        stream.read_exact(&mut line).map_err(Error::io("reading the status of a raw request"))?;
        let line = String::from_utf8_lossy(&line);
        let status = line.strip_prefix("HTTP/1.1 ").and_then(|status| status.parse().ok());
        status.ok_or_else(|| Error::Malformed { what: "status line", detail: line.into_owned() })
    }

    /// POST of an SDP offer with a bearer token.
    pub fn offer(&self, path: &str, token: Option<&str>, sdp: &[u8]) -> Result<Reply> {
        let bearer = token.map(|token| format!("Bearer {token}"));
        // A refusal may come before the body was read, and then nothing more can be asked over its connection.
        let mut headers = vec![("Content-Type", "application/sdp"), ("Connection", "close")];
        if let Some(bearer) = &bearer {
            headers.push(("Authorization", bearer));
        }
        self.request("POST", path, &headers, Some(sdp))
    }
}

impl Reply {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body as text; what is not UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; `Null` if it is not.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The error that says what was answered.
    pub fn unexpected(&self, url: &str) -> Error {
        let body = self.text().chars().take(400).collect();
        Error::Status { url: url.to_owned(), status: self.status, body }
    }
}
