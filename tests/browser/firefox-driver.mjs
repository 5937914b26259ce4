//! Drives Firefox for the Rust tests, by WebDriver BiDi; commands and answers are those of `driver.mjs`, of which it knows the few that
//! a meeting takes.

import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import puppeteer from "puppeteer-core";

const PREFERENCES = {
  "media.navigator.streams.fake": true,
  "media.navigator.permission.disabled": true,
  "media.autoplay.default": 0,
  "media.autoplay.blocking_policy": 0,
  "media.peerconnection.ice.obfuscate_host_addresses": false,
  "network.lna.enabled": false,
};
const FILES = /\/__rig\/(?:(livekit-client)\.umd\.js|([a-z0-9-]+\.html))(?:\?.*)?$/;

const browser = await puppeteer.launch({
  browser: "firefox",
  executablePath: process.env.FIREFOX ?? "/usr/bin/firefox-esr",
  headless: true,
  extraPrefsFirefox: PREFERENCES,
  protocolTimeout: 60_000,
});
const pages = new Map();

async function answer(request) {
  const [, library, page] = FILES.exec(request.url()) ?? [];
  if (library) {
    const body = await readFile(new URL(`node_modules/${library}/dist/${library}.umd.js`, import.meta.url), "utf8");
    return request.respond({ status: 200, contentType: "text/javascript; charset=utf-8", body });
  }
  if (page) {
    const body = await readFile(new URL(page, import.meta.url), "utf8");
    return request.respond({ status: 200, contentType: "text/html; charset=utf-8", body });
  }
  return request.continue();
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

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    const command = JSON.parse(line);
    answer = { value: (await commands[command.do](command)) ?? null };
  } catch (error) {
    answer = { error: String(error?.message ?? error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
