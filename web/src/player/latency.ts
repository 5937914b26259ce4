//! Latency arithmetic. Pure; all times in milliseconds unless a name says otherwise.

/** How far the picture on the screen is behind the moment it was captured, seconds; `null` while unknown or absurd. */
export function latencySeconds(serverNowMs: number, playingDateMs: number | null): number | null {
  if (playingDateMs === null || !Number.isFinite(playingDateMs)) return null;
  const seconds = (serverNowMs - playingDateMs) / 1000;
  return seconds > -5 && seconds < 86_400 ? seconds : null;
}

/** Smooths a read-out so that it can be read: exponential, but a jump (a seek) is taken over at once. */
export function smooth(previous: number | null, next: number | null, weight = 0.25, jumpSeconds = 1): number | null {
  if (next === null || previous === null || Math.abs(next - previous) > jumpSeconds) return next;
  return previous + (next - previous) * weight;
}

/** So far behind the target one begins to hurry, and so close to it one stops, seconds. */
const HURRY_FROM_SECONDS = 0.12;
const HURRY_UNTIL_SECONDS = 0.03;
/** With less than this in the buffer nobody hurries, seconds: parts come five times a second. */
const HURRY_BUFFER_SECONDS = 0.3;

/**
 * How fast to play, `behindSeconds` behind the target with `aheadSeconds` in the buffer, having played at `rate`. hls.js would do this, but not
 * with less than a second in the buffer, which is more than a viewer at the edge ever has: latency would creep up with the clocks.
 */
export function catchUpRate(behindSeconds: number, aheadSeconds: number, rate: number): number {
  const from = rate > 1 ? HURRY_UNTIL_SECONDS : HURRY_FROM_SECONDS;
  if (!(behindSeconds > from) || aheadSeconds < HURRY_BUFFER_SECONDS) return 1;
  if (behindSeconds > 1) return 1.5;
  return behindSeconds > 0.4 ? 1.2 : 1.05;
}

/** Further behind, a viewer jumps instead of hurrying. */
const JUMP_BEHIND_SECONDS = 2.5;

/** Is it time to jump to the live edge instead of hurrying there? Both seconds. */
export function isLeftBehind(latency: number | null, target: number | null): boolean {
  return latency !== null && target !== null && latency - target > JUMP_BEHIND_SECONDS;
}

/** What tells a player that has stopped asking from one whose network is slow. */
export interface Hunger {
  /** The picture waits for data. */
  starving: boolean;
  /** A request for the picture is under way. */
  fetching: boolean;
  /** Since the picture's last request began or was answered. */
  idleMs: number;
  /** How far what the playlist lists reaches beyond what is buffered. */
  listedAheadSeconds: number;
}

const STUCK_AFTER_MS = 400;
const STUCK_AHEAD_SECONDS = 0.3;

/**
 * Does hls.js starve beside a full table? When the back buffer is evicted while a part is appended, hls.js (1.7.4) forgets that it has
 * the parts of that segment, and at the segment's end asks for nothing any more until they leave the playlist, seconds later.
 */
export function isStuck({ starving, fetching, idleMs, listedAheadSeconds }: Hunger): boolean {
  return starving && !fetching && idleMs > STUCK_AFTER_MS && listedAheadSeconds > STUCK_AHEAD_SECONDS;
}

/** Is the viewer at the live edge, given what the playlist asks for? Both seconds. */
export function isAtEdge(latency: number | null, target: number | null): boolean {
  if (latency === null) return true;
  return latency <= (target ?? 3) + 2;
}
