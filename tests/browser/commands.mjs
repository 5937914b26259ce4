//! What the drivers of both browsers share: commands by lines, and the files that a page of ours needs.

import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";

/** Our pages, the unmodified clients that they load, and the examples, below the tested server's origin. */
export const FILES = /\/__rig\/(livekit-client\.umd\.js|hls\.min\.js|moving\.mjs|[a-z0-9-]+\.html)(?:\?.*)?$/;

const ELSEWHERE = {
  "livekit-client.umd.js": "node_modules/livekit-client/dist/livekit-client.umd.js",
  "hls.min.js": "../../web/node_modules/hls.js/dist/hls.min.js",
  "moving.mjs": "../../web/examples/moving.mjs",
};

/** The content type and body of a file of ours; nothing if the URL names none. */
export async function fileOf(url) {
  const [, name] = FILES.exec(url) ?? [];
  if (!name) return undefined;
  const contentType = name.endsWith(".html") ? "text/html; charset=utf-8" : "text/javascript; charset=utf-8";
  return { contentType, body: await readFile(new URL(ELSEWHERE[name] ?? name, import.meta.url), "utf8") };
}

/** Takes one JSON command a line from stdin, and answers each with one JSON line on stdout, until stdin ends. */
export async function serve(commands) {
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
}
