import { expect, test } from "vitest";
import { type Stat, noMemory, playout } from "./playout";

const NTP = 2_208_988_800_000;
const NOW = 1_790_000_000_000;

const inbound = (ssrc: number, kind: string, emitted: number, more: Partial<Stat> = {}): Stat => ({
  type: "inbound-rtp", timestamp: NOW, ssrc, kind, jitterBufferEmittedCount: emitted, jitterBufferDelay: emitted * 0.1, ...more,
});
/** Looks twice, with ten more frames of every track the second time. */
function look(...stats: Stat[]) {
  const { memory } = playout(stats.map((stat) => ({ ...stat, jitterBufferEmittedCount: 0, jitterBufferDelay: 0 })), noMemory);
  return playout(stats, memory).playout;
}

test("the estimate of the browser counts from 1900", () => {
  const seat = look(inbound(1, "video", 10, { estimatedPlayoutTimestamp: NOW + NTP - 120 }), inbound(2, "audio", 10, { estimatedPlayoutTimestamp: NOW - 90 }));
  expect(seat).toMatchObject({ atMs: NOW, pictureMs: NOW - 120, soundMs: NOW - 90, delayMs: 100 });
});

test("without an estimate the jitter buffer's wait and the quickest report give the instant", () => {
  const report = (timestamp: number): Stat => ({ type: "remote-outbound-rtp", timestamp, remoteTimestamp: NOW - 1000 });
  const seat = look(report(NOW - 900), report(NOW - 970), inbound(1, "video", 10), inbound(2, "audio", 10));
  expect(seat.pictureMs).toBeCloseTo(NOW - 30 - 100 - 20);
  expect(seat.soundMs).toBeCloseTo(NOW - 30 - 100 - 50);
});

test("bytes and freezes of all tracks are summed", () => {
  const seat = look(inbound(1, "video", 10, { bytesReceived: 900, freezeCount: 2, totalFreezesDuration: 0.5 }), inbound(2, "audio", 10, { bytesReceived: 100 }));
  expect(seat).toMatchObject({ receivedBytes: 1000, freezes: 2, frozenMs: 500 });
});

test("a track that plays no more and one that never did tell nothing", () => {
  const stopped = inbound(1, "video", 10, { estimatedPlayoutTimestamp: NOW });
  const { memory } = playout([stopped], noMemory);
  expect(playout([stopped], memory).playout.pictureMs).toBeNull();
  expect(look().pictureMs).toBeNull();
  expect(look(inbound(1, "video", 10)).pictureMs).toBeNull();
});

test("of several speakers the middle one counts", () => {
  const at = (ssrc: number, lag: number) => inbound(ssrc, "video", 10, { estimatedPlayoutTimestamp: NOW - lag });
  expect(look(at(1, 40), at(2, 5_000), at(3, 60)).pictureMs).toBe(NOW - 60);
});
