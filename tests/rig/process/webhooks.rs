//! A receiver of webhooks that answers as a test says, and notes what it was sent.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

use crate::error::{Error, Result};

/// A request may take so long.
const READ_MAX: Duration = Duration::from_secs(5);
/// A longer body is cut.
const BODY_BYTES_MAX: u64 = 1024 * 1024;

/// A POST.
#[derive(Clone, Debug)]
pub struct Posted {
    /// The status it was answered with.
    pub status: u16,
    /// Its header `Authorization`.
    pub authorization: String,
    /// Its body as it came.
    pub body: String,
    /// The same, read.
    pub json: Value,
}

/// A receiver; its threads end with the process.
#[derive(Debug)]
pub struct Receiver {
    /// The address to send to.
    pub url: String,
    inside: Arc<Inside>,
}

#[derive(Debug)]
struct Inside {
    status: AtomicU16,
    posted: Mutex<Vec<Posted>>,
}

impl Receiver {
    /// A receiver that answers with that status.
    pub fn start(status: u16) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").map_err(Error::io("listening for webhooks"))?;
        let address = listener.local_addr().map_err(Error::io("listening for webhooks"))?;
        let inside = Arc::new(Inside { status: AtomicU16::new(status), posted: Mutex::default() });
        let shared = inside.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = shared.clone();
                std::thread::spawn(move || shared.serve(stream));
            }
        });
        Ok(Self { url: format!("http://{address}/"), inside })
    }

    /// Answers with that status from now on.
    pub fn answer(&self, status: u16) {
        self.inside.status.store(status, Ordering::Release);
    }

    /// Every POST so far.
    pub fn posted(&self) -> Vec<Posted> {
        self.inside.posted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Those of one event's name that were taken.
    pub fn taken(&self, event: &str) -> Vec<Posted> {
        self.posted().into_iter().filter(|one| one.status == 200 && one.json["event"] == event).collect()
    }
}

impl Inside {
    /// One request a connection.
    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        stream.set_read_timeout(Some(READ_MAX))?;
        let mut reader = BufReader::new(stream);
        let (mut length, mut authorization) = (0, String::new());
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
                break;
            }
            match line.split_once(':') {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.trim().parse().unwrap_or(0);
                }
                Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                    value.trim().clone_into(&mut authorization);
                }
                _ => {}
            }
        }
        let mut body = String::new();
        reader.by_ref().take(BODY_BYTES_MAX.min(length)).read_to_string(&mut body)?;
        let status = self.status.load(Ordering::Acquire);
        let json = serde_json::from_str(&body).unwrap_or_default();
        self.posted.lock().unwrap_or_else(PoisonError::into_inner).push(Posted { status, authorization, body, json });
        let answer = format!("HTTP/1.1 {status} x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        reader.get_mut().write_all(answer.as_bytes())
    }
}
