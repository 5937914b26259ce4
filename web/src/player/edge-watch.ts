//! Keeps the picture at the live edge by playing faster or by jumping. Listens to one hls.js; `latency.ts` decides.

import Hls, { Events } from "hls.js";
import { catchUpRate, isLeftBehind, isStuck } from "./latency";

/** Least time between two jumps of a player that was left behind: its next parts must be fetched first. */
const JUMP_EVERY_MS = 5_000;

export class EdgeWatch {
  #fetching = false;
  #fetchedAtMs = 0;
  #jumpedAtMs = 0;

  constructor(private readonly hls: Hls) {
    hls.on(Events.FRAG_LOADING, (_, { frag }) => this.#onFetch(true, frag.type));
    hls.on(Events.FRAG_LOADED, (_, { frag }) => this.#onFetch(false, frag.type));
    // The request under way has failed.
    hls.on(Events.ERROR, () => (this.#fetching = false));
  }

  /** Is it time to jump to the live edge? Called every 200 ms while the picture should move. */
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

  /** The playback rate that brings the picture back to the target latency. */
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
