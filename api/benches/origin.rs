//! Measures the cost of the origin over real HTTP: a part, a playlist that a thousand viewers wait for, and a waiting
//! request's memory.
//!
//! The server has one thread, whose CPU time is read; the clients have the others. `cargo bench -p api --bench origin`.

#![allow(clippy::unwrap_used)] // A benchmark that unwraps says where it failed.

use std::alloc::{GlobalAlloc, Layout as HeapLayout, System};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime};

use access::Keys;
use api::server::Server;
use api::{AppParts, Config, EventsHub, Lifecycle, NodeDesk, OriginRegistry, PlaybackKeys};
use bytes::Bytes;
use interactive_sfu::Sfu;
use packager::delivery::{AccessUnit, BroadcastSpec, CodecConfig, Delivery, MediaSpec, RenditionId, RenditionSpec};
use rooms::{DatabaseUrl, Room, RoomSettings, Rooms};
use tokio::sync::mpsc;

/// Counts the heap, so that memory a request is a measurement.
struct Counting;
static HEAP_BYTES: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is handed to the system allocator unchanged; the counter is not part of any allocation.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: HeapLayout) -> *mut u8 {
        HEAP_BYTES.fetch_add(layout.size(), Relaxed);
        // SAFETY: the caller keeps `alloc`'s contract.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: HeapLayout) {
        HEAP_BYTES.fetch_sub(layout.size(), Relaxed);
        // SAFETY: `at` came from `alloc` above with this layout.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const WAITING: usize = 1000;
const RUNS: usize = 5;
const CLIENTS: usize = 8;
const RUN: Duration = Duration::from_secs(2);
const FRAMES_PER_PART: u64 = 6;

/// Nobody is on its stage.
fn sfu(keys: &Keys) -> Sfu {
    let addresses = vec![Ipv4Addr::LOCALHOST.into()];
    let config = interactive_sfu::Config { addresses, port: 0, shards: 1, ..interactive_sfu::Config::default() };
    Sfu::start(config, keys.clone()).unwrap()
}

fn spec() -> BroadcastSpec {
    let media = MediaSpec::Video { width: 1280, height: 720 };
    let rendition = RenditionSpec { name: "720p".into(), media, bits_per_second: 2_500_000 };
    let (room, epoch) = ("bench".into(), "k3f9a1".into());
    BroadcastSpec {
        room,
        epoch,
        renditions: vec![rendition],
        segment_frames: 60,
        part_frames: 6,
        frames_per_second: 30,
    }
}

fn frame(number: u64) -> Delivery {
    Delivery::Unit(AccessUnit {
        rendition: RenditionId(0),
        time: number * 3000,
        duration: 3000,
        keyframe: number.is_multiple_of(60),
        data: Bytes::from(vec![7; 10_000]),
        encoded_at: Instant::now(),
    })
}

/// The server, on a thread of its own.
struct Origin {
    address: SocketAddr,
    frames: mpsc::Sender<Delivery>,
    sent: u64,
    thread_clock: libc::clockid_t,
}

impl Origin {
    fn start() -> Self {
        let (told, started) = std::sync::mpsc::channel();
        std::thread::Builder::new()
            .name("origin".into())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async move {
                    let folder = tempfile::tempdir().unwrap();
                    let config = Config { http: ([127, 0, 0, 1], 0).into(), ..Config::default() };
                    let server = Server::bind(&config).await.unwrap();
                    let address = server.http_address();
                    let (frames, deliveries) = mpsc::channel(4096);
                    let packaging = packager::start(spec(), packager::Config::default(), None, deliveries);
                    let (origins, lifecycle) = (OriginRegistry::default(), Lifecycle::default());
                    let rooms = Rooms::open(&DatabaseUrl::file(folder.path().join("db")), 1).await.unwrap();
                    rooms.create(Room::new("bench".parse().unwrap(), 0, RoomSettings::default()), 1).await.unwrap();
                    let access = rooms.access("bench").unwrap();
                    origins.insert("bench", Arc::new(packaging.origin.clone()), SystemTime::now(), access);
                    let keys = Keys::new("k", "s");
                    let media = Arc::new(sfu(&keys));
                    let events = EventsHub::start(&config, media.clone()).unwrap();
                    let router = api::router(AppParts {
                        players: api::Players::new(&keys, config.player_sessions_max),
                        config,
                        media,
                        playback: PlaybackKeys::new(&keys),
                        keys,
                        origins,
                        demand: api::Demand::default(),
                        rooms,
                        events,
                        node: NodeDesk::default(),
                        metrics: Arc::new(String::new),
                        lifecycle: lifecycle.clone(),
                        dev_tokens: false,
                    });
                    let mut clock = 0;
                    // SAFETY: this thread is alive, and `clock` is written to.
                    unsafe { libc::pthread_getcpuclockid(libc::pthread_self(), &raw mut clock) };
                    told.send((address, frames, clock)).unwrap();
                    server.serve(router, lifecycle, Duration::from_secs(1)).await;
                });
            })
            .unwrap();
        let (address, frames, thread_clock) = started.recv().unwrap();
        let mut origin = Self { address, frames, sent: 0, thread_clock };
        let avc = [1, 0x64, 0, 0x1f, 0xff, 0xe1, 0, 4, 0x67, 0x64, 0, 0x1f, 1, 0, 2, 0x68, 0xee, 0xfd, 0xf8, 0xf8, 0];
        let config = CodecConfig::Avc(Bytes::copy_from_slice(&avc));
        origin.frames.blocking_send(Delivery::Codec { rendition: RenditionId(0), config }).unwrap();
        origin.play(600);
        origin
    }

    fn play(&mut self, frames: u64) {
        for number in self.sent..self.sent + frames {
            self.frames.blocking_send(frame(number)).unwrap();
        }
        self.sent += frames;
    }

    fn cpu(&self) -> Duration {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the thread lives as long as the process, and `time` is written to.
        unsafe { libc::clock_gettime(self.thread_clock, &raw mut time) };
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

fn ask(stream: &mut TcpStream, path: &str) {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n").as_bytes()).unwrap();
}

/// Reads one answer; its body's length.
fn answer(stream: &mut TcpStream, buffer: &mut [u8]) -> usize {
    let mut have = 0;
    loop {
        let got = stream.read(&mut buffer[have..]).unwrap();
        assert!(got > 0, "the server closed");
        have += got;
        let Some(end) = buffer[..have].windows(4).position(|w| w == b"\r\n\r\n") else { continue };
        let head = std::str::from_utf8(&buffer[..end]).unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let length = head
            .lines()
            .find_map(|l| l.to_ascii_lowercase().strip_prefix("content-length: ").map(|l| l.parse::<usize>().unwrap()))
            .unwrap();
        while have < end + 4 + length {
            have += stream.read(&mut buffer[have..]).unwrap();
        }
        return length;
    }
}

fn print(what: &str, unit: &str, mut values: Vec<f64>) {
    values.sort_by(f64::total_cmp);
    let (least, median, most) = (values[0], values[values.len() / 2], values[values.len() - 1]);
    println!("| {what:<58} | {least:>10.1} | {median:>10.1} | {most:>10.1} | {unit} |");
}

fn parts(origin: &Origin) -> f64 {
    let (stop, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (stop, served, address) = (stop.clone(), served.clone(), origin.address);
            std::thread::spawn(move || {
                let (mut stream, mut buffer) = (connect(address), vec![0; 256 * 1024]);
                while !stop.load(Relaxed) {
                    ask(&mut stream, "/live/bench/k3f9a1/720p/9.3.m4s");
                    assert!(answer(&mut stream, &mut buffer) > 50_000);
                    served.fetch_add(1, Relaxed);
                }
            })
        })
        .collect();
    std::thread::sleep(RUN / 4);
    let (before, from) = (origin.cpu(), served.load(Relaxed));
    std::thread::sleep(RUN);
    let rate = (served.load(Relaxed) - from) as f64 / (origin.cpu() - before).as_secs_f64();
    stop.store(true, Relaxed);
    clients.into_iter().for_each(|c| c.join().unwrap());
    rate
}

/// A thousand viewers wait for the next part's playlist. Requests a second of the server's CPU, milliseconds from the
/// part's last frame to the last answer, and heap a waiting request.
fn blocked(origin: &mut Origin, viewers: &mut [TcpStream], buffer: &mut [u8]) -> (f64, f64, f64) {
    // On part boundaries: parts begin at multiples of six frames.
    let part = origin.sent / FRAMES_PER_PART;
    let path = format!("/live/bench/k3f9a1/720p.m3u8?_HLS_msn={}&_HLS_part={}", part / 10, part % 10);
    let before = origin.cpu();
    let heap = HEAP_BYTES.load(Relaxed);
    viewers.iter_mut().for_each(|viewer| ask(viewer, &path));
    std::thread::sleep(Duration::from_millis(300));
    let waiting = HEAP_BYTES.load(Relaxed).saturating_sub(heap) as f64 / viewers.len() as f64;
    let at = Instant::now();
    origin.play(FRAMES_PER_PART);
    for viewer in viewers.iter_mut() {
        answer(viewer, buffer);
    }
    let last_ms = at.elapsed().as_secs_f64() * 1000.0;
    (viewers.len() as f64 / (origin.cpu() - before).as_secs_f64(), last_ms, waiting)
}

fn main() {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = info.lines().find_map(|l| l.strip_prefix("model name\t: ")).unwrap_or("unknown CPU");
    println!("machine: {cpu}; one server thread, HTTP/1.1 over loopback, {RUNS} runs of each");
    println!("| {:<58} | {:>10} | {:>10} | {:>10} | unit |", "what", "least", "median", "most");
    println!("|{:-<60}|{:-<12}|{:-<12}|{:-<12}|------|", "", "", "", "");
    let mut origin = Origin::start();
    std::thread::sleep(Duration::from_millis(300));
    print("parts of 60 kB, 8 connections", "requests/s of CPU", (0..RUNS).map(|_| parts(&origin)).collect());
    let mut viewers: Vec<_> = (0..WAITING).map(|_| connect(origin.address)).collect();
    let mut buffer = vec![0; 256 * 1024];
    blocked(&mut origin, &mut viewers, &mut buffer);
    let runs: Vec<_> = (0..RUNS * 4).map(|_| blocked(&mut origin, &mut viewers, &mut buffer)).collect();
    print("playlists that 1000 viewers wait for", "requests/s of CPU", runs.iter().map(|r| r.0).collect());
    print("part's last frame in → last of 1000 answers read", "ms", runs.iter().map(|r| r.1).collect());
    print("heap a waiting request", "bytes", runs.iter().map(|r| r.2).collect());
    std::process::exit(0);
}
