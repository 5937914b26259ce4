//! The server under test: its process, from a free port to its end.
//!
//! One at a time in a test binary (the servers would fight for the machine's CPU, and their latencies would say
//! nothing), so [`Server::start`] waits for the last one's end. A server ends with the test: by SIGTERM, and by SIGKILL
//! where that does not help. Its log and data stay when the test fails, and the test says where.

use std::fs::File;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::hls::{Rendition, renditions};
use crate::http::Http;
pub use crate::process::child::end_with_us;
use crate::process::child::tail;
pub use crate::process::ports::{free_port, outside_address};
use crate::prometheus::Metrics;
use crate::token::KeyPair;
use crate::wait::wait_for_or;

/// How long a server may take to answer `/readyz`, seconds.
const READY_MAX_S: u64 = 30;
/// How long after the first speaker the broadcast may take to appear, seconds.
const BROADCAST_MAX_S: u64 = 30;
/// How long it may take to end after SIGTERM before it is killed, seconds.
const END_MAX_S: u64 = 20;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// How to start `spillway demo`.
#[derive(Clone, Debug)]
pub struct Demo {
    /// Synthetic speakers of its own.
    pub speakers: u32,
    /// The ladder's preset; `None` leaves the server's default.
    pub ladder: Option<String>,
    /// Further arguments.
    pub arguments: Vec<String>,
    /// Where its data go, instead of a folder of its own.
    pub data: Option<PathBuf>,
    /// Environment variables; they go before the rig's own.
    pub environment: Vec<(String, String)>,
    /// Its HTTP surface is at all of the machine's addresses, not on loopback alone.
    pub everywhere: bool,
    /// Where clients reach it, HTTP and media: the calling thread's end of a [`Link`](crate::link::Link) instead of
    /// loopback.
    pub address: Option<Ipv4Addr>,
}

impl Default for Demo {
    /// No speakers, and the ladder that costs least: the tests bring their own, and share two cores with browsers.
    fn default() -> Self {
        Self {
            speakers: 0,
            ladder: Some(LADDER_SMALL.into()),
            arguments: vec![],
            data: None,
            environment: vec![],
            everywhere: false,
            address: None,
        }
    }
}

impl Demo {
    /// With one thread for media, and so one port, that a relay can stand in front of: with several, which port a
    /// session will have is not known before its answer.
    pub fn with_one_port() -> Self {
        Self { environment: vec![("SPILLWAY__SFU__SHARDS".into(), "1".into())], ..Self::default() }
    }

    /// At this address, which the thread that starts it has in its namespace.
    pub fn at(address: Ipv4Addr) -> Self {
        Self { address: Some(address), ..Self::default() }
    }

    /// Where clients reach it.
    fn host(&self) -> Ipv4Addr {
        self.address.unwrap_or(Ipv4Addr::LOCALHOST)
    }
}

/// The preset that costs least.
const LADDER_SMALL: &str = "small";

/// Media on free ports, which relays stand in front of and other servers do not fight for.
fn media_environment(host: Ipv4Addr) -> [(&'static str, String); 2] {
    [("SPILLWAY__SFU__PORT", "0".into()), ("SPILLWAY__SFU__ADDRESSES", format!("[\"{host}\"]"))]
}

/// A running server.
pub struct Server {
    /// Its HTTP surface.
    pub http: Http,
    /// Its room.
    pub room: String,
    /// Its key pair.
    pub keys: KeyPair,
    child: Child,
    demo: Demo,
    port: u16,
    folder: Option<tempfile::TempDir>,
    _turn: MutexGuard<'static, ()>,
}

impl Server {
    /// Starts the demo on free ports with an empty data folder, and waits until it is ready.
    pub fn start(demo: Demo) -> Result<Self> {
        let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let folder =
            tempfile::Builder::new().prefix("spillway-it-").tempdir().map_err(Error::io("making a data folder"))?;
        let port = free_port()?;
        let child = spawn(&demo, port, folder.path())?;
        let http = Http::new(&format!("http://{}:{port}", demo.host()));
        let (room, keys) = ("demo".to_owned(), KeyPair::demo());
        let mut server = Self { http, room, keys, child, demo, port, folder: Some(folder), _turn: turn };
        server.wait_until_ready()?;
        Ok(server)
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let (http, child, room) = (&self.http, &mut self.child, format!("/v1/rooms/{}", self.room));
        wait_for_or("the server and its room", READY_MAX_S, || {
            if let Ok(Some(status)) = child.try_wait() {
                return Err(format!("it ended with {status}"));
            }
            for path in ["/readyz", &room] {
                let reply = http.get(path).map_err(|error| error.to_string())?;
                if reply.status != 200 {
                    return Err(format!("{path}: {} {}", reply.status, reply.text()));
                }
            }
            Ok(())
        })
    }

    /// The port of its HTTP surface.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where its data lie.
    pub fn data(&self) -> PathBuf {
        data_of(&self.demo, self.folder())
    }

    /// Where its log is.
    pub fn log(&self) -> PathBuf {
        self.folder().join("log")
    }

    fn folder(&self) -> &Path {
        self.folder.as_ref().map_or(Path::new(""), tempfile::TempDir::path)
    }

    /// The stable entry to the room's broadcast.
    pub fn playlist(&self) -> String {
        format!("/live/{}/index.m3u8", self.room)
    }

    /// A token to publish in its room.
    pub fn speaker_token(&self, identity: &str) -> String {
        self.keys.mint(&self.room, identity, true)
    }

    /// A token to watch its room.
    pub fn viewer_token(&self, identity: &str) -> String {
        self.keys.mint(&self.room, identity, false)
    }

    /// Its metrics now.
    pub fn metrics(&self) -> Result<Metrics> {
        Metrics::scrape(&self.http)
    }

    /// Its room now, as a viewer with a token of theirs sees it, private or not.
    pub fn look(&self) -> Result<serde_json::Value> {
        let bearer = format!("Bearer {}", self.viewer_token("viewer"));
        let path = format!("/v1/rooms/{}", self.room);
        Ok(self.http.request("GET", &path, &[("Authorization", &bearer)], None)?.json())
    }

    /// Waits until so many speakers are on the stage, as `/v1/rooms/{room}` has it.
    pub fn wait_for_speakers(&self, count: usize) -> Result<()> {
        wait_for_or(&format!("a stage of {count}"), 15, || {
            let room = self.look().map_err(|error| error.to_string())?;
            let stage = room["stage"].as_array().map_or(0, Vec::len);
            if stage == count { Ok(()) } else { Err(room.to_string()) }
        })
    }

    /// Waits until its room is broadcast with picture and sound; what there is to watch.
    pub fn wait_for_broadcast(&self) -> Result<Vec<Rendition>> {
        self.wait_for_broadcast_at(&self.playlist())
    }

    /// As [`Server::wait_for_broadcast`], by another entry.
    pub fn wait_for_broadcast_at(&self, playlist: &str) -> Result<Vec<Rendition>> {
        wait_for_or("the broadcast", BROADCAST_MAX_S, || {
            let found = renditions(&self.http, playlist).map_err(|error| error.to_string())?;
            let whole = [true, false].iter().all(|audio| found.iter().any(|one| one.audio == *audio));
            if whole { Ok(found) } else { Err(format!("{found:?}")) }
        })
    }

    /// Asks it to end, as a service manager does.
    pub fn terminate(&self) {
        signal(self.child.id(), libc::SIGTERM);
    }

    /// Takes it away without warning.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits for its end.
    pub fn wait_for_end(&mut self, seconds: u64) -> Result<ExitStatus> {
        let child = &mut self.child;
        wait_for_or("the server's end", seconds, || child.try_wait().ok().flatten().ok_or_else(String::new))
    }

    /// Starts it again after its end, on the same port and data.
    pub fn start_again(&mut self) -> Result<()> {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.child = spawn(&self.demo, self.port, self.folder())?;
        self.wait_until_ready()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.terminate();
        if self.wait_for_end(END_MAX_S).is_err() {
            self.kill();
        }
        if std::thread::panicking()
            && let Some(folder) = self.folder.take()
        {
            let tail = tail(&folder.path().join("log"));
            eprintln!("--- the server's log ends:\n{tail}\n--- log and data are kept in {}", folder.keep().display());
        }
    }
}

/// Sends a signal to one process.
pub fn signal(pid: u32, signal: libc::c_int) {
    // SAFETY: no pointers are involved.
    unsafe { libc::kill(pid as libc::pid_t, signal) };
}

/// The server's binary: `SPILLWAY_BIN`, or the one that Cargo put beside this program.
pub fn binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("SPILLWAY_BIN") {
        return Ok(path.into());
    }
    let ours = std::env::current_exe().map_err(Error::io("looking for our own binary"))?;
    let beside = ours.ancestors().skip(1).take(2).map(|folder| folder.join("spillway")).find(|path| path.is_file());
    beside.ok_or_else(|| Error::Program {
        program: "spillway".into(),
        hint: "build it first, `cargo build -p spillway`, or set SPILLWAY_BIN".into(),
        source: std::io::ErrorKind::NotFound.into(),
    })
}

fn data_of(demo: &Demo, folder: &Path) -> PathBuf {
    demo.data.clone().unwrap_or_else(|| folder.join("data"))
}

fn spawn(demo: &Demo, port: u16, folder: &Path) -> Result<Child> {
    let program = binary()?;
    let log = File::options().create(true).append(true).open(folder.join("log")).map_err(Error::io("opening a log"))?;
    let errors = log.try_clone().map_err(Error::io("opening a log"))?;
    let mut command = Command::new(&program);
    let address = if demo.everywhere { Ipv4Addr::UNSPECIFIED } else { demo.host() };
    command.arg("demo").args(["--http", &format!("{address}:{port}")]).arg("--data").arg(data_of(demo, folder));
    command.args(["--speakers", &demo.speakers.to_string()]);
    if let Some(ladder) = &demo.ladder {
        command.args(["--ladder", ladder]);
    }
    command.args(&demo.arguments).envs(media_environment(demo.host())).envs(demo.environment.iter().cloned());
    command.stdin(Stdio::null()).stdout(log).stderr(errors);
    let hint = "build it first, `cargo build -p spillway`".to_owned();
    end_with_us(&mut command).spawn().map_err(|source| Error::Program { program, hint, source })
}

/// Sleeps, where a test is about what happens meanwhile.
pub fn pass(seconds: u64) {
    std::thread::sleep(Duration::from_secs(seconds));
}
