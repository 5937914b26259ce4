//! Keeps an estimate of the server's clock: eight small requests after start, then one a minute. `clock.ts` calculates.

import { type OffsetBounds, narrow, nextProbeAtMs, offsetMs, uncertaintyMs } from "./clock";

const PROBES = 8;
const GOOD_ENOUGH_MS = 8;
const REFRESH_MS = 60_000;

export class ServerClock {
  #bounds: OffsetBounds | null = null;
  #abort = new AbortController();

  /** `url` must answer uncached: the `Date` of a stored answer is of another moment. */
  constructor(private readonly url: string) {
    void this.#run();
  }

  /** The server's time, Unix milliseconds. The local clock until the first answer. */
  nowMs(): number {
    return Date.now() + offsetMs(this.#bounds);
  }

  /** Half the width of the estimate's bounds, milliseconds; infinite before the first answer. */
  uncertaintyMs(): number {
    return uncertaintyMs(this.#bounds);
  }

  close(): void {
    this.#abort.abort();
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    let roundTripMs = 20;
    while (!signal.aborted) {
      for (let probe = 0; probe < PROBES && !signal.aborted; probe++) {
        if (this.#bounds && this.uncertaintyMs() < GOOD_ENOUGH_MS) break;
        if (this.#bounds) await sleep(nextProbeAtMs(this.#bounds, Date.now(), roundTripMs) - Date.now(), signal);
        roundTripMs = (await this.#probe(signal)) ?? roundTripMs;
      }
      await sleep(REFRESH_MS, signal);
      // Wider bounds let the estimate follow drift: two clocks stray by some 50 ms in a thousand seconds.
      if (this.#bounds) this.#bounds = { lowMs: this.#bounds.lowMs - 20, highMs: this.#bounds.highMs + 20 };
    }
  }

  async #probe(signal: AbortSignal): Promise<number | null> {
    try {
      const sentAtMs = Date.now();
      const response = await fetch(this.url, { cache: "no-store", signal });
      const receivedAtMs = Date.now();
      void response.body?.cancel();
      const dateMs = Date.parse(response.headers.get("date") ?? "");
      if (Number.isNaN(dateMs) || response.headers.has("age")) return null;
      this.#bounds = narrow(this.#bounds, { sentAtMs, receivedAtMs, dateMs });
      return receivedAtMs - sentAtMs;
    } catch {
      return null; // Offline: the player tells the viewer; the clock keeps its bounds.
    }
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, Math.max(0, ms));
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
