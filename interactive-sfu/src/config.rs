//! What an operator sets of the SFU.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::error::ConfigFault;

/// Settings of the SFU. Every field has a default. The plane's are among them ([`Config::plane`]): a nested section
/// would change the keys that operators write, and serde's `flatten` would lose the key in what is said of a wrong
/// value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Local addresses for media, IPv4 and IPv6. Default none given: every address of this machine's interfaces that
    /// are up, loopback only where there is nothing else.
    pub addresses: Vec<IpAddr>,
    /// What answers name instead of `addresses`: the public addresses of a machine behind 1:1 NAT. Clients on
    /// this machine are told both. Default none.
    pub announced_addresses: Vec<IpAddr>,
    /// The first media port, UDP and TCP; each further thread takes the next one. Open all of them in the firewall.
    /// 0: free ports, whichever. Default 7882.
    pub port: u16,
    /// Threads that carry media. More than cores makes them disturb each other. 0: one for each core. Default 0.
    pub shards: u16,
    /// Keep each media thread on a core of its own: steadier where nothing else runs, worse where encoders share the
    /// machine. Default false.
    pub pin_shards: bool,
    /// Offer ICE over TCP (RFC 6544) as well, for networks without UDP. Default true.
    pub tcp: bool,
    /// Receive buffer of each media socket. Larger survives longer pauses, and turns overload into latency instead of
    /// loss: 8 MiB can hold most of a second. Bytes; default 1 MiB. The kernel's `rmem_max` limits it.
    pub socket_buffer_bytes: u32,
    /// Sessions at once, publishing and watching; a further one is refused with 503. Default 20000.
    pub sessions_max: u32,
    /// Of these, sessions by WHIP and WHEP whose media is not connected yet. One more ends the oldest of them, whatever
    /// it is about: a genuine client connects within a second or two. Default 2000.
    pub pending_sessions_max: u32,
    /// Sessions by WHIP and WHEP that one identity may have in a room; a further one is refused with 429. Give each
    /// viewer an identity of their own. Default 32.
    pub sessions_per_identity_max: u32,
    /// Of these, sessions that are not connected yet; one more ends the oldest of them. Default 4.
    pub pending_per_identity_max: u32,
    /// LiveKit's participants in a room at once; a further one is refused with 503. Default 5000.
    pub participants_per_room_max: u32,
    /// How many of them clients are told of one by one. Beyond that, a newcomer who may not publish is counted
    /// (`num_participants`) and not named, so that joining a room of ten thousand costs what joining one of this many
    /// does. Whoever may publish is always named. Default 500.
    pub listed_max: u32,
    /// Tracks that one of them may publish. Default 16.
    pub tracks_per_participant_max: u32,
    /// How long a participant's session survives without its signal connection. Longer bridges longer gaps of a mobile
    /// network; shorter clears away sooner who is really gone. Milliseconds; default 30000.
    pub resume_ms_max: u32,
    /// WHIP speakers in a room at once; a further one is refused with 503. Default 32.
    pub publishers_per_room_max: u32,
    /// How long a peer may take from its offer to media. Milliseconds; default 20000.
    pub join_ms_max: u32,
    /// A peer of whom nothing valid arrives for this long is gone; an address from which nothing valid arrives for this
    /// long is sent nothing more. Shorter clears frozen speakers off the stage sooner; longer survives dead spots.
    /// Milliseconds; default 15000.
    pub silence_ms_max: u32,
    /// Bits a second that a publisher may send, all its layers together. Browsers are told, and keep to it. Of a
    /// publisher that exceeds it by more than a quarter, packets of the highest layers are dropped. Default 8000000.
    pub publish_bits_per_second_max: u32,
    /// The largest picture that is forwarded, width × height. A layer with a larger one is dropped until a keyframe
    /// within bounds comes: whoever receives it may be unable to decode it, or pay dearly. Default 8294400 (3840 ×
    /// 2160).
    pub picture_pixels_max: u32,
    /// The longest side of a picture, pixels. Default 8192.
    pub picture_side_max: u32,
    /// Pictures a second of a layer; one that brings more is dropped until it brings fewer. Default 240.
    pub pictures_per_second_max: u32,
    /// The least time between two keyframes of one publisher's layer that are asked for, however many viewers ask.
    /// Milliseconds; default 400.
    pub keyframe_interval_ms_min: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            addresses: Vec::new(),
            announced_addresses: Vec::new(),
            port: 7882,
            shards: 0,
            pin_shards: false,
            tcp: true,
            socket_buffer_bytes: 1 << 20,
            sessions_max: 20_000,
            pending_sessions_max: 2000,
            sessions_per_identity_max: 32,
            pending_per_identity_max: 4,
            participants_per_room_max: 5000,
            listed_max: 500,
            tracks_per_participant_max: 16,
            resume_ms_max: 30_000,
            publishers_per_room_max: 32,
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
        let within = |key, value: u32, least: u32, most: u32| {
            let fits = (least..=most).contains(&value);
            if fits { Ok(()) } else { refuse(key, format!("must be {least} to {most}, not {value}")) }
        };
        if let Some(bad) = self.announced_addresses.iter().find(|a| a.is_unspecified() || a.is_multicast()) {
            return refuse("announced_addresses", format!("must not name {bad}, which no peer can reach"));
        }
        self.plane().validate()?;
        within("sessions_max", self.sessions_max, 1, 1_000_000)?;
        within("pending_sessions_max", self.pending_sessions_max, 1, 1_000_000)?;
        within("sessions_per_identity_max", self.sessions_per_identity_max, 1, 100_000)?;
        within("pending_per_identity_max", self.pending_per_identity_max, 1, 100_000)?;
        within("participants_per_room_max", self.participants_per_room_max, 1, 100_000)?;
        within("listed_max", self.listed_max, 0, 100_000)?;
        within("tracks_per_participant_max", self.tracks_per_participant_max, 1, 32)?;
        within("resume_ms_max", self.resume_ms_max, 1000, 600_000)?;
        within("publishers_per_room_max", self.publishers_per_room_max, 1, 1000)
    }

    /// The plane's settings.
    pub(crate) fn plane(&self) -> plane::Config {
        plane::Config {
            addresses: self.addresses.clone(),
            port: self.port,
            shards: self.shards,
            pin_shards: self.pin_shards,
            tcp: self.tcp,
            socket_buffer_bytes: self.socket_buffer_bytes,
            join_ms_max: self.join_ms_max,
            silence_ms_max: self.silence_ms_max,
            publish_bits_per_second_max: self.publish_bits_per_second_max,
            picture_pixels_max: self.picture_pixels_max,
            picture_side_max: self.picture_side_max,
            pictures_per_second_max: self.pictures_per_second_max,
            keyframe_interval_ms_min: self.keyframe_interval_ms_min,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_those_of_the_plane() {
        assert_eq!(Config::default().plane(), plane::Config::default());
    }

    #[test]
    fn each_impossible_setting_is_refused_by_name() {
        type Spoil = fn(&mut Config);
        let table: [(Spoil, &str); 10] = [
            (|c| c.addresses = vec!["0.0.0.0".parse().unwrap()], "addresses"),
            (|c| c.announced_addresses = vec!["224.0.0.1".parse().unwrap()], "announced_addresses"),
            (|c| (c.port, c.shards) = (65535, 2), "port"),
            (|c| c.shards = 500, "shards"),
            (|c| c.socket_buffer_bytes = 1, "socket_buffer_bytes"),
            (|c| c.sessions_max = 0, "sessions_max"),
            (|c| c.pending_per_identity_max = 0, "pending_per_identity_max"),
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
