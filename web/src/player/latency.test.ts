import { expect, test } from "vitest";
import { catchUpRate, isAtEdge, isLeftBehind, isStuck, latencySeconds, smooth } from "./latency";

test("latency is the server's time minus the programme time on the screen", () => {
  expect(latencySeconds(10_000, 8_800)).toBeCloseTo(1.2);
  expect(latencySeconds(10_000, null)).toBeNull();
  expect(latencySeconds(10_000, Number.NaN)).toBeNull();
  expect(latencySeconds(0, 1e12)).toBeNull();
});

test("a smoothed value follows small changes slowly and jumps at once", () => {
  expect(smooth(1, 1.4)).toBeCloseTo(1.1);
  expect(smooth(9, 1.2)).toBe(1.2);
  expect(smooth(null, 1.2)).toBe(1.2);
  expect(smooth(1.2, null)).toBeNull();
});

test("a player behind its target plays faster until it reaches it, while its buffer lasts", () => {
  expect(catchUpRate(0.1, 0.7, 1)).toBe(1);
  expect(catchUpRate(0.2, 0.7, 1)).toBe(1.05);
  expect(catchUpRate(0.1, 0.7, 1.05)).toBe(1.05);
  expect(catchUpRate(0.02, 0.7, 1.05)).toBe(1);
  expect(catchUpRate(0.5, 0.7, 1)).toBe(1.2);
  expect(catchUpRate(2, 2, 1)).toBe(1.5);
  expect(catchUpRate(2, 0.2, 1.5)).toBe(1);
  expect(catchUpRate(Number.NaN, 2, 1)).toBe(1);
});

test("a player is left behind when playing faster would take too long", () => {
  expect(isLeftBehind(6.2, 0.9)).toBe(true);
  expect(isLeftBehind(2.9, 0.9)).toBe(false);
  expect(isLeftBehind(null, 0.9)).toBe(false);
  expect(isLeftBehind(6, null)).toBe(false);
});

test("a player is stuck when it starves and requests nothing although the playlist lists more", () => {
  const stuck = { starving: true, fetching: false, idleMs: 500, listedAheadSeconds: 0.6 };
  expect(isStuck(stuck)).toBe(true);
  for (const other of [{ starving: false }, { fetching: true }, { idleMs: 300 }, { listedAheadSeconds: 0.2 }]) {
    expect(isStuck({ ...stuck, ...other })).toBe(false);
  }
});

test("at the edge means within two seconds of the target", () => {
  expect(isAtEdge(1.2, 0.75)).toBe(true);
  expect(isAtEdge(4, 0.75)).toBe(false);
  expect(isAtEdge(null, null)).toBe(true);
});
