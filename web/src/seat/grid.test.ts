import { expect, test } from "vitest";
import { grid } from "./grid";

test("tiles stand as the composer places them", () => {
  expect(grid(0)).toEqual([]);
  expect(grid(1)).toEqual([{ left: 0, top: 0, side: 100 }]);
  expect(grid(2)).toEqual([{ left: 0, top: 25, side: 50 }, { left: 50, top: 25, side: 50 }]);
  expect(grid(3).at(-1)).toEqual({ left: 25, top: 50, side: 50 });
  expect(grid(4).at(-1)).toEqual({ left: 50, top: 50, side: 50 });
});

test("any number of tiles stays on the screen and overlaps nowhere", () => {
  for (let count = 1; count <= 12; count++) {
    const places = grid(count);
    expect(new Set(places.map(({ left, top }) => `${left.toFixed(3)} ${top.toFixed(3)}`)).size).toBe(count);
    for (const { left, top, side } of places) {
      expect(Math.min(left, top)).toBeGreaterThanOrEqual(-1e-9);
      expect(Math.max(left, top) + side).toBeLessThanOrEqual(100 + 1e-9);
    }
  }
});
