//! The README's picture: the watch page while it plays.

use rig::Result;
use rig::browser::Browser;
use rig::server::{Demo, Server};
use serde_json::Value;

use crate::cli::Screenshot;

/// The player's word, the pictures shown, and its latency in seconds.
const PLAYER: &str = "(() => {
  const video = document.querySelector('video');
  const player = window.__spillway;
  return {
    phase: player?.phase ?? null, frames: video?.getVideoPlaybackQuality().totalVideoFrames ?? 0,
    latency: player?.latency() ?? null, height: video?.videoHeight ?? 0,
  };
})()";
/// The player has found its distance and its rendition after so many pictures.
const SETTLED_FRAMES: u64 = 300;

/// Starts a demo, waits until the page has settled, and saves it.
pub(crate) fn take(options: &Screenshot) -> Result<()> {
    let demo = Demo { speakers: options.speakers, ladder: Some(options.ladder.clone()), ..Demo::default() };
    let server = Server::start(demo)?;
    server.wait_for_broadcast()?;
    let mut browser = Browser::start()?;
    let url = server.http.url(&format!("/watch/{}?delivery=broadcast", server.room));
    let page = if options.light { browser.open(&url)? } else { browser.open_dark(&url)? };
    let settled = |player: &Value| player["phase"] == "playing" && player["frames"].as_u64() > Some(SETTLED_FRAMES);
    let player = browser.wait_until(page, "a settled player", 60, PLAYER, settled)?;
    browser.screenshot(page, &options.out)?;
    println!("{}: {player}", options.out.display());
    Ok(())
}
