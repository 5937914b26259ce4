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

/** Is the viewer at the live edge, given what the playlist asks for? Both seconds. */
export function isAtEdge(latency: number | null, target: number | null): boolean {
  if (latency === null) return true;
  return latency <= (target ?? 3) + 2;
}
