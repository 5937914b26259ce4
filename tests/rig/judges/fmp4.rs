//! What a CMAF part or segment says of its timeline: box walking of our own (ISO/IEC 14496-12), so that the packager's
//! writer is judged by a second reading of the standard. Sizes and counts come from the file and are checked.

use crate::error::{Error, Result};

/// Where one movie fragment's samples lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// `tfdt`: decode time of its first sample, ticks of the track's timescale.
    pub decode_time: u64,
    /// Sum of its samples' durations, ticks.
    pub duration: u64,
    /// How many samples.
    pub samples: u32,
    /// The longest one, ticks.
    pub sample_duration_max: u64,
}

impl Fragment {
    /// Where the next one must begin.
    pub fn end(&self) -> u64 {
        self.decode_time + self.duration
    }
}

/// The media timescale of an initialization segment's only track (`mdhd`), ticks a second.
pub fn timescale(init: &[u8]) -> Result<u32> {
    let mdhd = find(init, &["moov", "trak", "mdia", "mdhd"])?;
    // Version 1 has 64-bit times before the timescale.
    let at = if mdhd.first() == Some(&1) { 20 } else { 12 };
    u32_at(mdhd, at)
}

/// Every movie fragment of a part or segment, in file order.
pub fn fragments(media: &[u8]) -> Result<Vec<Fragment>> {
    boxes(media)?.into_iter().filter(|(name, _)| name == b"moof").map(|(_, moof)| fragment(moof)).collect()
}

fn fragment(moof: &[u8]) -> Result<Fragment> {
    let traf = find(moof, &["traf"])?;
    let default = default_duration(find(traf, &["tfhd"])?)?;
    let tfdt = find(traf, &["tfdt"])?;
    let decode_time = if tfdt.first() == Some(&1) {
        u64::from(u32_at(tfdt, 4)?) << 32 | u64::from(u32_at(tfdt, 8)?)
    } else {
        u64::from(u32_at(tfdt, 4)?)
    };
    let mut fragment = Fragment { decode_time, duration: 0, samples: 0, sample_duration_max: 0 };
    for (name, trun) in boxes(traf)? {
        if name == b"trun" {
            add_run(&mut fragment, trun, default)?;
        }
    }
    Ok(fragment)
}

/// `tfhd`'s default sample duration, if it has one.
fn default_duration(tfhd: &[u8]) -> Result<Option<u32>> {
    let flags = u32_at(tfhd, 0)? & 0xff_ffff;
    let before = 8 + 8 * u32::count_ones(flags & 1) + 4 * u32::count_ones(flags & 2);
    if flags & 8 == 0 { Ok(None) } else { u32_at(tfhd, before as usize).map(Some) }
}

fn add_run(fragment: &mut Fragment, trun: &[u8], default: Option<u32>) -> Result<()> {
    let flags = u32_at(trun, 0)? & 0xff_ffff;
    let count = u32_at(trun, 4)?;
    let mut at = 8 + 4 * (u32::count_ones(flags & 0x005)) as usize;
    let each = 4 * u32::count_ones(flags & 0xf00) as usize;
    for _ in 0..count {
        let duration = match (flags & 0x100 != 0, default) {
            (true, _) => u32_at(trun, at)?,
            (false, Some(default)) => default,
            (false, None) => return Err(malformed("a sample without a duration")),
        };
        at += each;
        fragment.duration += u64::from(duration);
        fragment.sample_duration_max = fragment.sample_duration_max.max(duration.into());
        fragment.samples += 1;
    }
    Ok(())
}

/// The first box at this path, without its header.
fn find<'a>(mut data: &'a [u8], path: &[&str]) -> Result<&'a [u8]> {
    for name in path {
        let found = boxes(data)?.into_iter().find(|(kind, _)| *kind == name.as_bytes());
        data = found.ok_or_else(|| malformed(&format!("no {name}")))?.1;
    }
    Ok(data)
}

/// The boxes that `data` is made of: name, and contents without the header.
fn boxes(mut data: &[u8]) -> Result<Vec<(&[u8], &[u8])>> {
    let mut found = vec![];
    while !data.is_empty() {
        let (short, name) = (u32_at(data, 0)?, data.get(4..8).ok_or_else(|| malformed("a box header is cut short"))?);
        let (len, header) = match short {
            0 => (data.len(), 8),
            1 => ((u64::from(u32_at(data, 8)?) << 32 | u64::from(u32_at(data, 12)?)) as usize, 16),
            len => (len as usize, 8),
        };
        let contents = data.get(header..len).ok_or_else(|| malformed("a box is longer than what holds it"))?;
        found.push((name, contents));
        data = &data[len..];
    }
    Ok(found)
}

fn u32_at(data: &[u8], at: usize) -> Result<u32> {
    let word = data.get(at..at + 4).and_then(|word| word.try_into().ok());
    word.map(u32::from_be_bytes).ok_or_else(|| malformed("a field is cut short"))
}

fn malformed(detail: &str) -> Error {
    Error::Malformed { what: "MP4", detail: detail.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(name: &str, contents: &[u8]) -> Vec<u8> {
        [&(8 + contents.len() as u32).to_be_bytes()[..], name.as_bytes(), contents].concat()
    }

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    #[test]
    fn a_fragment_is_as_long_as_its_samples() {
        let tfhd = boxed("tfhd", &words(&[0x02_0008, 1, 3000]));
        let tfdt = boxed("tfdt", &words(&[0x0100_0000, 1, 5]));
        // Data offset, and a size per sample; durations by default.
        let trun = boxed("trun", &words(&[0x201, 2, 99, 11, 12]));
        // A duration and a size per sample.
        let own = boxed("trun", &words(&[0x301, 1, 99, 4000, 13]));
        let moof =
            boxed("moof", &[boxed("mfhd", &words(&[0, 1])), boxed("traf", &[tfhd, tfdt, trun, own].concat())].concat());
        let media = [moof, boxed("mdat", b"xyz")].concat();
        let expected = Fragment { decode_time: (1 << 32) + 5, duration: 10_000, samples: 3, sample_duration_max: 4000 };
        assert_eq!(fragments(&media).unwrap(), [expected]);
        for len in 1..media.len() - 11 {
            assert!(fragments(&media[..len]).is_err(), "{len}");
        }
    }

    #[test]
    fn the_timescale_is_found_in_both_versions_of_mdhd() {
        for mdhd in [words(&[0, 1, 2, 90_000, 4]), words(&[0x0100_0000, 1, 1, 2, 2, 90_000, 4])] {
            let init = boxed("moov", &boxed("trak", &boxed("mdia", &boxed("mdhd", &mdhd))));
            assert_eq!(timescale(&init).unwrap(), 90_000);
        }
    }
}
