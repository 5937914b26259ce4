//! Drives Chromium for the Rust tests: one JSON command a line on stdin, one JSON answer a line on stdout.
//! Ends, and closes the browser, when stdin does. Consoles and failed requests go to stderr.

import { chromium } from "playwright-core";

import { FILES, fileOf, serve } from "./commands.mjs";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--autoplay-policy=no-user-gesture-required",
  "--use-fake-device-for-media-stream",
  "--use-fake-ui-for-media-stream",
  // WebRTC leaves loopback out unless told; addresses of this machine need no mDNS names.
  "--allow-loopback-in-peer-connection",
  // A page that the driver answers for counts as public; its server is local all the same.
  "--disable-features=WebRtcHideLocalIpsWithMdns,LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets",
  // Pages in the background must not be throttled: they are viewers and speakers, too.
  "--disable-background-timer-throttling",
  "--disable-backgrounding-occluded-windows",
  "--disable-renderer-backgrounding",
];
if (process.env.SECURE_ORIGIN) FLAGS.push(`--unsafely-treat-insecure-origin-as-secure=${process.env.SECURE_ORIGIN}`);

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  headless: true,
  args: FLAGS,
});
const pages = new Map();
/** Of each page, the payload of its WebSockets, bytes and messages both ways. */
const signalling = new Map();

function count(id, socket) {
  const counts = signalling.get(id);
  const bytes = (payload) => (typeof payload === "string" ? Buffer.byteLength(payload) : payload.length);
  for (const way of ["sent", "received"]) {
    socket.on(`frame${way}`, ({ payload }) => {
      counts[way].bytes += bytes(payload);
      counts[way].messages += 1;
    });
  }
}

const commands = {
  async open({ page: id, url, colors }) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, colorScheme: colors ?? "light" });
    const page = await context.newPage();
    pages.set(id, page);
    signalling.set(id, { sent: { bytes: 0, messages: 0 }, received: { bytes: 0, messages: 0 } });
    page.on("websocket", (socket) => count(id, socket));
    page.on("console", (message) => console.error(`[${id}] ${message.type()}: ${message.text()}`));
    page.on("pageerror", (error) => console.error(`[${id}] uncaught: ${error.message}`));
    page.on("requestfailed", (request) => console.error(`[${id}] ${request.url()}: ${request.failure()?.errorText}`));
    await page.route(FILES, async (route) => route.fulfill(await fileOf(route.request().url())));
    await page.goto(url, { waitUntil: "domcontentloaded", timeout: 30_000 });
  },
  evaluate: ({ page, expression }) => pages.get(page).evaluate(expression),
  click: ({ page, selector }) => pages.get(page).locator(selector).first().click({ timeout: 10_000 }),
  fill: ({ page, selector, text }) => pages.get(page).locator(selector).first().fill(text, { timeout: 10_000 }),
  async screenshot({ page, file, whole }) {
    await pages.get(page).screenshot({ path: file, fullPage: whole ?? false });
  },
  signalling: ({ page }) => signalling.get(page),
  async close({ page }) {
    await pages.get(page).context().close();
    pages.delete(page);
  },
};

await serve(commands);
await browser.close();
