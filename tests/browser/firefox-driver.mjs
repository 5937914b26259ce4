//! Drives Firefox for the Rust tests, by WebDriver BiDi; commands and answers are those of `chromium-driver.mjs`, of which it knows the
//! few that a meeting takes.

import puppeteer from "puppeteer-core";

import { fileOf, serve } from "./commands.mjs";

const PREFERENCES = {
  "media.navigator.streams.fake": true,
  "media.navigator.permission.disabled": true,
  "media.autoplay.default": 0,
  "media.autoplay.blocking_policy": 0,
  "media.peerconnection.ice.obfuscate_host_addresses": false,
  "network.lna.enabled": false,
};

const browser = await puppeteer.launch({
  browser: "firefox",
  executablePath: process.env.FIREFOX ?? "/usr/bin/firefox-esr",
  headless: true,
  extraPrefsFirefox: PREFERENCES,
  protocolTimeout: 60_000,
});
const pages = new Map();

async function answer(request) {
  const file = await fileOf(request.url());
  return file ? request.respond({ status: 200, ...file }) : request.continue();
}

const commands = {
  async open({ page: id, url }) {
    const context = await browser.createBrowserContext();
    const page = await context.newPage();
    pages.set(id, page);
    await page.setViewport({ width: 1280, height: 800 });
    page.on("console", (message) => console.error(`[${id}] ${message.type()}: ${message.text()}`));
    page.on("pageerror", (error) => console.error(`[${id}] uncaught: ${error.message}`));
    await page.setRequestInterception(true);
    page.on("request", (request) => answer(request).catch((error) => console.error(`[${id}] ${request.url()}: ${error.message}`)));
    await page.goto(url, { waitUntil: "domcontentloaded", timeout: 30_000 });
  },
  evaluate: ({ page, expression }) => pages.get(page).evaluate(expression),
  async screenshot({ page, file }) {
    await pages.get(page).screenshot({ path: file });
  },
  async close({ page }) {
    await pages.get(page).close();
    pages.delete(page);
  },
};

await serve(commands);
await browser.close();
