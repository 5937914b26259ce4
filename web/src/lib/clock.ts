//! Estimates the server's clock from `Date` headers alone.
//!
//! A `Date` header (RFC 9110 §6.6.1) is whole seconds, so one answer bounds the offset to a second plus the round trip.
//! Bounds from several answers intersect, and a request timed to arrive as the server's second turns halves them:
//! after eight requests they are about a round trip wide. No I/O and no clock here: times come in, driven by
//! `clock-sync.ts`. All times are milliseconds.

/** One answer: the times at which the request left and its head arrived (local clock), and its `Date`. */
export interface DateSample {
  sentAtMs: number;
  receivedAtMs: number;
  dateMs: number;
}

/** Bounds of `server clock − local clock`. */
export interface OffsetBounds {
  lowMs: number;
  highMs: number;
}

/** The bounds one answer gives by itself. */
export function boundsOf({ sentAtMs, receivedAtMs, dateMs }: DateSample): OffsetBounds {
  // The server wrote the header at local time t, sent ≤ t ≤ received, when its clock was in [date, date + 1 s).
  return { lowMs: dateMs - receivedAtMs, highMs: dateMs + 1000 - sentAtMs };
}

/** Intersects the known bounds with a new answer's. If they do not overlap, a clock was set: the new ones win. */
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

/** Half the width of the bounds; infinite without any. */
export function uncertaintyMs(bounds: OffsetBounds | null): number {
  return bounds ? (bounds.highMs - bounds.lowMs) / 2 : Number.POSITIVE_INFINITY;
}

/** The time to send the next request so that, by the best guess, the server answers just as its second turns. */
export function nextProbeAtMs(bounds: OffsetBounds, nowMs: number, roundTripMs: number): number {
  const serverAtArrival = nowMs + roundTripMs / 2 + offsetMs(bounds);
  return nowMs + (1000 - (((serverAtArrival % 1000) + 1000) % 1000));
}
