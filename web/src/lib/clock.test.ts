import { expect, test } from "vitest";
import { type OffsetBounds, narrow, nextProbeAtMs, offsetMs, uncertaintyMs } from "./clock";

/** A server whose clock is `offset` ahead, `oneWay` away. */
function answer(sentAtMs: number, offset: number, oneWay: number) {
  const dateMs = Math.floor((sentAtMs + oneWay + offset) / 1000) * 1000;
  return { sentAtMs, receivedAtMs: sentAtMs + 2 * oneWay, dateMs };
}

test.each([0, 137, -4_321.5, 86_400_250])("eight well-timed requests find an offset of %d ms", (offset) => {
  let now = 1_700_000_000_123;
  let bounds: OffsetBounds | null = null;
  for (let i = 0; i < 8; i++) {
    if (bounds) now = nextProbeAtMs(bounds, now, 6);
    const sample = answer(now, offset, 3);
    bounds = narrow(bounds, sample);
    expect(bounds.lowMs).toBeLessThanOrEqual(offset);
    expect(bounds.highMs).toBeGreaterThanOrEqual(offset);
    now = sample.receivedAtMs;
  }
  expect(uncertaintyMs(bounds)).toBeLessThan(12);
  expect(Math.abs(offsetMs(bounds) - offset)).toBeLessThan(12);
});

test("after a clock was set the newest answer wins", () => {
  const before = narrow(null, answer(10_000, 0, 1));
  const after = narrow(before, answer(20_000, 60_000, 1));
  expect(Math.abs(offsetMs(after) - 60_000)).toBeLessThanOrEqual(501);
});

test("without an answer the offset is zero", () => {
  expect(offsetMs(null)).toBe(0);
});
