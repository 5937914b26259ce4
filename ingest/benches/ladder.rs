//! CPU of a broadcast of one 720p30 speaker against one ffmpeg that makes the same ladder with the same presets.
//!
//! Both decode the same H.264 file at its own pace, scale, and encode three rungs and AAC; ours composes besides, and
//! delivers access units as it does to the packager. Needs ffmpeg. `cargo bench -p ingest --bench ladder [-- LADDER]`,
//! a name as in the settings.

#![allow(clippy::unwrap_used)] // A benchmark that unwraps says where it failed.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use gstreamer_video as gst_video;
use ingest::ladder::Ladder;
use ingest::{Config, Input, Speaker, TokenProvider, WhepSource};
use packager::delivery::Delivery;

const SECONDS: u64 = 15;
const RUNS: usize = 3;
/// Runs in which the machine was too busy are made again, so many in all.
const TRIES_MAX: usize = 8;
/// Before the clock starts: pipelines load, encoders warm up.
const WARM_UP: Duration = Duration::from_secs(2);

/// Moving pictures with detail and grain: neither the easiest to encode nor noise.
fn make_speaker(file: &Path) {
    let picture = format!("testsrc2=size=1280x720:rate=30:duration={}", SECONDS + 5);
    let status = Command::new("ffmpeg")
        .args([
            "-loglevel",
            "error",
            "-y",
            "-f",
            "lavfi",
            "-i",
            &picture,
            "-f",
            "lavfi",
            "-i",
            "sine=frequency=440:sample_rate=48000",
            "-vf",
            "noise=alls=6:allf=t",
            "-c:v",
            "libx264",
            "-pix_fmt",
            "yuv420p",
            "-c:a",
            "aac",
            "-ac",
            "2",
            "-shortest",
        ])
        .args(["-preset", "veryfast", "-tune", "zerolatency", "-profile:v", "baseline", "-b:v", "2500k", "-g", "300"])
        .arg(file)
        .status();
    assert!(status.unwrap().success(), "ffmpeg could not make the speaker's picture");
}

fn cpu(who: libc::c_int) -> Duration {
    // SAFETY: rusage is plain integers, and is written to.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(who, &raw mut usage);
        usage
    };
    let of = |time: libc::timeval| Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1000);
    of(usage.ru_utime) + of(usage.ru_stime)
}

/// Plays the file in real time, as a decoded speaker. `now_ns` is the programme's time.
fn play(file: &Path, input: Input, now_ns: impl Fn() -> i64) -> gst::Pipeline {
    let description = format!(
        "filesrc location={} ! qtdemux name=demux demux.video_0 ! queue ! h264parse ! avdec_h264 max-threads=1 ! \
         appsink name=picture demux.audio_0 ! queue ! avdec_aac ! audioconvert ! \
         audio/x-raw,format=F32LE,rate=48000,channels=2,layout=interleaved ! appsink name=sound",
        file.display()
    );
    let pipeline = gst::parse::launch(&description).unwrap().downcast::<gst::Pipeline>().unwrap();
    let sink = |name| pipeline.by_name(name).unwrap().downcast::<gst_app::AppSink>().unwrap();
    let (picture, sound) = (sink("picture"), sink("sound"));
    take_padded_frames(&picture);
    // Programme time of the file's beginning, known once it can begin.
    let began = Arc::new(AtomicI64::new(0));
    let (seen, heard, hearer) = (began.clone(), began.clone(), input.clone());
    on_sample(&picture, move |sample, time_ns| {
        let info = gst_video::VideoInfo::from_caps(sample.caps().unwrap()).unwrap();
        input.push_picture(seen.load(Ordering::Relaxed) + time_ns, sample.buffer_owned().unwrap(), &info);
    });
    on_sample(&sound, move |sample, time_ns| {
        let data = sample.buffer().unwrap().map_readable().unwrap();
        let number = |bytes: &[u8]| f32::from_le_bytes(bytes.try_into().unwrap());
        let sound: Vec<[f32; 2]> = data.chunks_exact(8).map(|b| [number(&b[..4]), number(&b[4..])]).collect();
        hearer.push_sound(heard.load(Ordering::Relaxed) + time_ns, &sound);
    });
    pipeline.set_state(gst::State::Paused).unwrap();
    pipeline.state(gst::ClockTime::from_seconds(5)).0.unwrap();
    began.store(now_ns(), Ordering::Relaxed);
    pipeline.set_state(gst::State::Playing).unwrap();
    pipeline
}

fn on_sample(sink: &gst_app::AppSink, take: impl Fn(&gst::Sample, i64) + Send + 'static) {
    let callbacks = gst_app::AppSinkCallbacks::builder().new_sample(move |sink| {
        let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
        let segment = sample.segment().unwrap().downcast_ref::<gst::ClockTime>().unwrap();
        if let Some(time) = segment.to_running_time(sample.buffer().unwrap().pts()) {
            take(&sample, time.nseconds() as i64);
        }
        Ok(gst::FlowSuccess::Ok)
    });
    sink.set_callbacks(callbacks.build());
}

/// As a speaker's receiver does: the decoder hands over its padded frames instead of copying them.
fn take_padded_frames(sink: &gst_app::AppSink) {
    sink.static_pad("sink").unwrap().add_probe(gst::PadProbeType::QUERY_DOWNSTREAM, |_, info| {
        if let Some(gst::QueryViewMut::Allocation(query)) = info.query_mut().map(gst::QueryRef::view_mut) {
            query.add_allocation_meta::<gst_video::VideoMeta>(None);
            return gst::PadProbeReturn::Handled;
        }
        gst::PadProbeReturn::Ok
    });
}

/// Seconds of CPU a second of programme; `None` if the machine was too busy for the whole ladder.
fn ours(file: &Path, ladder: Ladder) -> Option<f64> {
    let config = Config { ladder, ..Config::default() };
    let spec = config.spec("bench", "epoch1");
    let token: TokenProvider = std::sync::Arc::new(String::new);
    let source = WhepSource { base_url: "http://127.0.0.1:1".into(), token };
    let (deliveries, mut units) = tokio::sync::mpsc::channel(1024);
    let broadcast = ingest::start(config, &spec, source, deliveries).unwrap();
    let taken = std::thread::spawn(move || {
        let mut bytes = 0;
        while let Some(delivery) = units.blocking_recv() {
            if let Delivery::Unit(unit) = delivery {
                bytes += unit.data.len();
            }
        }
        bytes
    });
    let speaker = Speaker { identity: "ann".into(), name: "Ann".into(), session: "1".into() };
    let pipeline = play(file, broadcast.feed(speaker).unwrap(), || broadcast.programme_now_ns());
    std::thread::sleep(WARM_UP);
    let (before, began) = (cpu(libc::RUSAGE_SELF), Instant::now());
    std::thread::sleep(Duration::from_secs(SECONDS));
    let used = (cpu(libc::RUSAGE_SELF) - before).as_secs_f64() / began.elapsed().as_secs_f64();
    let status = broadcast.status();
    pipeline.set_state(gst::State::Null).unwrap();
    broadcast.stop_blocking();
    let kilobits = taken.join().unwrap() as f64 * 8.0 / 1000.0 / (SECONDS as f64 + 2.0);
    println!(
        "  ours   {used:.3} s/s   {kilobits:.0} kbit/s, {} frames skipped, {} rungs shed",
        status.frames_skipped, status.rungs_shed
    );
    // Less than one frame in a hundred skipped, none of a rung.
    (status.rungs_shed == 0 && status.frames_skipped * 100 <= status.frames).then_some(used)
}

fn ffmpeg(file: &Path, ladder: Ladder) -> f64 {
    let rungs = ladder.rungs();
    let split: String = (0..rungs.len()).map(|i| format!("[s{i}]")).collect();
    let scale =
        |(i, r): (usize, &ingest::ladder::Rung)| format!(";[s{i}]scale={}:{}:flags=bilinear[v{i}]", r.width, r.height);
    let graph = format!("[0:v]split={}{split}{}", rungs.len(), rungs.iter().enumerate().map(scale).collect::<String>());
    let mut command = Command::new("ffmpeg");
    command.args(["-loglevel", "error", "-re", "-threads", "1", "-i"]).arg(file);
    command.args(["-filter_complex", &graph]);
    command.args(["-t", &SECONDS.to_string()]);
    for (i, rung) in rungs.iter().enumerate() {
        let kilobits = format!("{}k", rung.bits_per_second / 1000);
        command.args([
            "-map",
            &format!("[v{i}]"),
            "-map",
            "0:a",
            "-c:v",
            "libx264",
            "-preset",
            "superfast",
            "-tune",
            "zerolatency",
        ]);
        command.args([
            "-profile:v",
            "high",
            "-threads",
            "1",
            "-b:v",
            &kilobits,
            "-maxrate",
            &kilobits,
            "-bufsize",
            &kilobits,
        ]);
        command.args(["-g", "60", "-keyint_min", "60", "-sc_threshold", "0"]);
        // Sound once: the others copy nothing.
        command.args(if i == 0 { ["-c:a", "aac", "-b:a", "128k"].as_slice() } else { ["-an"].as_slice() });
        command.args(["-t", &SECONDS.to_string(), "-f", "mpegts", "/dev/null"]);
    }
    command.arg("-y").stdin(Stdio::null());
    let before = cpu(libc::RUSAGE_CHILDREN);
    let began = Instant::now();
    assert!(command.status().unwrap().success());
    let used = (cpu(libc::RUSAGE_CHILDREN) - before).as_secs_f64() / began.elapsed().as_secs_f64().max(SECONDS as f64);
    println!("  ffmpeg {used:.3} s/s");
    used
}

fn main() {
    gst::init().unwrap();
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|l| l.strip_prefix("model name\t: ")).unwrap_or("unknown CPU");
    let ladder = std::env::args()
        .skip(1)
        .find(|word| !word.starts_with('-'))
        .map_or(Ladder::Default, |name| serde_json::from_str(&format!("{name:?}")).unwrap());
    let rungs: Vec<_> = ladder.rungs().iter().map(|rung| rung.name).collect();
    println!(
        "machine: {name}; one 720p30 H.264 speaker → {} superfast + AAC; {SECONDS} s a run; CPU seconds a second",
        rungs.join(", ")
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("speaker.mp4");
    make_speaker(&file);
    let pair = || Some(ours(&file, ladder)? / ffmpeg(&file, ladder));
    let mut ratios: Vec<f64> = std::iter::repeat_with(pair).take(TRIES_MAX).flatten().take(RUNS).collect();
    if ratios.len() < RUNS {
        println!("disturbed: {} undisturbed runs of {TRIES_MAX}", ratios.len());
        return;
    }
    ratios.sort_by(f64::total_cmp);
    println!("ours / ffmpeg: least {:.2}, median {:.2}, most {:.2}", ratios[0], ratios[RUNS / 2], ratios[RUNS - 1]);
}
