//! `window.__spillway`: the watch page's player, for end-to-end tests, measurements and the browser's console.

import type Hls from "hls.js";
import type { JoinAnswer } from "../lib/api";
import type { Path } from "./handover";
import type { Phase } from "./machine";

export interface PlayerHandle {
  readonly phase: Phase;
  /** The path that is seen and heard; `null` before the first. */
  readonly path: Path | null;
  /** The path that a move under way leads to; `null`: none. */
  readonly moving: Path | null;
  /** From the camera to the screen at this moment, seconds, not smoothed; `null` while unknown. */
  latency(): number | null;
  /** Moves as the server would tell it by this answer. */
  moveTo(answer: JoinAnswer): void;
  /** The present hls.js instance; `null` before the first load and where the browser plays HLS itself. */
  readonly hls: Readonly<Pick<Hls, "latency" | "targetLatency" | "playingDate">> | null;
}

declare global {
  interface Window {
    __spillway?: PlayerHandle;
  }
}

/** Puts `player` on the window. Returns the function that takes it off again, unless another player has replaced it. */
export function exposePlayer(player: PlayerHandle): () => void {
  window.__spillway = player;
  return () => {
    if (window.__spillway === player) delete window.__spillway;
  };
}
