//! Two seconds of real VP8 and Opus, made by FFmpeg once and kept below `target/`: for publishers without an encoder.
//!
//! 320 × 180 pixels, 15 pictures a second, a keyframe a second; a tone of 440 Hz, 20 ms a packet. [`Clip::load`] gives
//! the encoded frames, [`folder`] the files (`clip.ivf`, `clip.ogg`) for clients that read them themselves.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::error::{Error, Result};
use crate::ffprobe::judge;

/// Pictures a second.
pub const FPS: u32 = 15;
/// Sound in one packet, milliseconds.
pub const SOUND_MS: u32 = 20;

/// IVF: header of the file, bytes.
const IVF_HEADER: usize = 32;
/// IVF: header of a frame, bytes.
const IVF_FRAME_HEADER: usize = 12;
/// Ogg (RFC 3533 §6): header of a page without its segment table, bytes.
const OGG_HEADER: usize = 27;
/// The pages with the Opus and the comment header (RFC 7845 §3).
const OGG_HEADER_PAGES: usize = 2;

/// The clip's encoded frames.
#[derive(Clone, Debug)]
pub struct Clip {
    /// VP8 frames; the first one is a keyframe.
    pub pictures: Vec<Bytes>,
    /// Opus packets.
    pub sounds: Vec<Bytes>,
}

impl Clip {
    /// Reads the clip, after making it if need be.
    pub fn load() -> Result<Self> {
        let folder = folder()?;
        let read = |name| fs::read(folder.join(name)).map(Bytes::from).map_err(Error::io("reading the clip"));
        Ok(Self { pictures: ivf_frames(&read("clip.ivf")?)?, sounds: ogg_packets(&read("clip.ogg")?)? })
    }
}

/// The folder with the clip's files.
pub fn folder() -> Result<PathBuf> {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools");
    let folder = tools.join("clip");
    if folder.is_dir() {
        return Ok(folder);
    }
    fs::create_dir_all(&tools).map_err(Error::io("making the clip's folder"))?;
    // Made aside and moved: another test may be about to do the same.
    let made = tempfile::Builder::new().prefix("clip-").tempdir_in(&tools);
    let made = made.map_err(Error::io("making the clip's folder"))?;
    let ffmpeg = |input: &str, options: &str, name: &str| {
        let file = made.path().join(name).to_string_lossy().into_owned();
        let mut arguments = vec!["-v", "error", "-nostdin", "-f", "lavfi", "-i", input, "-t", "2"];
        arguments.extend(options.split(' '));
        arguments.push(&file);
        judge("ffmpeg", &arguments)
    };
    let picture = "-c:v libvpx -deadline realtime -lag-in-frames 0 -auto-alt-ref 0 -b:v 200k -g 15";
    ffmpeg(&format!("testsrc2=size=320x180:rate={FPS}"), picture, "clip.ivf")?;
    // A page for each packet, so that readers need not look for packets in pages.
    let sound = "-ac 2 -ar 48000 -c:a libopus -b:a 32k -frame_duration 20 -page_duration 20000";
    ffmpeg("sine=frequency=440", sound, "clip.ogg")?;
    let moved = fs::rename(made.path(), &folder);
    if moved.is_err() && !folder.is_dir() {
        return moved.map(|()| folder).map_err(Error::io("keeping the clip"));
    }
    Ok(folder)
}

fn malformed(detail: &str) -> Error {
    Error::Malformed { what: "clip", detail: detail.to_owned() }
}

/// The frames of an IVF file.
fn ivf_frames(file: &Bytes) -> Result<Vec<Bytes>> {
    let mut frames = vec![];
    let mut position = IVF_HEADER;
    while let Some(header) = file.get(position..position + IVF_FRAME_HEADER) {
        let bytes = u32::from_le_bytes([header[0], header[1], header[2], header[3]]) as usize;
        position += IVF_FRAME_HEADER;
        if file.len() < position + bytes {
            return Err(malformed("a frame is cut off"));
        }
        frames.push(file.slice(position..position + bytes));
        position += bytes;
    }
    if frames.is_empty() { Err(malformed("no pictures")) } else { Ok(frames) }
}

/// The packets of an Ogg file with one packet a page.
fn ogg_packets(file: &Bytes) -> Result<Vec<Bytes>> {
    let mut pages = vec![];
    let mut position = 0;
    while let Some(header) = file.get(position..position + OGG_HEADER) {
        if !header.starts_with(b"OggS") {
            return Err(malformed("not a page of Ogg"));
        }
        position += OGG_HEADER;
        let segments = usize::from(header[OGG_HEADER - 1]);
        let table = file.get(position..position + segments).ok_or_else(|| malformed("a page is cut off"))?;
        let bytes: usize = table.iter().map(|segment| usize::from(*segment)).sum();
        position += segments;
        if file.len() < position + bytes {
            return Err(malformed("a page is cut off"));
        }
        pages.push(file.slice(position..position + bytes));
        position += bytes;
    }
    let packets = pages.split_off(OGG_HEADER_PAGES.min(pages.len()));
    if packets.is_empty() { Err(malformed("no sound")) } else { Ok(packets) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_and_packets_are_those_of_the_files() {
        let mut ivf = vec![0; IVF_HEADER];
        for frame in [&b"one"[..], b"three"] {
            ivf.extend((frame.len() as u32).to_le_bytes());
            ivf.extend([0; 8]);
            ivf.extend(frame);
        }
        assert_eq!(ivf_frames(&ivf.clone().into()).unwrap(), ["one", "three"]);
        ivf.pop();
        assert!(ivf_frames(&ivf.into()).is_err());

        let page = |packet: &[u8]| {
            let mut page = b"OggS".to_vec();
            page.resize(OGG_HEADER - 1, 0);
            page.extend([1, packet.len() as u8]);
            page.extend(packet);
            page
        };
        let ogg = [page(b"head"), page(b"tags"), page(b"sound"), page(b"more")].concat();
        assert_eq!(ogg_packets(&ogg.clone().into()).unwrap(), ["sound", "more"]);
        assert!(ogg_packets(&ogg[..ogg.len() - 1].to_vec().into()).is_err());
        assert!(ogg_packets(&[page(b"head"), page(b"tags")].concat().into()).is_err());
    }
}
