//! Settings of the plane.

use std::net::IpAddr;
use std::num::NonZeroUsize;

use codec_headers::bounds::PictureBounds;

use crate::error::ConfigFault;

/// Threads that carry media, at most: a port each.
const SHARDS_MAX: u16 = 128;

/// Settings of the plane. Every field has a default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Local addresses for media, IPv4 and IPv6. Default none given: every address of this machine's interfaces that
    /// are up, loopback only where there is nothing else.
    pub addresses: Vec<IpAddr>,
    /// The first media port, UDP and TCP; each further thread takes the next one. 0: free ports, whichever. Default
    /// 7882.
    pub port: u16,
    /// Threads that carry media. 0: one for each core. Default 0.
    pub shards: u16,
    /// Keep each media thread on a core of its own. Default false.
    pub pin_shards: bool,
    /// Listen for ICE over TCP (RFC 6544) as well. Default true.
    pub tcp: bool,
    /// Receive buffer of each media socket. Bytes; default 1 MiB.
    pub socket_buffer_bytes: u32,
    /// How long a peer may take from its offer to media. Milliseconds; default 20000.
    pub join_ms_max: u32,
    /// A peer of whom nothing valid arrives for this long is gone. Milliseconds; default 15000.
    pub silence_ms_max: u32,
    /// Bits a second that a publisher may send, all its layers together. Beyond that and a quarter, packets of its
    /// highest layers are dropped. Default 8000000.
    pub publish_bits_per_second_max: u32,
    /// The largest picture that is forwarded, width × height. Default 8294400 (3840 × 2160).
    pub picture_pixels_max: u32,
    /// The longest side of a picture. Pixels; default 8192.
    pub picture_side_max: u32,
    /// Pictures a second of a layer. Default 240.
    pub pictures_per_second_max: u32,
    /// The least time between two keyframes of one publisher's layer that are asked for. Milliseconds; default 400.
    pub keyframe_interval_ms_min: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            addresses: Vec::new(),
            port: 7882,
            shards: 0,
            pin_shards: false,
            tcp: true,
            socket_buffer_bytes: 1 << 20,
            join_ms_max: 20_000,
            silence_ms_max: 15_000,
            publish_bits_per_second_max: 8_000_000,
            picture_pixels_max: 3840 * 2160,
            picture_side_max: 8192,
            pictures_per_second_max: 240,
            keyframe_interval_ms_min: 400,
        }
    }
}

impl Config {
    /// Refuses what cannot work.
    pub fn validate(&self) -> Result<(), ConfigFault> {
        let refuse = |key, sentence| Err(ConfigFault { key, sentence });
        if let Some(bad) = self.addresses.iter().find(|a| a.is_unspecified() || a.is_multicast()) {
            let sentence = format!("must not name {bad}, which no peer can reach: give the interface's own address");
            return refuse("addresses", sentence);
        }
        let shards = self.shard_count();
        if shards > SHARDS_MAX {
            return refuse("shards", format!("must be at most {SHARDS_MAX}, not {shards}"));
        }
        if self.port != 0 && self.port.checked_add(shards - 1).is_none() {
            let port_max = u16::MAX - (shards - 1);
            return refuse("port", format!("must be at most {port_max}, not {}: each thread takes a port", self.port));
        }
        let within = |key, value: u32, least: u32, most: u32| {
            let fits = (least..=most).contains(&value);
            if fits { Ok(()) } else { refuse(key, format!("must be {least} to {most}, not {value}")) }
        };
        within("socket_buffer_bytes", self.socket_buffer_bytes, 64 << 10, 64 << 20)?;
        within("join_ms_max", self.join_ms_max, 1000, 120_000)?;
        within("silence_ms_max", self.silence_ms_max, 2000, 600_000)?;
        within("publish_bits_per_second_max", self.publish_bits_per_second_max, 100_000, 100_000_000)?;
        within("picture_pixels_max", self.picture_pixels_max, 128 * 128, u32::MAX)?;
        within("picture_side_max", self.picture_side_max, 128, 65_536)?;
        within("pictures_per_second_max", self.pictures_per_second_max, 5, 100_000)?;
        within("keyframe_interval_ms_min", self.keyframe_interval_ms_min, 50, 10_000)
    }

    /// The pictures that may be forwarded.
    pub(crate) fn picture_bounds(&self) -> PictureBounds {
        PictureBounds {
            pixels_max: self.picture_pixels_max,
            side_max: self.picture_side_max,
            per_second_max: self.pictures_per_second_max,
        }
    }

    /// Media threads: what is set, or the cores this process may use.
    pub fn shard_count(&self) -> u16 {
        match self.shards {
            0 => std::thread::available_parallelism()
                .map_or(1, NonZeroUsize::get)
                .min(usize::from(SHARDS_MAX))
                .try_into()
                .unwrap_or(1),
            n => n,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_setting_is_refused_by_name() {
        type Spoil = fn(&mut Config);
        let table: [(Spoil, &str); 7] = [
            (|c| c.addresses = vec!["0.0.0.0".parse().unwrap()], "addresses"),
            (|c| (c.port, c.shards) = (65535, 2), "port"),
            (|c| c.shards = 500, "shards"),
            (|c| c.socket_buffer_bytes = 1, "socket_buffer_bytes"),
            (|c| c.silence_ms_max = 1, "silence_ms_max"),
            (|c| c.picture_pixels_max = 0, "picture_pixels_max"),
            (|c| c.keyframe_interval_ms_min = 0, "keyframe_interval_ms_min"),
        ];
        assert_eq!(Config::default().validate(), Ok(()));
        for (spoil, key) in table {
            let mut config = Config::default();
            spoil(&mut config);
            let fault = config.validate().expect_err(key);
            assert_eq!(fault.key, key);
            assert!(fault.to_string().starts_with(&format!("{key}: must ")), "{fault}");
        }
    }
}
