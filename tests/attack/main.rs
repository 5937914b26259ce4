//! Attacks a server of our own, to see what that costs its innocent clients: run it beside `spillway-load`.

#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use rig::attack::{Attack, offer_to_watch, tcp_candidate};
use rig::http::Http;
use rig::peer::{Credentials, SrtpOffer};
use rig::token::KeyPair;
use rig::{Error, Result};

/// Attacks a server on this machine for some seconds, and prints what it did.
///
/// Run it while `spillway-load` measures, and compare with a run without it:
///
/// spillway demo --speakers 0 &
/// spillway-load -n 200 --seconds 8 --repeats 1                                 # without
/// (sleep 6; spillway-attack tcp-frames) & spillway-load -n 200 --seconds 8 --repeats 1
/// (sleep 6; spillway-attack offers) & spillway-load -n 200 --seconds 8 --repeats 1
///
/// `tests/attack/run.sh` does all of that and prints loss and p99 side by side. Somebody must be on the stage (the load
/// generator's publisher is), because media's address is learnt from an answer.
#[derive(Debug, Parser)]
#[command(name = "spillway-attack", version, verbatim_doc_comment)]
struct Options {
    /// The attack.
    #[arg(value_enum)]
    kind: Kind,
    /// The server.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: String,
    /// The room.
    #[arg(long, default_value = "demo")]
    room: String,
    /// How long, seconds.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Connections, or requests, at a time.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    threads: u32,
    /// Identities that `offers` come from, one token each.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    identities: u32,
    /// Where TCP connections come from: any address of this machine.
    #[arg(long, default_value_t = Ipv4Addr::new(127, 0, 0, 2))]
    from: Ipv4Addr,
    /// The key that tokens are issued by.
    #[arg(long, default_value = "devkey", env = "SPILLWAY_KEY")]
    key: String,
    /// The secret that tokens are signed with.
    #[arg(long, default_value = "secret", env = "SPILLWAY_SECRET", hide_env_values = true)]
    secret: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// Strangers on the media port's TCP that stream frames of no bytes, and connect again when they are closed.
    TcpFrames,
    /// Strangers on the media port's TCP that connect as fast as they can, and say nothing.
    TcpSilence,
    /// Offers to watch by WHEP, as fast as they are answered, of which none ever connects.
    Offers,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("spillway-attack: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    let http = Http::new(&options.url);
    let credentials = Credentials::new(SrtpOffer::Gcm)?;
    let path = format!("/whep/{}", options.room);
    let keys = KeyPair { key: options.key.clone(), secret: options.secret.clone() };
    let token = |n: u32| keys.mint(&options.room, &format!("attacker-{n}"), false);
    let threads = options.threads as usize;
    let media = || -> Result<SocketAddr> {
        let reply = http.offer(&path, Some(&token(0)), offer_to_watch(&credentials).as_bytes())?;
        if reply.status != 201 {
            return Err(reply.unexpected(&http.url(&path)));
        }
        tcp_candidate(&reply.text()).ok_or(Error::Answer("TCP candidate"))
    };
    let from = IpAddr::V4(options.from);
    let attack = match options.kind {
        Kind::TcpFrames => Attack::tcp_frames(media()?, from, &[0, 0], threads),
        Kind::TcpSilence => Attack::tcp_silence(media()?, from, 300),
        Kind::Offers => {
            Attack::offers(&http, &path, (0..options.identities).map(token).collect(), &credentials, threads)
        }
    };
    std::thread::sleep(Duration::from_secs(options.seconds));
    let (counts, seconds) = (&attack.counts, options.seconds);
    let [tries, refused, bytes] =
        [&counts.tries, &counts.refused, &counts.bytes].map(|count| count.load(Relaxed) / seconds);
    println!("{tries} tries a second, {refused} of them refused or closed; {} Mbit/s taken", bytes * 8 / 1_000_000);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_holds_together() {
        use clap::CommandFactory as _;
        Options::command().debug_assert();
    }
}
