//! Records a broadcast while it goes out, segment by segment, to judge its timeline afterwards.
//!
//! One thread polls the media playlists twice a second, so segments must last a second or more. What is recorded is
//! held in memory: minutes, not hours.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::fmp4::{Fragment, fragments, timescale};
use crate::hls::{MediaPlaylist, Rendition, media_playlist, renditions};
use crate::http::Http;

const POLL_EVERY: Duration = Duration::from_millis(500);

/// What was recorded of one rendition.
#[derive(Clone, Debug)]
pub struct Recording {
    /// Which.
    pub rendition: Rendition,
    /// Its initialization segment.
    pub init: Vec<u8>,
    /// Its segments, from the first one seen, without holes.
    pub segments: Vec<Vec<u8>>,
    /// The last playlist.
    pub playlist: MediaPlaylist,
    next: Option<u64>,
}

/// Records until [`Recorder::finish`].
pub struct Recorder {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Vec<Recording>>>,
}

impl Recorder {
    /// Starts recording every rendition of a multivariant playlist.
    pub fn start(http: &Http, playlist: &str) -> Result<Self> {
        let found = renditions(http, playlist)?.into_iter().map(Recording::new).collect::<Vec<_>>();
        let (http, stop) = (http.clone(), Arc::new(AtomicBool::new(false)));
        let stopped = stop.clone();
        let thread = thread::spawn(move || {
            let mut recordings = found;
            loop {
                let last = stopped.load(Relaxed);
                for recording in &mut recordings {
                    recording.catch_up(&http)?;
                }
                if last {
                    return Ok(recordings);
                }
                thread::sleep(POLL_EVERY);
            }
        });
        Ok(Self { stop, thread })
    }

    /// Ends with what is out now. `Err` if anything could not be fetched or left the window unseen.
    pub fn finish(self) -> Result<Vec<Recording>> {
        self.stop.store(true, Relaxed);
        self.thread.join().unwrap_or_else(|_| Err(Error::Child("the recorder panicked".into())))
    }
}

impl Recording {
    fn new(rendition: Rendition) -> Self {
        Self { rendition, init: vec![], segments: vec![], playlist: MediaPlaylist::default(), next: None }
    }

    fn catch_up(&mut self, http: &Http) -> Result<()> {
        let playlist = media_playlist(http, &self.rendition.path)?;
        if let (true, Some(map)) = (self.init.is_empty(), &playlist.map) {
            self.init = fetch(http, map)?;
        }
        for (msn, segment) in (playlist.first..).zip(&playlist.segments) {
            if segment.gap && self.next.is_none_or(|next| next == msn) {
                // A rung that begins late begins with gaps. One in the middle shows as a torn timeline.
                self.next = self.next.map(|next| next + 1);
                continue;
            }
            let next = *self.next.get_or_insert(msn);
            if msn > next {
                return Err(Error::Malformed { what: "recording", detail: format!("segment {next} left unseen") });
            }
            if msn == next {
                self.segments.push(fetch(http, &segment.path)?);
                self.next = Some(msn + 1);
            }
        }
        self.playlist = playlist;
        Ok(())
    }

    /// All fragments, in order.
    pub fn fragments(&self) -> Result<Vec<Fragment>> {
        let fragments = self.segments.iter().map(|segment| fragments(segment)).collect::<Result<Vec<_>>>()?;
        Ok(fragments.concat())
    }

    /// How long it is, seconds.
    pub fn seconds(&self) -> Result<f64> {
        let ticks: u64 = self.fragments()?.iter().map(|fragment| fragment.duration).sum();
        Ok(ticks as f64 / f64::from(timescale(&self.init)?))
    }

    /// Each fragment begins where the last one ended, and no sample is longer than `sample_ms_max`: nothing is missing,
    /// and nothing that is missing is hidden in a long sample.
    pub fn check_timeline(&self, sample_ms_max: u64) -> Result<()> {
        let ticks_max = u64::from(timescale(&self.init)?) * sample_ms_max / 1000;
        let fragments = self.fragments()?;
        let torn = fragments.windows(2).find(|pair| pair[0].end() != pair[1].decode_time);
        let long = fragments.iter().find(|fragment| fragment.sample_duration_max > ticks_max);
        let detail = match (torn, long) {
            (Some(pair), _) => format!("{:?} is followed by {:?}", pair[0], pair[1]),
            (None, Some(fragment)) => format!("a sample of {fragment:?} lasts longer than {sample_ms_max} ms"),
            (None, None) => return Ok(()),
        };
        Err(Error::Malformed { what: "timeline", detail: format!("of {}: {detail}", self.rendition.path) })
    }

    /// Writes initialization and segments into one file.
    pub fn write(&self, file: &Path) -> Result<()> {
        self.write_from(file, 0)
    }

    /// As [`Recording::write`], without the first segments: what a viewer gets who begins with segment number `first`.
    pub fn write_from(&self, file: &Path, first: usize) -> Result<()> {
        let media = [self.init.clone(), self.segments.get(first..).unwrap_or_default().concat()].concat();
        std::fs::write(file, media).map_err(Error::io("writing a recording"))
    }
}

fn fetch(http: &Http, path: &str) -> Result<Vec<u8>> {
    let reply = http.get(path)?;
    if reply.status == 200 { Ok(reply.body) } else { Err(reply.unexpected(path)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(name: &str, contents: &[u8]) -> Vec<u8> {
        [&(8 + contents.len() as u32).to_be_bytes()[..], name.as_bytes(), contents].concat()
    }

    /// A fragment of one sample.
    fn segment(decode_time: u32, duration: u32) -> Vec<u8> {
        let words = |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<_>>();
        let tfhd = boxed("tfhd", &words(&[0x02_0008, 1, duration]));
        let traf = [tfhd, boxed("tfdt", &words(&[0, decode_time])), boxed("trun", &words(&[0, 1]))].concat();
        boxed("moof", &boxed("traf", &traf))
    }

    fn recording(segments: Vec<Vec<u8>>) -> Recording {
        let mdhd = [[0; 12].as_slice(), &1000u32.to_be_bytes()].concat();
        let init = boxed("moov", &boxed("trak", &boxed("mdia", &boxed("mdhd", &mdhd))));
        let rendition = Rendition { path: "/v.m3u8".into(), audio: false, height: 0 };
        Recording { init, segments, ..Recording::new(rendition) }
    }

    #[test]
    fn a_hole_an_overlap_and_a_long_sample_are_found() {
        assert!(recording(vec![segment(0, 100), segment(100, 200), segment(300, 10)]).check_timeline(200).is_ok());
        for torn in [
            [segment(0, 100), segment(101, 100)],
            [segment(0, 100), segment(99, 100)],
            [segment(0, 100), segment(100, 201)],
        ] {
            assert!(recording(torn.to_vec()).check_timeline(200).is_err());
        }
        assert_eq!(recording(vec![segment(0, 100), segment(100, 150)]).seconds().unwrap(), 0.25);
    }
}
