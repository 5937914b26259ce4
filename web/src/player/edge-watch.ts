//! Keeps a player that wants to be at the live edge there: hurries, or jumps. Listens to one hls.js; decides by `latency.ts`.

import Hls, { Events } from "hls.js";
import { catchUpRate, isLeftBehind, isStuck } from "./latency";

/** After a jump because it was left behind the next one waits: what it needs must be fetched first. */
const JUMP_EVERY_MS = 5_000;

export class EdgeWatch {
  #fetching = false;
  #fetchedAtMs = 0;
  #jumpedAtMs = 0;

  constructor(private readonly hls: Hls) {
    hls.on(Events.FRAG_LOADING, (_, { frag }) => this.#onFetch(true, frag.type));
    hls.on(Events.FRAG_LOADED, (_, { frag }) => this.#onFetch(false, frag.type));
    // Whatever was under way came to nothing, or did not matter.
    hls.on(Events.ERROR, () => (this.#fetching = false));
  }

  /** To be asked every fifth of a second while the picture should move. */
  shouldJump(video: HTMLVideoElement, nowMs: number): boolean {
    const { hls } = this;
    const stuck = isStuck({
      starving: video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA,
      fetching: this.#fetching,
      idleMs: nowMs - this.#fetchedAtMs,
      listedAheadSeconds: (hls.levels[hls.currentLevel]?.details?.edge ?? 0) - video.currentTime,
    });
    if (stuck) return true;
    if (nowMs - this.#jumpedAtMs < JUMP_EVERY_MS || !isLeftBehind(hls.latency, hls.targetLatency)) return false;
    this.#jumpedAtMs = nowMs;
    return true;
  }

  /** How fast to play. */
  rate(video: HTMLVideoElement): number {
    const { latency, targetLatency } = this.hls;
    const { buffered, currentTime } = video;
    const ahead = buffered.length > 0 ? buffered.end(buffered.length - 1) - currentTime : 0;
    return catchUpRate(latency - (targetLatency ?? Number.NaN), ahead, video.playbackRate);
  }

  #onFetch(fetching: boolean, type: string): void {
    if (type !== "main") return;
    this.#fetching = fetching;
    this.#fetchedAtMs = Date.now();
  }
}
