// LiveKit's browser client in Firefox, beside a participant "ann" in another browser: `node firefox.mjs PAGE_URL`.
// It publishes, sees ann's pictures, and exchanges messages with her. Prints "done".
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import puppeteer from "puppeteer-core";

const PREFERENCES = {
  "media.navigator.streams.fake": true,
  "media.navigator.permission.disabled": true,
  "media.autoplay.default": 0,
  "media.autoplay.blocking_policy": 0,
  "media.peerconnection.ice.obfuscate_host_addresses": false,
  "network.lna.enabled": false,
};
const FILES = { "livekit.html": "livekit.html", "livekit-client.umd.js": "node_modules/livekit-client/dist/livekit-client.umd.js" };

const browser = await puppeteer.launch({
  browser: "firefox",
  executablePath: process.env.FIREFOX ?? "/usr/bin/firefox-esr",
  headless: true,
  extraPrefsFirefox: PREFERENCES,
});

/** Evaluates until it is true. */
async function until(page, what, expression) {
  let last;
  for (let i = 0; i < 80; i++) {
    last = await page.evaluate(expression);
    if (last === true) return;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  assert.fail(`${what}: ${JSON.stringify(last)}`);
}

try {
  const page = await browser.newPage();
  page.on("console", (message) => console.log(`console: ${message.text().slice(0, 300)}`));
  await page.setRequestInterception(true);
  page.on("request", async (request) => {
    const name = /\/__rig\/([a-z.-]+)/.exec(request.url())?.[1];
    if (!name) return request.continue();
    const body = await readFile(new URL(FILES[name], import.meta.url), "utf8");
    return request.respond({ status: 200, contentType: name.endsWith("js") ? "text/javascript" : "text/html", body });
  });
  await page.goto(process.argv[2], { waitUntil: "domcontentloaded" });
  assert.equal(await page.evaluate("window.joined"), "joined");
  await page.evaluate("window.rig.camera()");
  await page.evaluate("window.rig.microphone()");
  const sent = "window.rig.layers().then((all) => (all.length === 3 && all.every((layer) => layer.packets > 0)) || all)";
  await until(page, "three layers that are sent", sent);
  const decoded = `(async () => {
    const track = window.rig.room.remoteParticipants.get("ann")?.getTrackPublication("camera")?.track;
    let frames = 0;
    (await track?.getRTCStatsReport())?.forEach((s) => (frames = Math.max(frames, s.framesDecoded ?? 0)));
    return frames > 30 || frames;
  })()`;
  await until(page, "ann's pictures", decoded);
  await page.evaluate("window.rig.send('from firefox', { reliable: true })");
  await until(page, "ann's message", "window.rig.messages.some((m) => m.text === 'to firefox') || window.rig.messages");
  await page.evaluate("window.rig.room.disconnect()");
  console.log("done");
} finally {
  await browser.close();
}
