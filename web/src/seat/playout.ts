//! Which instant of the programme a seat shows, from the statistics of its connection. Pure; times are Unix
//! milliseconds.
//!
//! `estimatedPlayoutTimestamp` (webrtc-stats, RTCInboundRtpStreamStats) is the sender's NTP time of what plays now, by
//! the sender reports, which the SFU rewrites to capture time. Chromium gives it about two seconds after the start, for
//! tracks that come with another of the same participant, and it was within 25 ms of a counter burned into the picture.
//! `requestVideoFrameCallback` has no `captureTime` here: Chromium converts sender reports only with a round trip time,
//! which a connection that sends no media does not measure. Its `rtpTimestamp` leads nowhere either, because no
//! statistic tells the RTP time of a report.
//!
//! Tracks without the estimate are judged by the wait in their jitter buffer and by the quickest sender report.

/** The NTP era begins in 1900, Unix time in 1970. */
const NTP_TO_UNIX_MS = 2_208_988_800_000;
/** A screen and a sound device take about as long after the jitter buffer. */
const DEVICE_MS = { video: 20, audio: 50 };

/** What a seat plays. `null`: unknown, or there is no such track. */
export interface Playout {
  /** The time of the statistics. */
  atMs: number;
  pictureMs: number | null;
  soundMs: number | null;
  /** How long pictures wait in the jitter buffer, milliseconds. */
  delayMs: number | null;
  /** All bytes of media so far; and the freezes of pictures so far, and how long they were. */
  receivedBytes: number;
  freezes: number;
  frozenMs: number;
}

/** The fields of a `RTCStatsReport` that count, as browsers leave some out. */
export interface Stat {
  type: string;
  timestamp: number;
  ssrc?: number;
  kind?: string;
  localId?: string;
  estimatedPlayoutTimestamp?: number;
  jitterBufferDelay?: number;
  jitterBufferEmittedCount?: number;
  remoteTimestamp?: number;
  bytesReceived?: number;
  freezeCount?: number;
  totalFreezesDuration?: number;
}

/** What one look needs of the look before. */
export interface Memory {
  /** By SSRC: the sums of the jitter buffer's statistics. */
  buffers: ReadonlyMap<number, { delaySeconds: number; emitted: number }>;
  /** Least time between a sender report's NTP time and its arrival: way and difference of clocks. */
  transitMs: number | null;
}

export const noMemory: Memory = { buffers: new Map(), transitMs: null };

/** What plays, of the middle track of each kind: all tracks are given the same delay. */
export function playout(stats: readonly Stat[], memory: Memory): { playout: Playout; memory: Memory } {
  const transitMs = stats.reduce(leastTransit, memory.transitMs);
  const buffers = new Map<number, { delaySeconds: number; emitted: number }>();
  const instants = { video: [] as number[], audio: [] as number[] };
  const delays: number[] = [];
  let atMs = 0;
  const sums = { receivedBytes: 0, freezes: 0, frozenMs: 0 };
  for (const stat of stats) {
    if (stat.type !== "inbound-rtp" || (stat.kind !== "video" && stat.kind !== "audio")) continue;
    atMs = Math.max(atMs, stat.timestamp);
    sums.receivedBytes += stat.bytesReceived ?? 0;
    sums.freezes += stat.freezeCount ?? 0;
    sums.frozenMs += (stat.totalFreezesDuration ?? 0) * 1000;
    const now = { delaySeconds: stat.jitterBufferDelay ?? 0, emitted: stat.jitterBufferEmittedCount ?? 0 };
    const before = memory.buffers.get(stat.ssrc ?? 0);
    buffers.set(stat.ssrc ?? 0, now);
    // A track that nobody sends on any more keeps its last estimate for ever.
    if (!before || now.emitted <= before.emitted) continue;
    const delayMs = ((now.delaySeconds - before.delaySeconds) / (now.emitted - before.emitted)) * 1000;
    if (stat.kind === "video") delays.push(delayMs);
    const instant = estimated(stat) ?? (transitMs === null ? null : stat.timestamp - transitMs - delayMs - DEVICE_MS[stat.kind]);
    if (instant !== null) instants[stat.kind].push(instant);
  }
  const found = { atMs, pictureMs: middle(instants.video), soundMs: middle(instants.audio), delayMs: middle(delays), ...sums };
  return { playout: found, memory: { buffers, transitMs } };
}

function estimated({ estimatedPlayoutTimestamp: time }: Stat): number | null {
  if (time === undefined || !Number.isFinite(time) || time <= 0) return null;
  return time > NTP_TO_UNIX_MS + 1e12 ? time - NTP_TO_UNIX_MS : time;
}

function leastTransit(least: number | null, stat: Stat): number | null {
  if (stat.type !== "remote-outbound-rtp" || stat.remoteTimestamp === undefined) return least;
  const transit = stat.timestamp - stat.remoteTimestamp;
  return least === null ? transit : Math.min(least, transit);
}

function middle(values: number[]): number | null {
  values.sort((a, b) => a - b);
  return values[Math.floor(values.length / 2)] ?? null;
}
