//! What the drivers of both browsers share: commands by lines, and the files that a page of ours needs.

import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";

/** Our pages, and the unmodified clients that they load, below the tested server's origin. */
export const FILES = /\/__rig\/(?:(livekit-client)\.umd\.js|([a-z0-9-]+\.html))(?:\?.*)?$/;

/** The content type and body of a file of ours; nothing if the URL names none. */
export async function fileOf(url) {
  const [, library, page] = FILES.exec(url) ?? [];
  if (library) {
    const body = await readFile(new URL(`node_modules/${library}/dist/${library}.umd.js`, import.meta.url), "utf8");
    return { contentType: "text/javascript; charset=utf-8", body };
  }
  if (page) {
    return { contentType: "text/html; charset=utf-8", body: await readFile(new URL(page, import.meta.url), "utf8") };
  }
  return undefined;
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
