//! The costs of a part: cutting it, rendering its playlist, waking the requests that wait for it, and holding one.
//!
//! Plain loops; prints a table. `cargo bench -p packager`.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use bytes::Bytes;
use packager::bench::{Control, Output, Programme, Report, Sample, Window, chunk, render};
use packager::delivery::{AccessUnit, BroadcastSpec, CodecConfig, Delivery, MediaSpec, RenditionId, RenditionSpec};
use packager::{Config, Position};
use tokio::sync::mpsc;

/// Counts the heap, so that memory a request is a measurement.
struct Counting;
static HEAP_BYTES: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is handed to the system allocator unchanged; the counter is not part of any allocation.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HEAP_BYTES.fetch_add(layout.size(), Relaxed);
        // SAFETY: the caller keeps `alloc`'s contract.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        HEAP_BYTES.fetch_sub(layout.size(), Relaxed);
        // SAFETY: `at` came from `alloc` above with this layout.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const ROUNDS: usize = 200;

fn spec() -> BroadcastSpec {
    let video = |name: &str, width, height| RenditionSpec {
        name: name.into(),
        media: MediaSpec::Video { width, height },
        bits_per_second: 2_500_000,
    };
    BroadcastSpec {
        room: "bench".into(),
        epoch: "k3f9a1".into(),
        renditions: vec![
            video("720p", 1280, 720),
            video("480p", 854, 480),
            RenditionSpec { name: "audio".into(), media: MediaSpec::Audio { channels: 2 }, bits_per_second: 128_000 },
        ],
        segment_frames: 60,
        part_frames: 6,
        frames_per_second: 30,
    }
}

fn deliveries(frames: std::ops::Range<u64>) -> impl Iterator<Item = Delivery> {
    let unit = |rendition, time, duration, keyframe, bytes: usize| {
        let data = Bytes::from(vec![7; bytes]);
        Delivery::Unit(AccessUnit {
            rendition: RenditionId(rendition),
            time,
            duration,
            keyframe,
            data,
            encoded_at: Instant::now(),
        })
    };
    frames.flat_map(move |number| {
        let video = (0..2).map(move |rung| unit(rung, number * 3_000, 3_000, number % 60 == 0, 10_000));
        let aac = (number * 1_600).div_ceil(1_024)..((number + 1) * 1_600).div_ceil(1_024);
        video.chain(aac.map(move |number| unit(2, number * 1_024, 1_024, true, 340))).collect::<Vec<_>>()
    })
}

fn codecs() -> Vec<Delivery> {
    let avc = CodecConfig::Avc(Bytes::from_static(&[
        1, 0x64, 0, 0x1f, 0xff, 0xe1, 0, 4, 0x67, 0x64, 0, 0x1f, 1, 0, 2, 0x68, 0xee, 0xfd, 0xf8, 0xf8, 0,
    ]));
    let all = [avc.clone(), avc, CodecConfig::Aac(Bytes::from_static(&[0x11, 0x90]))];
    (0..).zip(all).map(|(at, config)| Delivery::Codec { rendition: RenditionId(at), config }).collect()
}

fn print(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e6;
    println!("| {what:<44} | {:>9.1} | {:>9.1} | {:>9.1} | {:>9.1} |", at(0), at(50), at(95), at(100));
}

fn timed(mut run: impl FnMut()) -> Vec<Duration> {
    let one = |_| {
        let began = Instant::now();
        run();
        began.elapsed()
    };
    (0..ROUNDS).map(one).collect()
}

fn cut_and_render() {
    let samples: Vec<_> =
        (0..6).map(|at| Sample { duration: 3_000, sync: at == 0, data: vec![1; 10_000].into() }).collect();
    print("cut a part of 6 frames, 60 kB", timed(|| drop(black_box(chunk(1, 90_000, &samples, true)))));

    let spec = spec();
    let (mut programme, mut out) = (Programme::new(spec.clone(), 3), vec![]);
    let mut window = Window::new(&spec, &spec.renditions[0], 30);
    codecs().into_iter().chain(deliveries(0..1_230)).for_each(|delivery| programme.push(delivery, &mut out));
    for output in &out {
        if let Output::Cut { rendition: RenditionId(0), source, next, discontinuity, cut } = output {
            window.push(*source, *next, *discontinuity, cut);
        }
    }
    let control = Control::new(&spec, 3.0, 1_700_000_000_000);
    let report = |name: &str| Report { name: name.into(), last: Position { msn: 20, part: 4 } };
    let reports = [report("480p"), report("audio")];
    let render = || render(&spec.renditions[0], 18_000, &window, &control, &reports);
    let playlist = render();
    println!("# playlist {} bytes, delta {} bytes", playlist.full.len(), playlist.delta.map_or(0, |delta| delta.len()));
    print("render a 30 s playlist and its delta", timed(|| drop(black_box(render()))));
}

async fn wake(waiters: usize) {
    let (send, receive) = mpsc::channel(64);
    let running = packager::start(spec(), Config::default(), None, receive);
    for delivery in codecs().into_iter().chain(deliveries(0..660)) {
        send.send(delivery).await.expect("the packager runs");
    }
    while !running.origin.is_live() || send.capacity() < send.max_capacity() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (mut first, mut last, mut bytes) = (vec![], vec![], vec![]);
    for round in 0..30u64 {
        let number = 660 + round * 6;
        for delivery in deliveries(number..number + 5) {
            send.send(delivery).await.expect("the packager runs");
        }
        let query = format!("_HLS_msn={}&_HLS_part={}", number / 60, number % 60 / 6);
        tokio::time::sleep(Duration::from_millis(10)).await;
        let before = HEAP_BYTES.load(Relaxed);
        let ask = |_| {
            let (origin, query) = (running.origin.clone(), query.clone());
            tokio::spawn(async move {
                let served = origin.get("k3f9a1/720p.m3u8", Some(&query)).await;
                black_box(served.is_ok());
                Instant::now()
            })
        };
        let asked: Vec<_> = (0..waiters).map(ask).collect();
        while running.origin.waiting_requests() < waiters {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        bytes.push(HEAP_BYTES.load(Relaxed).saturating_sub(before) / waiters.max(1));
        let began = Instant::now();
        for delivery in deliveries(number + 5..number + 6) {
            send.send(delivery).await.expect("the packager runs");
        }
        let mut answered = vec![];
        for task in asked {
            answered.push(task.await.expect("no waiter panics").duration_since(began));
        }
        first.extend(answered.iter().min().copied());
        last.extend(answered.iter().max().copied());
    }
    bytes.sort_unstable();
    print(&format!("last frame in → first of {waiters} waiters"), first);
    print(&format!("last frame in → last of {waiters} waiters"), last);
    println!("# heap a waiting request, its task included: {} bytes (median)", bytes[bytes.len() / 2]);
}

fn main() {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .unwrap_or("unknown")
        .trim_start_matches([' ', '\t', ':']);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!("# {cpu}, {cores} cores; microseconds");
    println!("| {:<44} | {:>9} | {:>9} | {:>9} | {:>9} |", "what", "min", "p50", "p95", "max");
    cut_and_render();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime can be made");
    for waiters in [100, 1_000, 10_000] {
        runtime.block_on(wake(waiters));
    }
}
