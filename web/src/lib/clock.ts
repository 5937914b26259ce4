//! The server's clock, from nothing but `Date` headers.
//!
//! A `Date` header (RFC 9110 §6.6.1) is whole seconds, so one answer bounds the offset to a second plus the round trip.
//! Bounds from several answers intersect, and a request timed to arrive as the server's second turns halves what is
//! left: eight requests bring it to about the round trip. No I/O and no clock here: times come in, driven by
//! `clock-sync.ts`. All times are milliseconds.

/** One answer: when the request left, when its head arrived (local clock), and what `Date` said. */
export interface DateSample {
  sentAtMs: number;
  receivedAtMs: number;
  dateMs: number;
}

/** What is known of `server clock − local clock`. */
export interface OffsetBounds {
  lowMs: number;
  highMs: number;
}

/** The bounds one answer gives by itself. */
export function boundsOf({ sentAtMs, receivedAtMs, dateMs }: DateSample): OffsetBounds {
  // The server wrote the header at some local time t, sent ≤ t ≤ received, and its clock then stood in [date, date + 1 s).
  return { lowMs: dateMs - receivedAtMs, highMs: dateMs + 1000 - sentAtMs };
}

/** Old and new knowledge together. Bounds that contradict each other mean that a clock was set: the new ones win. */
export function narrow(known: OffsetBounds | null, sample: DateSample): OffsetBounds {
  const fresh = boundsOf(sample);
  if (!known) return fresh;
  const lowMs = Math.max(known.lowMs, fresh.lowMs);
  const highMs = Math.min(known.highMs, fresh.highMs);
  return lowMs <= highMs ? { lowMs, highMs } : fresh;
}

/** The best single guess of the offset. */
export function offsetMs(bounds: OffsetBounds | null): number {
  return bounds ? (bounds.lowMs + bounds.highMs) / 2 : 0;
}

/** Half of what is still unknown. */
export function uncertaintyMs(bounds: OffsetBounds | null): number {
  return bounds ? (bounds.highMs - bounds.lowMs) / 2 : Number.POSITIVE_INFINITY;
}

/** When to send the next request so that, by the best guess, it is answered just as the server's second turns. */
export function nextProbeAtMs(bounds: OffsetBounds, nowMs: number, roundTripMs: number): number {
  const serverAtArrival = nowMs + roundTripMs / 2 + offsetMs(bounds);
  return nowMs + (1000 - (((serverAtArrival % 1000) + 1000) % 1000));
}
