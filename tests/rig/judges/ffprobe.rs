//! Media judged by FFmpeg.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::error::{Error, Result};

/// Runs a program to its end; its standard output. An exit other than 0, or anything on standard error, is an error.
pub(crate) fn judge(program: &str, arguments: &[&str]) -> Result<Vec<u8>> {
    let hint = "Debian package ffmpeg".to_owned();
    let output = Command::new(program).args(arguments).output();
    let output = output.map_err(|source| Error::Program { program: PathBuf::from(program), hint, source })?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() || !complaint.trim().is_empty() {
        let command = arguments.join(" ");
        return Err(Error::Child(format!("{program} {command}: {}: {}", output.status, complaint.trim())));
    }
    Ok(output.stdout)
}

/// `ffprobe`'s streams and format of a file or URL, after reading every packet of it. Any complaint is an error.
pub fn probe(media: &str) -> Result<Value> {
    let arguments = ["-v", "error", "-count_packets", "-show_streams", "-show_format", "-of", "json", media];
    serde_json::from_slice(&judge("ffprobe", &arguments)?)
        .map_err(|error| Error::Malformed { what: "ffprobe output", detail: error.to_string() })
}

/// Width and height of each picture that FFmpeg decodes in the first seconds of a file or URL. Any complaint is an
/// error.
pub fn picture_sizes(media: &str, seconds: u32) -> Result<Vec<(u32, u32)>> {
    let interval = format!("%+{seconds}");
    let chosen = ["-select_streams", "v:0", "-read_intervals", &interval, "-show_entries", "frame=width,height"];
    let text = judge("ffprobe", &[&["-v", "error"], &chosen[..], &["-of", "csv=p=0", media]].concat())?;
    let size = |line: &str| {
        let (width, height) = line.split_once(',')?;
        Some((width.parse().ok()?, height.trim_end_matches(',').parse().ok()?))
    };
    Ok(String::from_utf8_lossy(&text).lines().filter_map(size).collect())
}

/// Presentation times of a file's packets, seconds, in file order: of video (`"v:0"`) or of sound (`"a:0"`).
pub fn packet_times(media: &Path, stream: &str) -> Result<Vec<f64>> {
    let file = media.to_string_lossy();
    let arguments =
        ["-v", "error", "-select_streams", stream, "-show_entries", "packet=pts_time", "-of", "csv=p=0", &file];
    let text = String::from_utf8_lossy(&judge("ffprobe", &arguments)?).into_owned();
    Ok(text.lines().filter_map(|line| line.trim_end_matches(',').parse().ok()).collect())
}

/// Whether each packet of a file's picture can be decoded without others, in file order.
pub fn keyframes(media: &Path) -> Result<Vec<bool>> {
    let file = media.to_string_lossy();
    let arguments = ["-v", "error", "-select_streams", "v:0", "-show_entries", "packet=flags", "-of", "csv=p=0", &file];
    let text = String::from_utf8_lossy(&judge("ffprobe", &arguments)?).into_owned();
    Ok(text.lines().map(|line| line.contains('K')).collect())
}

/// The pictures of a file as gray bytes, `width` × `height` each, one for each packet: FFmpeg must not fill in what is
/// missing.
pub fn decode_gray(media: &Path, width: u32, height: u32) -> Result<Vec<u8>> {
    let (file, size) = (media.to_string_lossy(), format!("scale={width}:{height}:flags=area"));
    judge(
        "ffmpeg",
        &[
            "-v",
            "error",
            "-nostdin",
            "-i",
            &file,
            "-an",
            "-vf",
            &size,
            "-fps_mode",
            "passthrough",
            "-f",
            "rawvideo",
            "-pix_fmt",
            "gray",
            "-",
        ],
    )
}

/// The sound of a file: mono, 48 kHz, samples from −1 to 1.
pub fn decode_sound(media: &Path) -> Result<Vec<f32>> {
    let file = media.to_string_lossy();
    let raw = judge(
        "ffmpeg",
        &["-v", "error", "-nostdin", "-i", &file, "-vn", "-ac", "1", "-ar", "48000", "-f", "f32le", "-"],
    )?;
    let sample = |bytes: &[u8]| bytes.try_into().map_or(0.0, f32::from_le_bytes);
    Ok(raw.chunks_exact(4).map(sample).collect())
}
