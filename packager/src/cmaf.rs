//! The boxes: init segments and chunks (ISO/IEC 14496-12, 23000-19).
//!
//! One track a file, `default-base-is-moof`, one `moof`+`mdat` a part; a segment is its parts laid end to end, so
//! nothing is written twice. Only the first part of a segment opens with `styp`. Pure. Driven by `segmenter.rs` and
//! `programme.rs`.

use bytes::Bytes;
use mp4_atom::{
    Audio, Avc1, Avcc, Dinf, Dref, Encode, FourCC, Ftyp, Hdlr, Mdhd, Mdia, Mfhd, Minf, Moof, Moov, Mp4a, Mvex, Mvhd,
    Stbl, Stco, Stsd, Styp, Tfdt, Tfhd, Tkhd, Traf, Trak, Trex, Trun, TrunEntry, TrunSamples, Url, Visual,
    esds::{DecoderConfig, DecoderSpecific, EsDescriptor, Esds, SLConfig},
};

use crate::Error;
use crate::delivery::{AUDIO_TIMESCALE, CodecConfig, MediaSpec, RenditionSpec, VIDEO_TIMESCALE};

const TRACK_ID: u32 = 1;
/// sample_depends_on = 2: decodable on its own (ISO/IEC 14496-12 §8.8.3.1).
const SYNC_SAMPLE: u32 = 0x0200_0000;
/// sample_depends_on = 1, sample_is_non_sync_sample.
const DEPENDENT_SAMPLE: u32 = 0x0101_0000;
/// objectTypeIndication of MPEG-4 audio and streamType of audio (ISO/IEC 14496-1 §7.2.6.6).
const MPEG4_AUDIO: u8 = 0x40;
const AUDIO_STREAM: u8 = 0x05;

/// One sample of a chunk.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Duration, ticks of the rendition.
    pub duration: u32,
    /// Whether it can be decoded on its own.
    pub sync: bool,
    /// The coded bytes.
    pub data: Bytes,
}

/// A decoder configuration that has been checked.
#[derive(Clone, Debug)]
pub(crate) struct Codec {
    /// CODECS of the multivariant playlist (RFC 6381): `avc1.640c1f`, `mp4a.40.2`.
    pub rfc6381: String,
    entry: mp4_atom::Codec,
}

impl Codec {
    /// Reads a decoder configuration record; refuses one of the other medium.
    pub(crate) fn read(rendition: &RenditionSpec, config: &CodecConfig) -> Result<Self, Error> {
        match (&rendition.media, config) {
            (MediaSpec::Video { width, height }, CodecConfig::Avc(record)) => Self::read_avc(record, *width, *height),
            (MediaSpec::Audio { channels }, CodecConfig::Aac(config)) => {
                Self::read_aac(config, *channels, rendition.bits_per_second)
            }
            _ => Err(Error::Codec(format!("a record of the other medium for {}", rendition.name))),
        }
    }

    fn read_avc(record: &Bytes, width: u32, height: u32) -> Result<Self, Error> {
        use mp4_atom::Atom as _;
        let avcc = Avcc::decode_body(&mut &record[..]).map_err(|error| Error::Codec(format!("avcC: {error}")))?;
        if avcc.length_size != 4 || avcc.sequence_parameter_sets.is_empty() {
            return Err(Error::Codec("avcC must have four-byte lengths and a parameter set".into()));
        }
        // RFC 6381 §3.3: profile_idc, constraint flags, level_idc, in hexadecimal.
        let (profile, flags) = (avcc.avc_profile_indication, avcc.profile_compatibility);
        let rfc6381 = format!("avc1.{profile:02x}{flags:02x}{:02x}", avcc.avc_level_indication);
        let size = |pixels: u32| u16::try_from(pixels).map_err(|_| Error::Codec("picture over 65535 pixels".into()));
        let visual = Visual {
            data_reference_index: 1,
            width: size(width)?,
            height: size(height)?,
            frame_count: 1,
            depth: 24,
            ..Default::default()
        };
        let entry = Avc1 { visual, avcc, ..avc1_without_options() }.into();
        Ok(Self { rfc6381, entry })
    }

    fn read_aac(config: &Bytes, channels: u8, bits_per_second: u32) -> Result<Self, Error> {
        let object_type = config.first().map_or(0, |byte| byte >> 3);
        if config.len() < 2 || object_type == 0 || object_type == 31 {
            return Err(Error::Codec("AudioSpecificConfig is not one of AAC".into()));
        }
        let specific = DecoderSpecific { raw: config.to_vec(), ..Default::default() };
        let audio = Audio {
            data_reference_index: 1,
            channel_count: channels.into(),
            sample_size: 16,
            sample_rate: (AUDIO_TIMESCALE as u16).into(),
        };
        let dec_config = DecoderConfig {
            object_type_indication: MPEG4_AUDIO,
            stream_type: AUDIO_STREAM,
            max_bitrate: bits_per_second,
            avg_bitrate: bits_per_second,
            dec_specific: Some(specific),
            ..Default::default()
        };
        let es_desc = EsDescriptor { es_id: TRACK_ID as u16, dec_config, sl_config: SLConfig {}, ..Default::default() };
        let entry = Mp4a { audio, esds: Esds { es_desc }, btrt: None, taic: None }.into();
        Ok(Self { rfc6381: format!("mp4a.40.{object_type}"), entry })
    }
}

/// The init segment (`ftyp` + `moov`, CMAF header) of a rendition.
pub(crate) fn init(rendition: &RenditionSpec, codec: &Codec) -> Result<Bytes, Error> {
    let (width, height) = match rendition.media {
        MediaSpec::Video { width, height } => (width as u16, height as u16),
        MediaSpec::Audio { .. } => (0, 0),
    };
    let timescale = if rendition.is_audio() { AUDIO_TIMESCALE } else { VIDEO_TIMESCALE };
    let tkhd = Tkhd {
        track_id: TRACK_ID,
        enabled: true,
        in_movie: true,
        width: width.into(),
        height: height.into(),
        volume: u8::from(rendition.is_audio()).into(),
        ..Default::default()
    };
    let handler = if rendition.is_audio() { b"soun" } else { b"vide" };
    let minf = Minf {
        vmhd: (!rendition.is_audio()).then(Default::default),
        smhd: rendition.is_audio().then(Default::default),
        dinf: Dinf { dref: Dref { entries: vec![Url { location: String::new() }.into()] } },
        stbl: Stbl {
            stsd: Stsd { codecs: vec![codec.entry.clone()] },
            stco: Some(Stco::default()),
            ..Default::default()
        },
        ..Default::default()
    };
    let mdia = Mdia {
        mdhd: Mdhd { timescale, language: "und".into(), ..Default::default() },
        hdlr: Hdlr { handler: FourCC::new(handler), name: rendition.name.clone() },
        minf,
    };
    let trex = Trex { track_id: TRACK_ID, default_sample_description_index: 1, ..Default::default() };
    let moov = Moov {
        mvhd: movie_header(timescale),
        mvex: Some(Mvex { mehd: None, trex: vec![trex] }),
        trak: vec![Trak { tkhd, mdia, ..Default::default() }],
        ..Default::default()
    };
    let ftyp = Ftyp { major_brand: FourCC::new(b"cmfc"), minor_version: 0, compatible_brands: brands() };
    let mut bytes = Vec::with_capacity(1024);
    ftyp.encode(&mut bytes).map_err(Error::Boxes)?;
    moov.encode(&mut bytes).map_err(Error::Boxes)?;
    Ok(bytes.into())
}

/// One part: `[styp] moof mdat`. `tfdt` is the decode time of the first sample.
pub fn chunk(sequence: u32, tfdt: u64, samples: &[Sample], opens_segment: bool) -> Result<Bytes, Error> {
    let payload: usize = samples.iter().map(|sample| sample.data.len()).sum();
    let mut head = Vec::with_capacity(128 + 16 * samples.len());
    movie_fragment(sequence, tfdt, samples, 0).encode(&mut head).map_err(Error::Boxes)?;
    // The payload starts behind the fragment's box and the eight bytes of the mdat header.
    let data_offset = head.len() as i32 + 8;
    head.clear();
    movie_fragment(sequence, tfdt, samples, data_offset).encode(&mut head).map_err(Error::Boxes)?;

    let mut bytes = Vec::with_capacity(head.len() + payload + 64);
    if opens_segment {
        let styp = Styp { major_brand: FourCC::new(b"msdh"), minor_version: 0, compatible_brands: segment_brands() };
        styp.encode(&mut bytes).map_err(Error::Boxes)?;
    }
    bytes.extend_from_slice(&head);
    let mdat_len = u32::try_from(payload + 8).map_err(|_| Error::Boxes(mp4_atom::Error::OutOfBounds))?;
    bytes.extend_from_slice(&mdat_len.to_be_bytes());
    bytes.extend_from_slice(b"mdat");
    for sample in samples {
        bytes.extend_from_slice(&sample.data);
    }
    Ok(bytes.into())
}

fn movie_fragment(sequence: u32, tfdt: u64, samples: &[Sample], data_offset: i32) -> Moof {
    let entry = |sample: &Sample| TrunEntry {
        duration: Some(sample.duration),
        size: Some(sample.data.len() as u32),
        flags: Some(if sample.sync { SYNC_SAMPLE } else { DEPENDENT_SAMPLE }),
        cts: None,
    };
    let trun =
        Trun { data_offset: Some(data_offset), samples: TrunSamples::Explicit(samples.iter().map(entry).collect()) };
    let traf = Traf {
        tfhd: Tfhd { track_id: TRACK_ID, default_base_is_moof: true, ..Default::default() },
        tfdt: Some(Tfdt { base_media_decode_time: tfdt }),
        trun: vec![trun],
        ..Default::default()
    };
    Moof { mfhd: Mfhd { sequence_number: sequence }, traf: vec![traf] }
}

fn movie_header(timescale: u32) -> Mvhd {
    Mvhd {
        creation_time: 0,
        modification_time: 0,
        timescale,
        duration: 0,
        rate: 1.into(),
        volume: 1.into(),
        matrix: Default::default(),
        next_track_id: TRACK_ID + 1,
    }
}

fn avc1_without_options() -> Avc1 {
    Avc1 {
        visual: Visual::default(),
        avcc: Avcc::default(),
        btrt: None,
        colr: None,
        pasp: None,
        taic: None,
        fiel: None,
        spatial: None,
    }
}

fn brands() -> Vec<FourCC> {
    vec![FourCC::new(b"iso6"), FourCC::new(b"cmfc")]
}

fn segment_brands() -> Vec<FourCC> {
    vec![FourCC::new(b"msdh"), FourCC::new(b"cmfs")]
}

#[cfg(test)]
mod tests {
    use mp4_atom::{Any, DecodeMaybe as _};

    use super::*;
    use crate::testing::{asc, avc, spec};

    #[test]
    fn codec_strings_are_read_from_the_decoder_configurations() {
        let spec = spec();
        assert_eq!(Codec::read(&spec.renditions[0], &avc(1)).unwrap().rfc6381, "avc1.64001f");
        assert_eq!(Codec::read(&spec.renditions[2], &asc()).unwrap().rfc6381, "mp4a.40.2");
        assert!(Codec::read(&spec.renditions[0], &asc()).is_err());
        for broken in [&[][..], &[0], &[1, 2, 3], &[1, 0x64, 0, 0x1f, 0xff, 0xe1, 0xff, 0xff, 1]] {
            let (avc, aac) = (CodecConfig::Avc(broken.to_vec().into()), CodecConfig::Aac(vec![0; broken.len()].into()));
            assert!(Codec::read(&spec.renditions[0], &avc).is_err());
            assert!(Codec::read(&spec.renditions[2], &aac).is_err());
        }
    }

    #[test]
    fn a_chunk_points_at_its_own_samples() {
        let sample = |byte: u8, sync| Sample { duration: 3_000, sync, data: vec![byte; 5].into() };
        let bytes = chunk(7, 90_000, &[sample(1, true), sample(2, false)], true).unwrap();
        let mut rest = &bytes[..];
        let mut boxes = vec![];
        while let Some(any) = Any::decode_maybe(&mut rest).unwrap() {
            boxes.push(any);
        }
        let [Any::Styp(styp), Any::Moof(moof), Any::Mdat(mdat)] = &boxes[..] else { panic!("{boxes:?}") };
        let mut opening = vec![];
        styp.encode(&mut opening).unwrap();
        let trun = &moof.traf[0].trun[0];
        let at = opening.len() + trun.data_offset.unwrap() as usize;
        assert_eq!(&bytes[at..], &mdat.data[..]);
        assert_eq!(mdat.data, [1, 1, 1, 1, 1, 2, 2, 2, 2, 2]);
        assert_eq!(moof.traf[0].tfdt.as_ref().unwrap().base_media_decode_time, 90_000);
        let flags: Vec<_> = trun.samples.iter().map(|entry| entry.flags.unwrap()).collect();
        assert_eq!(flags, [SYNC_SAMPLE, DEPENDENT_SAMPLE]);
    }
}
