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

/** hls.js hurries only so far behind its target (one target duration); beyond, a viewer would stay behind for ever. */
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
