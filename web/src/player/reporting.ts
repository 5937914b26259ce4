//! Sends the reports of `report.ts` to `POST /v1/cmcd`. A thin edge: one request at a time, and a bounded queue.

import { retryAfterMs } from "../lib/api";
import { type Playing, farewell, initialReporting, noteError, observe, report } from "./report";

const URL = "/v1/cmcd";
const TYPE = "application/cmcd";
/** Reports that wait to be sent; beyond these the oldest is left out. */
const QUEUE_MAX = 16;
/** Without an id from the events socket for so long, the session has one of its own. */
const ID_WAIT_MS = 10_000;
/** The wait after a failure for which the server names none. */
const RETRY_MS = 10_000;

export class ReportSender {
  #state = initialReporting(Math.random());
  #sid: string | null = null;
  #madeAtMs = Date.now();
  #playing: Playing | null = null;
  #queue: string[] = [];
  #busy = false;
  #stopped = false;
  #waitUntilMs = 0;

  constructor(private readonly room: string) {}

  /** The id that an events socket gave. The first one stays: a session has one id. */
  setId(sid: string): void {
    if (sid) this.#sid ??= sid;
  }

  error(word: string): void {
    this.#state = noteError(this.#state, word);
  }

  /** Follows the player. Called several times a second. */
  tick(playing: Playing): void {
    const nowMs = Date.now();
    this.#playing = playing;
    this.#state = observe(this.#state, playing, nowMs);
    if (this.#sid === null && nowMs - this.#madeAtMs > ID_WAIT_MS) this.#sid = ownId();
    if (this.#sid !== null) {
      const { state, line } = report(this.#state, playing, this.#sid, this.room, nowMs);
      this.#state = state;
      if (line) this.#put(line);
    }
    if (this.#queue.length > 0 && nowMs >= this.#waitUntilMs) void this.#send();
  }

  /** The page is left, or put away. */
  leave(): void {
    if (!this.#playing || this.#sid === null || this.#stopped) return;
    const { state, line } = farewell(this.#state, this.#playing, this.#sid, this.room, Date.now());
    this.#state = state;
    if (line) navigator.sendBeacon(URL, new Blob([[...this.#queue.splice(0), line].join("\n")], { type: TYPE }));
  }

  #put(line: string): void {
    this.#queue.push(line);
    if (this.#queue.length > QUEUE_MAX) this.#queue.shift();
  }

  async #send(): Promise<void> {
    if (this.#busy || this.#stopped) return;
    this.#busy = true;
    const lines = this.#queue.splice(0);
    try {
      const response = await fetch(URL, { method: "POST", headers: { "content-type": TYPE }, body: lines.join("\n"), keepalive: true });
      if (response.status === 429 || response.status >= 500) this.#putBack(lines, retryAfterMs(response.headers));
      // The room is gone, or takes no reports of this page.
      else if (response.status === 404 || response.status === 410) this.#stopped = true;
    } catch {
      this.#putBack(lines, null);
    }
    this.#busy = false;
  }

  #putBack(lines: string[], waitMs: number | null): void {
    this.#queue = [...lines, ...this.#queue].slice(-QUEUE_MAX);
    this.#waitUntilMs = Date.now() + (waitMs ?? RETRY_MS);
  }
}

/** `crypto.randomUUID` is for HTTPS alone. */
function ownId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
