//! Latency arithmetic. Pure; all times in milliseconds unless a name says otherwise.

/** Age of the picture on the screen since its capture, seconds; `null` while unknown or absurd. */
export function latencySeconds(serverNowMs: number, playingDateMs: number | null): number | null {
  if (playingDateMs === null || !Number.isFinite(playingDateMs)) return null;
  const seconds = (serverNowMs - playingDateMs) / 1000;
  return seconds > -5 && seconds < 86_400 ? seconds : null;
}

/** Smooths a read-out exponentially so that it can be read; a jump (a seek) is shown at once. */
export function smooth(previous: number | null, next: number | null, weight = 0.25, jumpSeconds = 1): number | null {
  if (next === null || previous === null || Math.abs(next - previous) > jumpSeconds) return next;
  return previous + (next - previous) * weight;
}

/** Catching up begins this far behind the target and ends this close to it, seconds. */
const CATCH_UP_FROM_SECONDS = 0.12;
const CATCH_UP_UNTIL_SECONDS = 0.03;
/** With less than this in the buffer the player does not catch up, seconds: parts come five times a second. */
const CATCH_UP_BUFFER_SECONDS = 0.3;

/**
 * The playback rate `behindSeconds` behind the target with `aheadSeconds` in the buffer, after playing at `rate`.
 * hls.js catches up only with more than a second in the buffer, which a viewer at the live edge never has: its latency
 * would grow with the clocks' drift.
 */
export function catchUpRate(behindSeconds: number, aheadSeconds: number, rate: number): number {
  const from = rate > 1 ? CATCH_UP_UNTIL_SECONDS : CATCH_UP_FROM_SECONDS;
  if (!(behindSeconds > from) || aheadSeconds < CATCH_UP_BUFFER_SECONDS) return 1;
  if (behindSeconds > 1) return 1.5;
  return behindSeconds > 0.4 ? 1.2 : 1.05;
}

/** A player further behind the target than this jumps instead of catching up, seconds. */
const JUMP_BEHIND_SECONDS = 2.5;

/** Is the player too far behind to catch up by playing faster? Both seconds. */
export function isLeftBehind(latency: number | null, target: number | null): boolean {
  return latency !== null && target !== null && latency - target > JUMP_BEHIND_SECONDS;
}

/** The signs that tell a player that has stopped requesting from one whose network is slow. */
export interface Hunger {
  /** The picture waits for data. */
  starving: boolean;
  /** A request for the picture is under way. */
  fetching: boolean;
  /** Time since the picture's last request began or was answered. */
  idleMs: number;
  /** Media that the playlist lists after the picture on the screen. */
  listedAheadSeconds: number;
}

const STUCK_AFTER_MS = 400;
const STUCK_AHEAD_SECONDS = 0.3;

/**
 * Has hls.js stopped requesting although the playlist lists more? When the back buffer is evicted while a part is
 * appended, hls.js (1.7.4) loses track of the parts it has of that segment. At the segment's end it then requests no
 * more until they leave the playlist, seconds later.
 */
export function isStuck({ starving, fetching, idleMs, listedAheadSeconds }: Hunger): boolean {
  return starving && !fetching && idleMs > STUCK_AFTER_MS && listedAheadSeconds > STUCK_AHEAD_SECONDS;
}

/** Is the viewer within 2 s of the target latency? Both seconds. */
export function isAtEdge(latency: number | null, target: number | null): boolean {
  if (latency === null) return true;
  return latency <= (target ?? 3) + 2;
}
